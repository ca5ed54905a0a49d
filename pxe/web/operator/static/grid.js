// The rack at a glance: a tile for each machine, with its state as colour, as shape and as a word.

import { h, shown, text } from "./dom.js";
import { percent } from "./format.js";
import { STAGES, STATES, draw, glyph } from "./states.js";
import { current, step } from "./store.js";

const MOST_TILES = 2000;
const LARGE = 64;
const MEDIUM = 160;

export class Grid {
  constructor() {
    this.node = h("div", { class: "grid", role: "group", "aria-label": "Machines; arrow keys move, Enter opens", onkeydown: (event) => this.move(event) });
    this.tiles = new Map();
    this.order = "";
  }

  /** Show `rows`; of those in `dirty` the tile is drawn anew. */
  update(rows, dirty, everything) {
    const kept = rows.slice(0, MOST_TILES);
    const order = kept.map((row) => row.mac).join("");
    this.node.dataset.size = kept.length <= LARGE ? "large" : kept.length <= MEDIUM ? "medium" : "small";
    if (order !== this.order) {
      this.order = order;
      this.arrange(kept);
      everything = true;
    }
    for (const row of kept) if (everything || dirty.has(row.mac)) drawTile(this.tiles.get(row.mac), row);
  }

  arrange(rows) {
    const wanted = new Set(rows.map((row) => row.mac));
    for (const [mac, tile] of this.tiles) {
      if (wanted.has(mac)) continue;
      tile.node.remove();
      this.tiles.delete(mac);
    }
    rows.forEach((row, at) => {
      if (!this.tiles.has(row.mac)) this.tiles.set(row.mac, makeTile(row.mac));
      const node = this.tiles.get(row.mac).node;
      if (this.node.children[at] !== node) this.node.insertBefore(node, this.node.children[at] ?? null);
    });
    const first = this.node.querySelector("[tabindex='0']") ?? this.node.firstElementChild;
    for (const tile of this.tiles.values()) tile.node.tabIndex = tile.node === first ? 0 : -1;
  }

  move(event) {
    const all = [...this.node.children];
    const at = all.indexOf(document.activeElement);
    if (at < 0) return;
    const top = all[0].offsetTop;
    const across = Math.max(1, all.filter((tile) => tile.offsetTop === top).length);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -at, End: all.length - 1 - at };
    const next = all[at + (steps[event.key] ?? NaN)];
    if (!next) return;
    event.preventDefault();
    all[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function makeTile(mac) {
  const parts = { icon: glyph("idle"), name: h("bdi"), what: h("span", { class: "twhat" }), bar: h("i", { class: "tbar" }) };
  const node = h("a", { class: "tile", href: `#/machine/${mac}` }, parts.icon, h("span", { class: "tname" }, parts.name), parts.what, parts.bar);
  return { node, ...parts, state: "" };
}

function drawTile(tile, row) {
  if (tile.state !== row.state) {
    tile.state = row.state;
    tile.node.dataset.state = row.state;
    draw(tile.icon, row.state);
  }
  const moved = current(row.boot);
  const what = row.state === "booting" ? STAGES[step(row.boot)] ?? "" : STATES[row.state].word;
  const name = shown(row.name || row.mac, 60);
  text(tile.name, name);
  text(tile.what, what);
  const share = row.state === "booting" && moved ? percent(moved.sent, moved.size) : 0;
  tile.bar.style.width = `${share}%`;
  const told = `${name}: ${STATES[row.state].word}${row.state === "booting" && what ? `, ${what}` : ""}`;
  if (tile.node.title !== told) {
    tile.node.title = told;
    tile.node.setAttribute("aria-label", told);
  }
}
