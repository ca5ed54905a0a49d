// Operating systems: what they cannot do, on which boards they boot and why, and what claims came to.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { Measured, file, moment, problems, table } from "./measured.js";

const STANDING = { "run here": "passed", expected: "open", unofficial: "flaky", "expected not to boot": "failing" };

export class Systems extends Measured {
  constructor() {
    super("Operating systems");
  }

  load() {
    return get("/systems");
  }

  draw(told) {
    const rows = Object.entries(told.boards).map(([name, title]) => [h("div", {}, shown(title, 80), h("p", { class: "soft" }, name)), ...told.systems.map((system) => support(system.boards[name]))]);
    const boards = h("section", {}, h("h3", {}, "Boards"), h("p", { class: "soft" }, "What nobody ran here says where it was read."), table("Boards and systems", ["board", ...told.systems.map((system) => system.title)], rows));
    this.body.replaceChildren(...[problems(told.problems), cannot(told), boards, sheets(told)].filter(Boolean));
  }
}

function support(found) {
  return h("div", { class: "support" }, h("span", { class: "mark", data: { standing: STANDING[found.level] ?? "not-run" } }, found.level), h("p", {}, shown(found.reason, 400)), found.source ? h("p", { class: "soft" }, shown(found.source, 200)) : null);
}

function cannot(told) {
  const rows = told.systems.flatMap((system) => Object.entries(system.cannot).map(([ability, reason]) => [system.title, ability.replaceAll("-", " "), shown(reason, 400)]));
  return rows.length ? h("section", {}, h("h3", {}, "What a system cannot do"), table("What a system cannot do", ["system", "cannot", "why"], rows)) : null;
}

function sheets(told) {
  const rows = told.sheets.map((sheet) => [shown(`${sheet.title} ${sheet.version}`, 100), `${sheet.holds} of ${sheet.tried} hold`, shown(sheet.against, 200), moment(sheet.began), sheet.page ? file(sheet.page, "sheet") : ""]);
  const none = h("p", { class: "soft" }, "No claims were measured yet: bootlab test claims does (docs/claims.md).");
  return h("section", {}, h("h3", {}, "Claims, measured"), rows.length ? table("Claims, measured", ["system", "claims", "measured on", "when", ""], rows) : none);
}
