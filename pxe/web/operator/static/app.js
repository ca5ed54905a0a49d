// Starts the page: the stream of boots into the store, the store into the view that the address names.

import { say } from "./actions.js";
import { follow, get } from "./api.js";
import { text } from "./dom.js";
import { keys } from "./keys.js";
import { Boot } from "./boot.js";
import { Leases, Plans, Rules, Unknown } from "./lists.js";
import { Machine } from "./machine.js";
import { Night } from "./night.js";
import { Rack } from "./rack.js";
import { Rollouts } from "./rollouts.js";
import { Run, Runs } from "./runs.js";
import { Store } from "./store.js";
import { Systems } from "./systems.js";
import { Trends } from "./trends.js";
import { reason } from "./trouble.js";
import { Updates } from "./updates.js";

const SPEAK_MS = 10_000; // a screen reader hears of new failures at most this often
const store = new Store();
const role = document.documentElement.dataset.role;
const main = document.getElementById("main");
const rack = new Rack(store);
const views = {
  "": () => rack,
  plans: () => new Plans(store),
  rules: () => new Rules(store),
  rollouts: () => new Rollouts(),
  leases: () => new Leases(store),
  unknown: () => new Unknown(store, role),
  machine: (mac) => new Machine(store, mac, role),
  nights: (night) => new Night(night || "latest"),
  runs: (run) => (run ? new Run(run) : new Runs()),
  boot: (run, number) => new Boot(run, Number(number)),
  trends: (...cell) => new Trends(cell),
  systems: () => new Systems(),
  updates: () => new Updates(),
};
const WHOLE = { machine: (mac) => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac ?? ""), boot: (run, number) => run && /^[1-9]\d{0,8}$/.test(number ?? "") };
const UNDER = { machine: "", boot: "runs" }; // which of the links leads to it
let view = null;

function route(moved) {
  const [asked, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const name = Object.hasOwn(views, asked) && (WHOLE[asked]?.(...rest) ?? true) ? asked : "";
  view?.unmount();
  view = views[name](...rest);
  main.replaceChildren(view.node);
  view.mount();
  const under = UNDER[name] ?? name;
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#/${under}`);
  if (moved) main.querySelector("h2[tabindex]")?.focus();
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a percent sign that is none of ours
  }
}

async function refresh() {
  try {
    const [machines, plans] = await Promise.all([get("/machines"), get("/plans")]);
    store.plans = plans.plans;
    store.setMachines(machines.machines);
  } catch (error) {
    say(error.message, true);
  }
}

let soon = 0;
function refreshSoon() {
  clearTimeout(soon);
  soon = setTimeout(refresh, 300);
}

const told = new Set();
function speak() {
  const fresh = store.macs().map((mac) => store.row(mac)).filter((row) => row.state === "failed" && !told.has(row.boot.id));
  if (told.size > 5000) told.clear();
  for (const row of fresh) told.add(row.boot.id);
  if (!fresh.length) return;
  const [first] = fresh;
  const rest = fresh.length > 1 ? ` and ${fresh.length - 1} more` : "";
  text(document.getElementById("spoken"), `${first.name || first.mac}${rest} failed: ${reason(first)?.sentence ?? ""}`);
}

const link = document.getElementById("link");
const linked = (word, up) => {
  text(link, word);
  link.dataset.up = String(up);
};

// What a test and the benchmark look at: when the newest change was drawn.
store.listen((dirty, everything) => {
  view?.update(dirty, everything);
  document.documentElement.dataset.drawn = String(Math.round(performance.timeOrigin + performance.now()));
});
document.addEventListener("bootlab-changed", refreshSoon);
addEventListener("hashchange", () => route(true));
keys(() => rack.search);
setInterval(speak, SPEAK_MS);
route(false);
await refresh();
follow({
  boot: (boot) => store.takeBoot(boot),
  progress: (sent) => store.takeProgress(sent),
  changed: refreshSoon,
  results: () => view?.renew?.(),
  up: () => linked("live", true),
  down: () => linked("connecting \u2026", false),
});
