// Rollouts: how far each is, as `bootlab rollout` tells the service once a second.

import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { clock } from "./format.js";
import { List } from "./lists.js";

const EVERY_MS = 1000;
const MOST_CAUSES = 10;

export class Rollouts extends List {
  constructor() {
    super("Rollouts", ["rollout", "is", "nodes", "step", "began"]);
    this.nothing = "None was told of: bootlab rollout PLAN.yaml -c lab.yaml tells this service.";
  }

  mount() {
    this.fetch();
    this.timer = setInterval(() => document.hidden || this.fetch(), EVERY_MS);
  }

  load() {
    return get("/rollouts").then((told) => told.rollouts.reverse());
  }

  cells(rollout) {
    const open = (rollout.counts.waiting ?? 0) + (rollout.counts.changing ?? 0) + (rollout.counts.changed ?? 0);
    const settled = rollout.nodes - open;
    const bar = h("progress", { max: Math.max(1, rollout.nodes), value: settled, "aria-label": `${shown(rollout.name, 80)}: ${settled} of ${rollout.nodes} nodes` });
    const phase = [rollout.phase, rollout.reason].filter(Boolean).map((word) => shown(word, 200)).join(": ");
    return [h("strong", {}, shown(rollout.name, 80)), phase, h("div", { class: "far" }, h("span", { class: "whole" }, bar, ` ${settled} of ${rollout.nodes}`), failed(rollout)), h("span", { class: "whole" }, `${rollout.step} of ${rollout.steps}`), clock(rollout.began)];
  }
}

function failed(rollout) {
  const rows = rollout.failed.slice(0, MOST_CAUSES).map((one) => h("p", {}, h("strong", {}, shown(one.node, 80)), ` ${shown(one.state, 20)}: ${shown(one.cause, 300)}`));
  const more = rollout.failed.length - rows.length;
  return h("div", {}, rows, more > 0 ? h("p", { class: "soft" }, `and more: bootlab rollout PLAN.yaml --status`) : "");
}
