// Boots that do not go on, on top: one sentence and its cure. Many with one cause are one card.

import { h, shown, text } from "./dom.js";
import { TROUBLE, badge } from "./states.js";
import { step } from "./store.js";
import { drawLane, lane } from "./waterfall.js";

const MOST_CARDS = 8;
const MOST_NAMES = 40;

/** Why the machine of `row` is in trouble; null where it is not. A machine that failed and starts again is. */
export function reason(row) {
  const boot = row.boot;
  if (!boot) return null;
  if (TROUBLE.has(boot.state)) {
    const found = boot.findings.find((one) => one.sentence === boot.sentence) ?? null;
    return { sentence: boot.sentence, cure: found?.cure ?? "", rule: found?.rule ?? "", again: false };
  }
  const before = boot.before;
  if (boot.state !== "booting" || before?.state !== "failed") return null;
  return { sentence: before.sentence, cure: "", rule: "", again: true };
}

/** A sentence without what is of one machine: its MAC, its serial number, addresses, numbers. */
function cause(sentence) {
  return sentence.replace(/([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|\b[0-9a-f]{8}\b|\d+([.:]\d+)*/gi, "#");
}

export function groups(rows) {
  const found = new Map();
  for (const row of rows) {
    const why = reason(row);
    if (!why) continue;
    const key = row.boot.state === "stalled" && !why.sentence ? `silent ${step(row.boot)}` : `${why.rule} ${cause(why.sentence)}`;
    if (!found.has(key)) found.set(key, { key, why, rows: [] });
    found.get(key).rows.push(row);
  }
  const weight = (group) => (group.rows.some((row) => row.boot.state === "failed") ? 0 : 1);
  return [...found.values()].sort((a, b) => weight(a) - weight(b) || b.rows.length - a.rows.length);
}

export class Trouble {
  constructor() {
    this.list = h("div", { class: "cards" });
    this.more = h("p", { class: "soft" });
    this.heading = h("h2", {}, "Needs attention");
    this.node = h("section", { class: "trouble", "aria-labelledby": "trouble-head" }, this.heading, this.list, this.more);
    this.heading.id = "trouble-head";
    this.cards = new Map();
  }

  update(rows, dirty) {
    const all = groups(rows);
    this.node.hidden = all.length === 0;
    const kept = all.slice(0, MOST_CARDS);
    for (const [key, card] of this.cards) {
      if (!kept.some((group) => group.key === key)) {
        card.node.remove();
        this.cards.delete(key);
      }
    }
    kept.forEach((group, at) => this.place(group, at, dirty));
    text(this.more, all.length > MOST_CARDS ? `and ${all.length - MOST_CARDS} more causes: filter the rack by state` : "");
  }

  place(group, at, dirty) {
    const sign = JSON.stringify([group.rows.map((row) => [row.mac, row.name, row.boot.state, row.boot.plan]), group.why]);
    let card = this.cards.get(group.key);
    if (!card || card.sign !== sign) {
      const node = build(group);
      if (card) card.node.replaceWith(node.root);
      card = { node: node.root, bar: node.bar, sign };
      this.cards.set(group.key, card);
    } else if (!dirty.has(group.rows[0].mac)) {
      if (this.list.children[at] !== card.node) this.list.insertBefore(card.node, this.list.children[at] ?? null);
      return;
    }
    drawLane(card.bar, group.rows[0].boot);
    if (this.list.children[at] !== card.node) this.list.insertBefore(card.node, this.list.children[at] ?? null);
  }
}

function build(group) {
  const { why, rows } = group;
  const boot = rows[0].boot;
  const times = boot.before?.times ? `, ${boot.before.times + (why.again ? 0 : 1)} times in a row` : "";
  const bar = lane();
  const again = why.again ? " and starts again" : times;
  const root = h("article", { class: "card", data: { state: boot.state } },
    h("div", { class: "card-head" }, badge(why.again ? "booting" : boot.state, again), names(rows),
      h("span", { class: "soft" }, [boot.plan && `plan ${boot.plan}`, boot.firmware, boot.arch].filter(Boolean).map((word) => shown(word, 40)).join(" \u00b7 "))),
    h("p", { class: "sentence" }, shown(why.sentence, 600)),
    why.cure ? h("p", { class: "cure" }, h("strong", {}, "What to do: "), shown(why.cure, 900)) : null,
    bar,
    why.rule ? h("p", { class: "soft rule" }, `rule ${shown(why.rule, 60)} (docs/why-did-it-not-boot.md)`) : null);
  return { root, bar };
}

function names(rows) {
  const links = rows.slice(0, rows.length > 3 ? MOST_NAMES : 3).map((row) => h("a", { href: `#/machine/${row.mac}` }, shown(row.name || row.mac, 60)));
  const list = links.flatMap((link, at) => (at ? [", ", link] : [link]));
  if (rows.length > links.length) list.push(` and ${rows.length - links.length} more`);
  return h("span", { class: "names" }, rows.length > 1 ? `${rows.length} machines: ` : "", list);
}
