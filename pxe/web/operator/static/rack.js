// The first view: what needs a person, the rack, and the boots that go on now.

import { h, pool, shown, text } from "./dom.js";
import { byName, duration } from "./format.js";
import { Grid } from "./grid.js";
import { ORDER, STATES, TROUBLE, draw, glyph } from "./states.js";
import { elapsed } from "./store.js";
import { Trouble } from "./trouble.js";
import { drawLane, lane, sending } from "./waterfall.js";

const MOST_LANES = 24;
const TICK_MS = 250;
const LANES_MS = 100; // bars are drawn no more often: what is new is in the tiles at once

export class Rack {
  constructor(store) {
    this.store = store;
    this.filter = { state: "", words: "" };
    this.trouble = new Trouble();
    this.grid = new Grid();
    this.chips = this.makeChips();
    this.search = h("input", { type: "search", id: "search", placeholder: "name, MAC, plan, address \u2026", autocomplete: "off", spellcheck: "false", oninput: () => this.filtered() });
    this.none = h("p", { class: "soft" });
    this.lanes = h("ol", { class: "lanes" });
    this.after = h("p", { class: "soft" });
    this.live = h("section", { "aria-labelledby": "live-head" }, h("h2", { id: "live-head" }, "Boots"), this.lanes, this.after);
    this.node = h("div", {},
      h("div", { class: "filters" }, h("div", { class: "chips", role: "group", "aria-label": "Filter by state" }, Object.values(this.chips).map((chip) => chip.node)),
        h("label", { class: "search" }, h("span", { class: "sr" }, "Search machines"), this.search)),
      this.trouble.node,
      h("section", { "aria-labelledby": "rack-head" }, h("h2", { id: "rack-head" }, "Rack"), this.grid.node, this.none),
      this.live);
  }

  makeChips() {
    const chip = (state, word, icon) => {
      const count = h("b", {}, "0");
      const node = h("button", { type: "button", class: "chip", "aria-pressed": "false", data: { state }, onclick: () => this.choose(state) }, icon, `${word} `, count);
      return { node, count };
    };
    const chips = { "": chip("", "all", null) };
    for (const state of ORDER) chips[state] = chip(state, STATES[state].word, glyph(state));
    return chips;
  }

  choose(state) {
    this.filter.state = this.filter.state === state ? "" : state;
    this.filtered();
  }

  filtered() {
    this.filter.words = this.search.value;
    this.update(new Set(), true);
  }

  mount() {
    this.timer = setInterval(() => document.hidden || this.drawLanes(), TICK_MS);
    this.update(new Set(), true);
  }

  unmount() {
    clearInterval(this.timer);
  }

  update(dirty, everything) {
    if (everything || !this.order) this.order = this.store.macs().map((mac) => this.store.row(mac)).sort(byName).map((row) => row.mac);
    const all = this.order.map((mac) => this.store.row(mac));
    this.count(all);
    const rows = all.filter((row) => this.fits(row));
    this.trouble.update(rows, dirty);
    this.grid.update(rows, dirty, everything);
    text(this.none, rows.length ? "" : all.length ? "No machine is like this." : "No machine is known yet: add one under Unknown, or in the site file.");
    this.rows = rows;
    if (everything || performance.now() - this.drawn > LANES_MS) this.drawLanes();
  }

  count(all) {
    const counts = { "": all.length };
    for (const row of all) counts[row.state] = (counts[row.state] ?? 0) + 1;
    for (const [state, chip] of Object.entries(this.chips)) {
      text(chip.count, counts[state] ?? 0);
      chip.node.setAttribute("aria-pressed", String(this.filter.state === state));
      chip.node.hidden = state !== "" && !counts[state] && this.filter.state !== state;
    }
  }

  fits(row) {
    if (this.filter.state && row.state !== this.filter.state) return false;
    const words = this.filter.words.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return true;
    const boot = row.boot;
    const tags = row.machine?.tags ?? [];
    const text_ = [row.name, row.mac, boot?.ip, row.machine?.ip, boot?.plan, row.machine?.plan, boot?.firmware, boot?.arch, STATES[row.state].word, ...tags].join(" ").toLowerCase();
    return words.every((word) => text_.includes(word));
  }

  /** Those that go on first, the oldest on top, so that rows keep their places; then the latest that ended. */
  drawLanes() {
    this.drawn = performance.now();
    const rows = this.rows.filter((row) => row.boot && !TROUBLE.has(row.state));
    const going = rows.filter((row) => row.boot.state === "booting").sort((a, b) => a.boot.began - b.boot.began || byName(a, b));
    const ended = rows.filter((row) => row.boot.state !== "booting").sort((a, b) => b.boot.began - a.boot.began || byName(a, b));
    const kept = [...going, ...ended].slice(0, MOST_LANES);
    const scale = Math.max(...kept.map((row) => elapsed(row.boot)), 1);
    const nodes = pool(this.lanes, kept.length, makeRow);
    kept.forEach((row, at) => drawRow(nodes[at], row, scale));
    this.live.hidden = !kept.length;
    const more = rows.length - kept.length;
    text(this.after, more > 0 ? `and ${more} more${going.length > kept.length ? `, of which ${going.length - kept.length} boot now` : ""}; search or filter to see them` : "");
  }
}

function makeRow() {
  return h("li", {}, h("a", { class: "lname" }, glyph("idle"), h("span")), lane(), h("span", { class: "ltime" }), h("span", { class: "lnow" }));
}

function drawRow(node, row, scale) {
  const [link, bar, time, now] = node.children;
  if (node.dataset.state !== row.state) {
    node.dataset.state = row.state;
    draw(link.firstElementChild, row.state);
  }
  link.href = `#/machine/${row.mac}`;
  text(link.lastElementChild, shown(row.name || row.mac, 60));
  drawLane(bar, row.boot, scale);
  text(time, duration(elapsed(row.boot)));
  text(now, row.boot.state === "booting" ? sending(row.boot) : [STATES[row.state].word, row.boot.plan].filter(Boolean).map((word) => shown(word, 50)).join(", plan "));
}
