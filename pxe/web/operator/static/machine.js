// One machine: what it does and did, why it does not, what it boots next, and what a person may change of it.

import { actions } from "./actions.js";
import { get } from "./api.js";
import { h, pool, shown, text } from "./dom.js";
import { clock, duration } from "./format.js";
import { Log } from "./log.js";
import { badge } from "./states.js";
import { elapsed, stateOf } from "./store.js";
import { told } from "./told.js";
import { chart, drawChart, drawLane, lane, sending } from "./waterfall.js";

const MOST_EVENTS = 200;
const TICK_MS = 250;
const SETTLE_MS = 700; // after a change, before its evidence is fetched

export class Machine {
  constructor(store, mac, role) {
    Object.assign(this, { store, mac, role, picked: null, history: [], choice: null });
    this.heading = h("h2", { tabindex: "-1" });
    this.facts = h("p", { class: "soft" });
    this.why = h("div", {});
    this.act = h("div", { class: "actions" });
    this.chart = chart();
    this.now = h("p", { class: "soft" });
    this.shadow = h("p", { class: "shadow" });
    this.next = h("div", {});
    this.past = h("ol", { class: "lanes" });
    this.events = h("ol", { class: "events" });
    this.links = h("p", { class: "links" });
    this.log = new Log(mac);
    this.node = h("article", { class: "machine" },
      h("p", {}, h("a", { href: "#/" }, "\u2190 Rack")), this.heading, this.facts, this.act, this.why,
      h("section", {}, h("h3", {}, "This boot"), this.now, this.chart),
      h("section", {}, h("h3", {}, "Next start"), this.shadow, this.next),
      h("section", {}, h("h3", {}, "Boots"), this.past),
      h("section", {}, h("h3", {}, "Evidence"), this.links, this.events), this.log.node);
  }

  mount() {
    this.timer = setInterval(() => document.hidden || this.draw(), TICK_MS);
    this.fetch();
    this.log.mount();
    this.draw();
  }

  unmount() {
    this.log.unmount();
    clearInterval(this.timer);
    clearTimeout(this.settle);
    this.gone = true;
  }

  update(dirty, everything) {
    if (!everything && !dirty.has(this.mac)) return;
    this.draw();
    clearTimeout(this.settle);
    this.settle = setTimeout(() => this.fetch(), SETTLE_MS);
  }

  boot() {
    return this.picked ?? this.store.boots.get(this.mac) ?? null;
  }

  async fetch() {
    try {
      const [boots, choice] = await Promise.all([get(`/boots?mac=${this.mac}`), get(`/machines/${this.mac}/choice`)]);
      this.history = boots.boots.reverse().map((boot) => ({ ...boot, received: performance.now() }));
      this.choice = choice;
      if (this.shadowed !== false) this.drawShadow(await get("/shadow"));
      if (this.picked) this.picked = this.history.find((boot) => boot.id === this.picked.id) ?? this.picked;
      const boot = this.boot();
      const events = boot ? (await get(`/boots/${boot.id}`)).events : [];
      if (!this.gone) this.drawFetched(boot, events);
    } catch (error) {
      text(this.now, error.message);
    }
  }

  draw() {
    const machine = this.store.machines.get(this.mac);
    const boot = this.boot();
    const state = stateOf(machine, boot);
    const name = shown(machine?.name || this.mac, 80);
    const sign = JSON.stringify([name, state, machine, boot?.id, boot?.findings, boot?.sentence, this.store.plans.map((plan) => plan.name)]);
    if (sign !== this.sign) {
      this.sign = sign;
      this.heading.replaceChildren(name, " ", badge(this.picked ? boot.state : state));
      text(this.facts, [this.mac, boot?.ip || machine?.ip, boot?.plan && `plan ${boot.plan}`, boot?.firmware, boot?.arch, boot?.vendor_class].filter(Boolean).map((word) => shown(word, 90)).join(" \u00b7 "));
      this.why.replaceChildren(...findings(boot));
      this.act.replaceChildren(...actions(this.store, this.mac, machine, this.role));
    }
    this.drawBoot(boot);
  }

  drawBoot(boot) {
    this.chart.hidden = !boot;
    if (!boot) return text(this.now, "It was not seen since the service started. Switch it on, and look at its boot order if nothing comes.");
    const which = this.picked ? `began ${clock(boot.began)}; ` : "";
    text(this.now, `${which}${duration(elapsed(boot))}${boot.state === "booting" ? `; ${sending(boot)}` : ""}${boot.system_heard ? "; its system was heard of" : ""}`);
    drawChart(this.chart, boot);
  }

  drawFetched(boot, events) {
    const scale = Math.max(...this.history.map(elapsed), 1);
    const nodes = pool(this.past, this.history.length, () => h("li", {}, h("button", { type: "button", class: "link lname" }), lane(), h("span", { class: "ltime" }), h("span", { class: "lnow" })));
    this.history.forEach((one, at) => {
      const [pick, bar, time, what] = nodes[at].children;
      text(pick, clock(one.began));
      pick.onclick = () => this.pick(at === 0 ? null : one);
      pick.setAttribute("aria-pressed", String(boot?.id === one.id));
      drawLane(bar, one, scale);
      text(time, duration(elapsed(one)));
      what.replaceChildren(badge(one.state), " ", shown(one.plan ?? "", 60));
    });
    this.next.replaceChildren(...nextStart(this.choice));
    this.drawEvents(boot, events.slice(-MOST_EVENTS));
    this.links.replaceChildren(...links(this.mac, boot));
  }

  drawEvents(boot, events) {
    const first = events[0]?.t_ns ?? 0;
    const nodes = pool(this.events, events.length, () => h("li", {}, h("time"), h("span")));
    events.forEach((event, at) => {
      text(nodes[at].firstElementChild, `+${duration((event.t_ns - first) / 1e6)}`);
      text(nodes[at].lastElementChild, told(event));
    });
  }

  drawShadow(told) {
    this.shadowed = told.interfaces.length > 0; // set in the site file: it does not change while this runs
    text(this.shadow, this.shadowed ? inShadow(told, this.mac) : "");
  }

  pick(boot) {
    this.picked = boot;
    this.sign = "";
    this.draw();
    this.fetch();
  }
}

function findings(boot) {
  if (!boot) return [];
  const all = [...boot.findings];
  if (boot.sentence && !all.some((one) => one.sentence === boot.sentence)) all.unshift({ sentence: boot.sentence, cure: "", rule: "", severity: "fatal", evidence: [] });
  return all.map((one) => h("div", { class: "card", data: { state: one.severity === "fatal" ? "failed" : "stalled" } },
    h("p", { class: "sentence" }, shown(one.sentence, 600)),
    one.cure ? h("p", { class: "cure" }, h("strong", {}, "What to do: "), shown(one.cure, 900)) : null,
    one.evidence.length ? h("ul", { class: "evidence" }, one.evidence.slice(0, 8).map((line) => h("li", {}, shown(line, 200)))) : null,
    one.rule ? h("p", { class: "soft rule" }, `rule ${shown(one.rule, 60)} (docs/why-did-it-not-boot.md)`) : null));
}

function nextStart(choice) {
  if (!choice) return [];
  const what = choice.plan ? `plan ${choice.plan}${choice.action && choice.action !== "boot" ? ` (${choice.action})` : ""}` : "nothing from us";
  const others = choice.candidates.map((one) => h("li", {}, `${shown(one.source, 80)}${one.plan ? ` \u2192 ${shown(one.plan, 80)}` : ""}: ${shown(one.why, 200)}`));
  const why = choice.why.startsWith(`plan ${choice.plan}: `) ? choice.why.slice(`plan ${choice.plan}: `.length) : choice.why;
  return [h("p", {}, h("strong", {}, shown(what, 120)), `: ${shown(why, 300)}`), others.length > 1 ? h("details", {}, h("summary", {}, "what was considered"), h("ul", {}, others)) : ""];
}

/** Who answers the machine where another DHCP server has the network, in a sentence. */
function inShadow(told, mac) {
  const where = `${told.interfaces.join(", ")} is in shadow mode`;
  const machine = told.machines.find((one) => one.mac === mac);
  if (machine?.taken) return `Taken over: ${where}, and this machine is answered by us.`;
  if (!machine) return `${where}; this machine was not heard there.`;
  const last = machine.exchanges.at(-1);
  const heard = { same: "our answer would be the same", differs: "our answer would differ", silent: `we would not answer: ${last?.reason}`, unseen: "nobody was seen to answer" }[last?.verdict];
  return `Shadowed: ${where}, and another server answers this machine${heard ? `; ${heard}` : ""} (docs/shadow.md).`;
}

function links(mac, boot) {
  const paths = { machine: `/machines/${mac}`, choice: `/machines/${mac}/choice`, boots: `/boots?mac=${mac}`, "configs delivered": `/deliveries?mac=${mac}` };
  if (boot) paths["this boot"] = `/boots/${boot.id}`;
  return ["As JSON: ", ...Object.entries(paths).flatMap(([word, path]) => [h("a", { href: `/api/v1${path}` }, word), " "])];
}
