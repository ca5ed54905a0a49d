// Runs of boots: all of them, and one with its boots.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { bytes } from "./format.js";
import { Listed } from "./listed.js";
import { Measured, file, hash, moment, problems, query, seconds, table } from "./measured.js";

const RUNS = 50;
const BOOTS = 200;

export class Runs extends Listed {
  constructor() {
    super("Runs");
    this.filter = {};
    this.going.node.after(this.form());
  }

  form() {
    const box = (name) => h("label", {}, h("span", { class: "sr" }, name.replace("_", " ")), h("input", { type: "search", name, placeholder: name.replace("_", " "), autocomplete: "off", spellcheck: "false" }));
    const form = h("form", { class: "filters", role: "search" }, ["place", "image", "suite", "board_type", "night"].map(box), h("button", {}, "Show"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.filter = Object.fromEntries(new FormData(form));
      this.page("");
    });
    return form;
  }

  load() {
    return query("/runs", { ...this.filter, before: this.before, limit: RUNS });
  }

  draw(told) {
    const rows = told.runs.map((run) => [h("a", { href: hash("runs", run.run) }, moment(run.started_at)), shown(run.place, 60), count(run), shown(run.image, 60), shown(run.suite, 60), shown(run.board_type, 60), run.night ? h("a", { href: hash("nights", run.night) }, "night") : "by hand"]);
    const nothing = h("p", { class: "soft" }, "No run is like this: bootlab boot PLACE makes one.");
    this.body.replaceChildren(...[problems(told.problems), rows.length ? table("Runs", ["began", "place", "boots ready", "image", "suite", "board", ""], rows) : nothing, this.pages(told.next, "runs")].filter(Boolean));
  }
}

function count(run) {
  const cut = run.complete ? "" : ", not at its end";
  return h("span", { class: run.ready < run.recorded ? "bad" : "" }, `${run.ready} of ${run.recorded}${run.recorded < run.planned ? ` (${run.planned} planned)` : ""}${cut}`);
}

export class Run extends Measured {
  constructor(run) {
    super("Run");
    Object.assign(this, { run, after: 0, state: "" });
  }

  async load() {
    const path = `/runs/${encodeURIComponent(this.run)}`;
    const [run, boots] = await Promise.all([get(path), query(`${path}/boots`, { after: this.after, limit: BOOTS, state: this.state })]);
    return { run, boots };
  }

  draw({ run, boots }) {
    this.heading.textContent = shown(`${run.image} on ${run.place}`, 120);
    const failed = run.recorded - run.ready;
    const median = run.median_seconds === null ? "" : `, median ${seconds(run.median_seconds)}`;
    const links = [h("a", { href: "#/runs" }, "\u2190 Runs"), run.night ? h("a", { href: hash("nights", run.night) }, "its night") : null, run.night ? h("a", { href: hash("trends", run.place, run.image, run.suite) }, "its trend") : null, run.report ? file(run.report, "report") : null];
    this.body.replaceChildren(h("p", { class: "links" }, links.filter(Boolean).flatMap((link) => [link, " "])),
      h("p", {}, `${run.ready} of ${run.recorded} boots ready${median}${run.recorded < run.planned ? `; ${run.planned} planned` : ""}${run.complete ? "" : "; not at its end"}`),
      this.boots(boots, failed), facts(run));
  }

  boots(told, failed) {
    const rows = told.boots.map((boot) => [h("a", { href: hash("boot", this.run, boot.number) }, `boot ${boot.number}`), boot.ready ? "ready" : h("strong", { class: "bad" }, shown(boot.cause || "failed", 40)), seconds(boot.seconds), boot.attempt > 1 ? `attempt ${boot.attempt}` : "", boot.load === null ? "" : boot.load.toFixed(2), shown(boot.sentence, 300)]);
    const only = failed || this.state ? h("button", { type: "button", "aria-pressed": String(Boolean(this.state)), data: { key: "failed" }, onclick: () => this.show(0, this.state ? "" : "failed") }, `only the ${failed} that failed`) : null;
    const first = this.after ? h("button", { type: "button", data: { key: "first" }, onclick: () => this.show(0, this.state) }, "first boots") : null;
    const next = told.next ? h("button", { type: "button", data: { key: "next" }, onclick: () => this.show(told.next, this.state) }, `boots after ${told.next}`) : null;
    return h("section", {}, h("h3", {}, "Boots"), h("p", { class: "actions" }, only, first, next), table("Boots", ["boot", "", "to ready", "", "load", "why not"], rows));
  }

  show(after, state) {
    Object.assign(this, { after, state });
    this.fetch();
  }
}

function facts(run) {
  const terms = run.facts.flatMap((one) => [h("dt", {}, one.term), h("dd", {}, shown(one.text, 400))]);
  return h("section", {}, h("h3", {}, "How it was measured"), h("dl", { class: "facts" }, terms), h("p", { class: "links" }, run.files.flatMap((one) => [file(one.path, `${one.word} (${bytes(one.size)})`), " "])));
}
