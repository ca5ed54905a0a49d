// Failures by cause, each with boots that differ and what it was concluded from; and tests that failed.

import { h, shown } from "./dom.js";
import { file, hash } from "./measured.js";

const MOST_CELLS = 12;

export function causes(groups) {
  if (!groups.length) return null;
  return h("section", { class: "causes" }, h("h3", {}, "Failures by cause"), groups.map(cause));
}

function cause(group) {
  const where = group.where.slice(0, MOST_CELLS).map((one) => `${one.cell} (${one.boots})`).join(", ");
  const more = group.where.length > MOST_CELLS ? ` and ${group.where.length - MOST_CELLS} more cells` : "";
  return h("div", { class: "card", data: { state: group.lab ? "stalled" : "failed" } },
    h("h4", {}, `${group.title}: ${group.boots} ${group.boots === 1 ? "boot" : "boots"}`, group.lab ? h("span", { class: "soft" }, " the lab's own equipment") : null),
    h("p", { class: "soft" }, shown(`${where}${more}`, 900)), group.examples.map(example));
}

function example(one) {
  const open = h("details", { data: { key: `${one.run} ${one.number}` } }, h("summary", {}, shown(one.sentence, 400)),
    one.evidence.length ? h("ul", { class: "evidence" }, one.evidence.slice(0, 8).map((line) => h("li", {}, shown(line, 300)))) : null,
    said("The last lines of its console", one.console), said("The last of its packets", one.packets),
    h("p", {}, h("a", { href: hash("boot", one.run, one.number) }, `boot ${one.number} of ${one.cell}`)));
  return open;
}

function said(title, lines) {
  return lines.length ? h("div", {}, h("p", { class: "soft" }, title), h("pre", { class: "says", tabindex: "0" }, lines.map((line) => shown(line, 300)).join("\n"))) : null;
}

export function failedTests(cells) {
  const found = cells.flatMap((cell) => cell.tests_failed.map((test) => ({ cell, test })));
  if (!found.length) return null;
  const rows = found.slice(0, 50).map(({ cell, test }) => h("li", {}, h("strong", {}, shown(test.name, 200)), ` on ${cell.place}/${cell.image}/${cell.suite}: ${shown(test.why, 300)} `, cell.files.map((one) => file(one.path, one.word))));
  return h("section", {}, h("h3", {}, "Tests that failed"), h("ul", {}, rows), found.length > rows.length ? h("p", { class: "soft" }, `and ${found.length - rows.length} more`) : null);
}
