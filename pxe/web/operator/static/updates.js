// The update servers: how far each group is, who may reboot, who never came back, what happened last.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { clock } from "./format.js";
import { Measured, table } from "./measured.js";

const EVERY_MS = 2000;

export class Updates extends Measured {
  constructor() {
    super("Updates");
  }

  mount() {
    this.fetch();
    this.timer = setInterval(() => document.hidden || this.fetch(), EVERY_MS);
  }

  load() {
    return get("/updates");
  }

  draw(told) {
    const nothing = told.served ? shown(told.problem, 400) : "This lab has no update servers: docs/updates.md says how to get some.";
    if (nothing) {
      this.body.replaceChildren(h("p", { class: told.served ? "" : "soft" }, nothing));
      return;
    }
    this.body.replaceChildren(...[groups(told.groups), locks(told.locks), events(told.events)].filter(Boolean));
  }
}

function groups(found) {
  const rows = found.map((group) => [h("div", {}, h("strong", {}, shown(group.group, 120)), group.paused ? h("p", {}, `paused: ${shown(group.paused, 300)}`) : null), slots(group), counted(group.versions), counted(group.states), shown(group.version, 64)]);
  return h("section", {}, h("h3", {}, "Groups"), table("Groups", ["group", "slots", "nodes run", "nodes are", "offered"], rows));
}

function slots(group) {
  if (group.limit === null) return group.taken ? String(group.taken) : "";
  const said = `${group.taken} of ${group.limit}`;
  const bar = h("progress", { max: group.limit, value: group.taken, "aria-label": `${shown(group.group, 120)}: ${said} slots are taken` });
  return h("div", {}, h("span", { class: "whole" }, bar, ` ${said}`), group.lost ? h("p", {}, `${group.lost} never came back`) : null);
}

function counted(counts) {
  return h("div", {}, ...Object.entries(counts).map(([what, count]) => h("p", {}, `${count} ${shown(what, 64)}`)));
}

function locks(found) {
  if (!found.length) return null;
  const rows = found.map((lock) => [shown(lock.node, 128), shown(lock.group, 120), lock.state === "lost" ? "never came back" : "may reboot", clock(lock.since)]);
  return h("section", {}, h("h3", {}, "Reboots"), table("Reboots", ["node", "group", "is", "since"], rows), h("p", { class: "soft" }, "bootlab updates unlock GROUP NODE takes the slot of a node that never comes back."));
}

function events(found) {
  const rows = found.map((event) => [clock(event.at), shown(event.group, 120), shown(event.node, 128), shown(event.kind, 20), shown(event.detail, 200)]);
  return h("section", {}, h("h3", {}, "What happened last"), table("What happened last", ["when", "group", "node", "what", ""], rows));
}
