// Board by image: a row for each suite of a place, a square for each image.

import { h, shown } from "./dom.js";
import { hash } from "./measured.js";

export function grid(night, marks) {
  const images = [...new Set(night.cells.map((cell) => cell.image))];
  const rows = new Map();
  for (const cell of night.cells) {
    const key = JSON.stringify([cell.place, cell.suite]);
    if (!rows.has(key)) rows.set(key, { place: cell.place, type: cell.board_type, suite: cell.suite, cells: new Map() });
    rows.get(key).cells.set(cell.image, cell);
  }
  const verdicts = new Map((night.changes?.cells ?? []).map((one) => [key(one), one]));
  let before = null;
  const body = [...rows.values()].map((row) => {
    const first = row.place !== before;
    before = row.place;
    const name = h("th", { scope: "row", class: "place" }, first ? [shown(row.place, 60), h("small", {}, shown(row.type, 60))] : h("span", { class: "sr" }, row.place));
    return h("tr", { class: first ? "first" : "" }, name, h("th", { scope: "row" }, shown(row.suite, 60)), images.map((image) => h("td", {}, square(row.cells.get(image), verdicts, marks))));
  });
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Board by image" },
    h("table", { class: "squares" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "place"), h("th", { scope: "col" }, "suite"), images.map((image) => h("th", { scope: "col" }, shown(image, 60))))), h("tbody", {}, body)));
}

const key = (cell) => JSON.stringify([cell.place, cell.image, cell.suite]);

function square(cell, verdicts, marks) {
  if (!cell) return h("span", { class: "soft" }, "\u2013");
  const open = cell.ended === null && cell.settled < cell.steps;
  const good = open && ["passed", "not-run"].includes(cell.standing); // what fails, does so before the end, too
  const word = !good ? cell.standing.replace("-", " ") : cell.recorded ? "so far passed" : "waits";
  const run = cell.runs.at(-1);
  const found = verdicts.get(key(cell));
  const news = found ? [found.word, found.change].filter(Boolean).join(" ") : "";
  const inside = [h("span", { class: "standing" }, h("b", {}, `${good ? "\u2026" : marks[cell.standing]} ${word}`), h("span", {}, count(cell))),
    h("span", { class: "figures" }, h("span", {}, cell.median_seconds === null ? "" : `${cell.median_seconds.toFixed(2)} s`), h("span", { class: "verdict", data: { word: found?.word ?? "" } }, news)),
    open ? h("progress", { max: cell.steps, value: cell.settled, "aria-label": "boots done" }) : null, ended(cell)];
  const props = { class: "square", data: { standing: good ? "open" : cell.standing } };
  return run ? h("a", { ...props, href: hash("runs", run), title: found?.interval || found?.why_not || null }, inside) : h("div", props, inside);
}

const ENDS = { "given-up": "given up", deadline: "cut by the deadline", sick: "place in quarantine", stopped: "stopped" };

function ended(cell) {
  return ENDS[cell.ended] ? h("span", { class: "why" }, ENDS[cell.ended]) : null;
}

function count(cell) {
  if (cell.tests_passed !== null) {
    const all = cell.tests_passed + cell.tests_failed.length;
    return cell.tests_failed.length ? `${cell.tests_failed.length} of ${all} tests failed` : `${all} tests`;
  }
  if (!cell.recorded && cell.standing === "not-run") return "";
  return `${cell.ready} of ${cell.kind === "boot" ? cell.planned : cell.recorded} ready`;
}
