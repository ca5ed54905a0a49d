// One recorded boot: where its time went, file by file, why it failed, and what its console said.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { bytes } from "./format.js";
import { Measured, file, hash, moment, seconds } from "./measured.js";
import { chart, drawRows } from "./waterfall.js";

export class Boot extends Measured {
  constructor(run, number) {
    super(`Boot ${number}`);
    Object.assign(this, { run, number });
  }

  async load() {
    const path = `/runs/${encodeURIComponent(this.run)}/boots/${this.number}`;
    const [boot, console] = await Promise.all([get(path), get(`${path}/console`)]);
    return { boot, console };
  }

  draw({ boot, console }) {
    this.heading.textContent = shown(`Boot ${boot.number}: ${boot.image} on ${boot.place}`, 140);
    const time = chart();
    drawRows(time, rows(boot), Math.max(1, boot.ended_seconds * 1000));
    const parts = [steps(boot), facts(boot), boot.ready ? null : failure(boot),
      h("section", {}, h("h3", {}, "Where the time went"), time, boot.levers.length ? h("p", { class: "soft" }, "What would make it shorter:") : null, boot.levers.length ? h("ul", {}, boot.levers.map((one) => h("li", {}, one))) : null),
      said(console, boot), files(boot), boot.warnings.map((one) => h("p", { class: "soft" }, shown(one, 400)))];
    this.body.replaceChildren(...parts.flat().filter(Boolean));
  }
}

function steps(boot) {
  const near = (number, word) => (number >= 1 && number <= boot.of ? h("a", { href: hash("boot", boot.run, number) }, word) : null);
  const links = [h("a", { href: hash("runs", boot.run) }, "\u2190 Run"), near(boot.number - 1, "boot before"), near(boot.number + 1, "boot after"), boot.night ? h("a", { href: hash("trends", boot.place, boot.image, boot.suite) }, "trend") : null];
  return h("p", { class: "links" }, links.filter(Boolean).flatMap((link) => [link, " "]));
}

function facts(boot) {
  const how = boot.ready ? `ready after ${seconds(boot.seconds)}` : `failed; it came to ${boot.reached}`;
  return h("p", {}, h("strong", { class: boot.ready ? "" : "bad" }, shown(how, 120)), h("span", { class: "soft" }, ` \u00b7 ${[boot.board_type, boot.emulated ? "emulated" : "real", boot.suite, moment(boot.started_at), boot.conditions].filter(Boolean).map((word) => shown(word, 120)).join(" \u00b7 ")}`));
}

function failure(boot) {
  return h("div", { class: "card", data: { state: "failed" } }, h("h3", {}, shown(boot.title, 60)), h("p", { class: "sentence" }, shown(boot.sentence || "No cause was recorded.", 600)),
    boot.evidence.length ? h("ul", { class: "evidence" }, boot.evidence.slice(0, 12).map((line) => h("li", {}, shown(line, 300)))) : null);
}

/** Stages as rows, each with the transfers that began in it; what a failed boot waited for in vain comes last. */
function rows(boot) {
  const found = boot.stages.map((stage) => ({ label: shown(stage.title, 60), by: `${seconds(stage.to_seconds)} after power-on`, from_ms: stage.from_seconds * 1000, end: stage.to_seconds * 1000, colour: stage.colour }));
  const waited = found.at(-1)?.end ?? 0;
  if (!boot.ready && boot.ended_seconds * 1000 > waited) found.push({ label: "nothing more", by: "until the lab stopped looking", from_ms: waited, end: boot.ended_seconds * 1000, colour: "bad" });
  const moved = boot.transfers.map((one) => ({ file: true, label: shown(`${one.protocol.toUpperCase()} ${one.name}`, 80), by: told(one), from_ms: one.from_seconds * 1000, end: one.to_seconds * 1000, colour: one.outcome === "complete" ? "file" : "bad", bad: one.outcome === "complete" ? "" : one.outcome }));
  const left = [...moved];
  return found.flatMap((row) => [row, ...left.splice(0, Math.max(0, left.findLastIndex((one) => one.from_ms < row.end) + 1))]).concat(left);
}

function told(one) {
  const size = one.sent === one.size || !one.size ? bytes(one.sent) : `${bytes(one.sent)} of ${bytes(one.size)}`;
  const options = Object.entries(one.options).filter(([word]) => word !== "tsize").map(([word, value]) => `${word} ${value}`);
  return [size, one.bytes_per_second ? `${bytes(Math.round(one.bytes_per_second))}/s` : "", ...options, one.repeated ? `${one.repeated} blocks repeated` : ""].filter(Boolean).join(", ");
}

function said(told, boot) {
  const nodes = told.lines.map((line) => h("li", { class: line.kind, data: { colour: line.colour ?? "" } }, h("time", {}, line.at ? `${line.at} s` : ""), h("span", {}, shown(line.text, 500), line.detail ? ` (${shown(line.detail, 200)})` : "", line.times > 1 ? h("span", { class: "soft" }, ` \u00d7 ${line.times}`) : "")));
  const replay = boot.report && told.lines.length ? h("p", { class: "links" }, file(boot.report, "replay it at its own speed, in the report")) : null;
  return h("section", {}, h("h3", {}, "Console"), told.note ? h("p", { class: "soft" }, told.note) : null, replay, nodes.length ? h("ol", { class: "events said", tabindex: "0", "aria-label": "Console" }, nodes) : null);
}

function files(boot) {
  if (!boot.files.length) return null;
  return h("section", {}, h("h3", {}, "Files"), h("p", { class: "links" }, boot.files.flatMap((one) => [file(one.path, `${one.word} (${bytes(one.size)})`), " "])));
}
