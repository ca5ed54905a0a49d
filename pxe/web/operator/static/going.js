// Where each board is now: its run, the boot that goes on, its last lines.

import { get } from "./api.js";
import { h, pool, shown, text } from "./dom.js";
import { duration } from "./format.js";
import { hash } from "./measured.js";

const EVERY_MS = 2000;
const IDLE_MS = 10_000;

export class Going {
  constructor() {
    this.list = h("ol", { class: "boards" });
    this.node = h("section", { "aria-labelledby": "going-head", hidden: true }, h("h3", { id: "going-head" }, "At work now"), this.list);
    this.boards = [];
  }

  mount() {
    this.gone = false;
    this.fetch();
    this.tick = setInterval(() => document.hidden || this.boards.forEach((board, at) => this.clock(this.list.children[at], board)), 500);
  }

  unmount() {
    this.gone = true;
    clearTimeout(this.timer);
    clearInterval(this.tick);
  }

  async fetch() {
    clearTimeout(this.timer);
    try {
      if (!document.hidden) this.draw(await get("/running"));
    } catch {
      // said by the view around it, which asks as well
    }
    if (!this.gone) this.timer = setTimeout(() => this.fetch(), this.boards.length ? EVERY_MS : IDLE_MS);
  }

  draw(told) {
    this.boards = told.boards;
    this.ahead = Date.now() / 1000 - told.now; // of this browser's clock
    this.node.hidden = !told.boards.length;
    const nodes = pool(this.list, told.boards.length, makeBoard);
    told.boards.forEach((board, at) => {
      drawBoard(nodes[at], board);
      this.clock(nodes[at], board);
    });
  }

  clock(node, board) {
    if (!node) return;
    const now = Date.now() / 1000 - this.ahead;
    const since = board.since === null ? 0 : Math.max(0, now - board.since);
    const quiet = Math.max(0, now - board.last_sign);
    const bar = node.querySelector("progress");
    bar.hidden = !board.number || !board.usual_seconds;
    bar.max = board.usual_seconds || 1;
    bar.value = Math.min(since, bar.max);
    const usual = board.usual_seconds ? ` of about ${duration(board.usual_seconds * 1000)}` : "";
    const silent = quiet > 20 ? `; silent for ${duration(quiet * 1000)}` : "";
    text(node.querySelector(".since"), board.number ? `${duration(since * 1000)}${usual}${silent}` : `between two boots${silent}`);
  }
}

function makeBoard() {
  return h("li", { class: "card", data: { state: "booting" } }, h("p", { class: "card-head" }, h("strong"), h("a"), h("span", { class: "soft what" })),
    h("p", {}, h("span", { class: "count" }), h("progress", { "aria-label": "this boot" }), h("span", { class: "soft since" })), h("p", { class: "reached" }), h("pre", { class: "says" }));
}

function drawBoard(node, board) {
  const [name, link, what] = node.firstElementChild.children;
  text(name, board.place);
  link.href = hash("runs", board.run);
  text(link, shown(`${board.image}, ${board.suite}`, 90));
  text(what, [board.board_type, board.emulated ? "emulated" : "real", board.night ? "" : "by hand"].filter(Boolean).join(" \u00b7 "));
  text(node.querySelector(".count"), board.number ? `boot ${board.number} of ${Math.max(board.planned, board.number)} ` : `${board.recorded} of ${board.planned} boots `);
  text(node.querySelector(".reached"), board.reached ? `came to: ${board.reached}` : "");
  const says = node.querySelector(".says");
  says.hidden = !board.lines.length;
  const lines = board.lines.map((line) => shown(line, 200)).join("\n");
  if (says.textContent !== lines) says.textContent = lines;
}
