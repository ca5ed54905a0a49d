// Cells over the nights: all of them by their whole boot, or one with each of its stages.

import { h, s, shown } from "./dom.js";
import { Measured, hash, named, query, seconds, table } from "./measured.js";

const CELLS = 24;

export class Trends extends Measured {
  constructor(cell) {
    super(cell.length === 3 ? `${cell[1]} on ${cell[0]} (${cell[2]})` : "Trends");
    const [place, image, suite] = cell;
    Object.assign(this, { one: cell.length === 3, after: 0, filter: cell.length === 3 ? { place, image, suite, stage: "all" } : {} });
  }

  load() {
    return query("/trends", { ...this.filter, after: this.after, limit: CELLS });
  }

  draw(told) {
    if (!told.trends.length) return this.body.replaceChildren(h("p", {}, "No night was run yet: bootlab matrix run makes one (docs/matrix.md)."));
    const plots = h("div", { class: "plots" }, told.trends.map((trend) => this.plot(trend)));
    const next = told.next ? h("button", { type: "button", data: { key: "next" }, onclick: () => this.page(told.next) }, `cells after ${told.next} of ${told.cells}`) : null;
    const first = this.after ? h("button", { type: "button", data: { key: "first" }, onclick: () => this.page(0) }, "first cells") : null;
    const back = this.one ? h("p", {}, h("a", { href: "#/trends" }, "\u2190 All cells")) : null;
    this.body.replaceChildren(...[back, plots, this.one ? nights(told.trends[0]) : null, h("p", { class: "actions" }, first, next)].filter(Boolean));
  }

  page(after) {
    this.after = after;
    this.fetch();
  }

  plot(trend) {
    const name = this.one ? shown(trend.title, 120) : h("a", { href: hash("trends", trend.place, trend.image, trend.suite) }, shown(`${trend.place}: ${trend.image}, ${trend.suite}`, 120));
    const kind = this.one ? "" : h("span", { class: "soft" }, ` ${shown(trend.board_type, 60)}${trend.emulated ? ", emulated" : ""}`);
    const last = trend.nights.findLast((night) => night.median !== null);
    return h("figure", { class: "plot" }, h("h3", {}, name, kind), trend.picture ? draw(trend) : h("p", { class: "soft" }, last ? `one night: ${seconds(last.median)}; it takes two to draw` : "no boot got ready"), steps(trend), failed(trend));
  }
}

/** The picture as the API has placed it: that of the night's report. */
function draw(trend) {
  const { width, height, points, course, steps: at, low, high, told } = trend.picture;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${trend.title}: ${told}` },
    [0.5, height - 0.5].map((y) => s("line", { class: "rule", x1: 0, x2: width, y1: y, y2: y })),
    at.map((x) => s("line", { class: "step", x1: x, x2: x, y1: 2, y2: height - 2 })),
    s("polyline", { points: course }), points.map((point) => one(point, height)));
  return h("div", {}, svg, h("p", { class: "ends" }, h("span", {}, `${low} to ${high}`), h("span", {}, `${points.length} nights`)));
}

function one(point, height) {
  return s("g", {}, s("title", {}, point.told), s("line", { class: "spread", x1: point.x, x2: point.x, y1: point.low, y2: point.high }), s("circle", { cx: point.x, cy: point.y, r: 3 }),
    point.failed ? s("path", { class: "cross", d: `M${point.x - 3} ${height - 7}l6 6m0-6l-6 6` }) : null,
    point.other_image ? s("path", { class: "files", d: `M${point.x - 4} 0h8l-4 6z` }) : null);
}

function steps(trend) {
  return trend.levels.slice(1).map((level, at) => h("p", {}, "a new level since ", h("a", { href: hash("nights", level.since) }, named(level.since)), `: ${seconds(trend.levels[at].median)} to ${seconds(level.median)}`));
}

function failed(trend) {
  const marks = [trend.failed ? `\u2715 ${trend.failed} of ${trend.boots} boots failed` : "", trend.nights.some((night) => night.other_image) ? "\u25be other files were served" : ""].filter(Boolean);
  return marks.length ? h("p", { class: "soft" }, marks.join("; ")) : null;
}

function nights(trend) {
  const rows = [...trend.nights].reverse().map((night) => [h("a", { href: hash("nights", night.night) }, named(night.night)), seconds(night.median), night.median === null ? "" : `${seconds(night.low)} to ${seconds(night.high)}`, String(night.boots), night.failed ? String(night.failed) : "", night.other_image ? "others than the night before" : ""]);
  return h("section", {}, h("h3", {}, "Night by night, power-on to ready"), table("Night by night", ["night", "median", "shortest to longest", "ready", "failed", "files"], rows));
}
