// A night of a matrix: what changed, how each square stands, what failed and why; and the nights before it.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { duration } from "./format.js";
import { Listed } from "./listed.js";
import { file, hash, moment, named, problems, query, table } from "./measured.js";
import { grid } from "./squares.js";
import { causes, failedTests } from "./causes.js";

const NIGHTS = 10;
const MARKS = { passed: "\u2713", flaky: "\u2248", failing: "\u2715", "not-run": "\u2013" };
const HOW = { done: "came to its end", deadline: "was cut by its deadline", stopped: "was stopped by a person", disk: "ended because the disk took no more", "": "was cut off" };

export class Night extends Listed {
  constructor(night) {
    super("Nights");
    this.night = night;
  }

  async load() {
    const list = await query("/nights", { limit: NIGHTS, before: this.before });
    const night = list.nights.length || this.night !== "latest" ? await get(`/nights/${encodeURIComponent(this.night)}`) : null;
    return { list, night };
  }

  draw({ list, night }) {
    this.body.replaceChildren(...[night ? whole(night) : none(), problems(list.problems), list.nights.length ? this.others(list) : null].filter(Boolean));
  }

  others(list) {
    const rows = list.nights.map((one) => [h("a", { href: hash("nights", one.night) }, moment(one.began)), shown(one.matrix, 60), state(one), standings(one.standings), `${one.ready} of ${one.boots}`, one.sick.join(", "), one.report ? file(one.report, "report") : ""]);
    return h("section", {}, h("h3", {}, "All nights"), table("All nights", ["night", "matrix", "", "cells", "boots ready", "sick places", ""], rows), this.pages(list.next, "nights"));
  }
}

function none() {
  return h("p", {}, "There is no night yet: bootlab matrix run nightly.yaml makes one (docs/matrix.md). It is looked for in the folder that ", h("code", {}, "results"), " of the site file names.");
}

function state(night) {
  return night.under_way ? "under way" : night.how === "done" ? "" : HOW[night.how] ?? night.how;
}

function standings(counts) {
  return h("span", { class: "standings" }, Object.keys(MARKS).filter((word) => counts[word]).map((word) => h("span", { class: "mark", data: { standing: word } }, `${MARKS[word]} ${counts[word]} ${word.replace("-", " ")}`)));
}

function whole(night) {
  const parts = [h("h3", { class: "title" }, `${shown(night.matrix, 60)}, ${moment(night.began)} `, standings(night.standings)), facts(night)];
  if (night.under_way) parts.push(progress(night));
  parts.push(changes(night), h("section", {}, h("h3", {}, "Board by image"), grid(night, MARKS)));
  parts.push(places(night), causes(night.failures), failedTests(night.cells), slowest(night.changes));
  const left = [...night.left_out, ...night.warnings];
  if (left.length) parts.push(h("section", {}, h("h3", {}, "Mind this"), h("ul", {}, left.slice(0, 30).map((one) => h("li", {}, shown(one, 400))))));
  return h("div", {}, parts.filter(Boolean));
}

function facts(night) {
  const lasted = night.ended ? `took ${duration(new Date(night.ended) - new Date(night.began))}, ` : "";
  const how = night.under_way ? "under way" : HOW[night.how] ?? night.how;
  return h("p", { class: "soft" }, `${lasted}${how}; ${night.ready} of ${night.boots} boots ready. `, night.report ? file(night.report, "The whole report") : night.under_way ? "Its report is written at its end." : "It has no report: bootlab matrix report writes it.", " \u00b7 ", h("a", { href: `/api/v1/nights/${encodeURIComponent(night.night)}` }, "as JSON"));
}

/** How far a night is, by what was planned; at this pace. */
function progress(night) {
  const gone = Date.now() - new Date(night.began);
  const left = night.settled ? (gone / night.settled) * (night.steps - night.settled) : null;
  const deadline = night.deadline_seconds === null ? "no deadline" : `deadline ${moment(new Date(new Date(night.began).getTime() + night.deadline_seconds * 1000).toISOString())}`;
  const pace = left === null || !night.steps ? "" : `; at this pace ${duration(left)} more`;
  return h("p", { class: "progress" }, h("progress", { max: Math.max(1, night.steps), value: night.settled, "aria-label": "the night" }), ` ${night.settled} of ${night.steps} boots and suites done${pace}; ${deadline}`);
}

function changes(night) {
  const head = h("h3", {}, "What changed");
  if (night.under_way) return null;
  const told = night.changes;
  if (!told) return h("section", {}, head, h("p", { class: "soft", role: "status" }, "is being compared with the nights before \u2026"));
  const said = !told.since ? "It is the first night." : told.found.length ? null : "Nothing changed; what failed before still may.";
  const rows = told.found.map((one) => h("li", {}, h("b", { class: "chip-word", data: { kind: one.kind } }, one.kind.replace("-", " ")), h("div", {}, h("p", {}, shown(one.sentence, 400)), one.details.length ? h("ul", { class: "soft" }, one.details.map((line) => h("li", {}, shown(line, 400)))) : null, links(one))));
  const since = told.since ? h("p", { class: "soft" }, "since ", h("a", { href: hash("nights", told.since) }, `the night of ${named(told.since)}`)) : null;
  return h("section", {}, head, since, said ? h("p", {}, said) : null, h("ul", { class: "news" }, rows), told.notes.map((line) => h("p", { class: "soft" }, shown(line, 400))));
}

function links(change) {
  const runs = change.runs.slice(0, 4).map((run) => h("a", { href: hash("runs", run) }, "run"));
  const trends = change.image && change.runs.length ? change.suites.slice(0, 3).map((suite) => h("a", { href: hash("trends", change.place, change.image, suite) }, `trend of ${suite}`)) : [];
  return runs.length + trends.length ? h("p", { class: "links" }, [...runs, ...trends].flatMap((link) => [link, " "])) : null;
}

function places(night) {
  const told = night.places.filter((place) => place.sick || place.returned);
  if (!told.length) return null;
  return h("section", {}, h("h3", {}, "Places"), told.map((place) => h("div", { class: "card", data: { state: place.sick ? "failed" : "done" } },
    h("p", {}, h("strong", {}, shown(place.name, 80)), place.sick ? ` is in quarantine: ${shown(place.sick, 300)}` : " is back: it passed its check"))));
}

function slowest(told) {
  if (!told?.slowest.length) return null;
  const rows = told.slowest.map((one) => [one.cell, `${one.protocol} ${shown(one.name, 80)}`, one.size, `${one.seconds} s`, `${one.longest} s`, one.rate, one.repeated ? String(one.repeated) : ""]);
  return h("section", {}, h("h3", {}, "Slowest transfers"), table("Slowest transfers", ["cell", "file", "size", "median", "longest", "rate", "repeated blocks"], rows));
}
