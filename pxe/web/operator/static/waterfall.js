// The picture of a boot: which step took how long, what is being sent now and how far it is.

import { h, pool, shown, text } from "./dom.js";
import { bytes, duration, percent } from "./format.js";
import { STAGES } from "./states.js";
import { current, elapsed } from "./store.js";

/** Steps with their ends as they are at this moment. */
function steps(boot) {
  const now = elapsed(boot);
  return boot.stages.map((stage, at) => {
    const next = boot.stages[at + 1];
    const open = boot.state === "booting" ? now : (next?.from_ms ?? boot.last_ms);
    return { ...stage, end: Math.max(stage.to_ms ?? open, stage.from_ms), open: stage.to_ms === null };
  });
}

/** One bar for a whole boot. `scale` in milliseconds is what the width stands for. */
export function lane() {
  return h("div", { class: "lane", role: "img" });
}

export function drawLane(node, boot, scale = 0) {
  const whole = Math.max(scale, elapsed(boot), 1);
  const all = steps(boot);
  const parts = pool(node, all.length, () => h("div", { class: "seg" }, h("i"), h("b")));
  const moved = current(boot);
  all.forEach((stage, at) => {
    const part = parts[at];
    const running = stage.open && boot.state === "booting";
    part.dataset.stage = stage.stage;
    part.classList.toggle("running", running);
    place(part, stage, whole);
    const share = running && moved?.stage === stage.stage && moved.size ? percent(moved.sent, moved.size) : 100;
    part.firstElementChild.style.width = `${share}%`;
    const wide = (stage.end - stage.from_ms) / whole > 0.09;
    text(part.lastElementChild, wide ? STAGES[stage.stage] + (share < 100 ? ` ${share} %` : "") : "");
  });
  node.setAttribute("aria-label", spoken(boot, all));
}

function place(part, stage, whole) {
  part.style.left = `${(100 * stage.from_ms) / whole}%`;
  part.style.width = `max(3px, ${(100 * (stage.end - stage.from_ms)) / whole}%)`;
}

function spoken(boot, all) {
  const told = all.map((stage) => `${STAGES[stage.stage]} ${duration(stage.end - stage.from_ms)}`);
  return told.length ? told.join(", ") : "nothing yet";
}

/** A line of what is being sent: `vmlinuz 63 % of 64 MB, 11 MB/s`. */
export function sending(boot) {
  const moved = current(boot);
  if (!moved) return boot.state === "booting" ? `waits after ${STAGES[boot.stages.at(-1)?.stage] ?? "its start"}` : "";
  const rate = moved.rate > 0 ? `, ${bytes(Math.round(moved.rate))}/s` : "";
  return `${shown(moved.name, 60)} ${percent(moved.sent, moved.size)} % of ${bytes(moved.size)}${rate}`;
}

/** The large picture: a row for each step, its files below it. */
export function chart() {
  return h("div", { class: "chart", role: "table", "aria-label": "Steps of the boot" });
}

export function drawChart(node, boot) {
  const whole = Math.max(elapsed(boot), 1);
  const rows = [];
  for (const stage of steps(boot)) {
    const mine = files(boot, stage);
    const only = mine.length === 1 && mine[0].end <= stage.end ? mine[0] : null;
    rows.push({ ...stage, label: STAGES[stage.stage], by: only ? `${only.label}, ${only.by}` : by(stage), bad: only?.bad, share: only?.share ?? 100 });
    if (!only) rows.push(...mine);
  }
  drawRows(node, rows, whole);
}

/** Rows of a chart: `label`, `by`, `from_ms`, `end`, and how the bar looks; `whole` ms are its width. */
export function drawRows(node, rows, whole) {
  const nodes = pool(node, rows.length, chartRow);
  rows.forEach((row, at) => drawRow(nodes[at], row, whole));
}

function by(stage) {
  return stage.count > 1 ? `${stage.by} \u00d7 ${stage.count}` : stage.by;
}

const MOST_FILES = 12;

function files(boot, stage) {
  if (["dhcp", "system"].includes(stage.stage)) return [];
  const mine = boot.transfers.filter((moved) => moved.stage === stage.stage && moved.protocol === stage.by);
  return mine.slice(-MOST_FILES).map((moved) => ({
    stage: moved.stage, from_ms: moved.from_ms, file: true, open: !moved.outcome, outcome: moved.outcome,
    end: moved.to_ms ?? elapsed(boot), label: shown(moved.name, 80), share: percent(moved.sent, moved.size),
    by: moved.outcome === "complete" ? bytes(moved.size) : `${bytes(moved.sent)} of ${bytes(moved.size)}`,
    bad: moved.outcome && !["complete", "unacknowledged"].includes(moved.outcome) ? moved.outcome : "",
  }));
}

function chartRow() {
  const bar = h("div", { class: "seg" }, h("i"));
  return h("div", { class: "crow", role: "row" }, h("span", { role: "cell", class: "cname" }),
    h("span", { role: "cell", class: "cby" }), h("div", { role: "cell", class: "ctrack" }, bar),
    h("span", { role: "cell", class: "ctime" }));
}

function drawRow(node, row, whole) {
  const [name, who, track, time] = node.children;
  const bar = track.firstElementChild;
  node.classList.toggle("file", Boolean(row.file));
  node.classList.toggle("bad", Boolean(row.bad));
  text(name, row.label);
  text(who, row.bad ? `${row.by}, ${row.bad}` : row.by);
  bar.dataset.stage = row.stage ?? "";
  bar.dataset.colour = row.colour ?? "";
  bar.classList.toggle("running", Boolean(row.open));
  place(bar, row, whole);
  bar.firstElementChild.style.width = `${row.share ?? 100}%`;
  text(time, duration(row.end - row.from_ms));
}
