// Starts the page: the stream of boots into the store, the store into the view that the address names.

import { say } from "./actions.js";
import { follow, get } from "./api.js";
import { text } from "./dom.js";
import { keys } from "./keys.js";
import { Leases, Plans, Rules, Unknown } from "./lists.js";
import { Machine } from "./machine.js";
import { Rack } from "./rack.js";
import { Rollouts } from "./rollouts.js";
import { Store } from "./store.js";
import { reason } from "./trouble.js";

const SPEAK_MS = 10_000; // a screen reader hears of new failures at most this often
const store = new Store();
const role = document.documentElement.dataset.role;
const main = document.getElementById("main");
const rack = new Rack(store);
const views = { "": () => rack, plans: () => new Plans(store), rules: () => new Rules(store), rollouts: () => new Rollouts(), leases: () => new Leases(store), unknown: () => new Unknown(store, role), machine: (mac) => new Machine(store, mac, role) };
let view = null;

function route(moved) {
  const [name, mac] = location.hash.replace(/^#\/?/, "").split("/");
  const make = Object.hasOwn(views, name) && (name !== "machine" || /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac ?? "")) ? views[name] : views[""];
  view?.unmount();
  view = make(mac);
  main.replaceChildren(view.node);
  view.mount();
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#/${make === views[""] ? "" : name}`);
  if (moved) main.querySelector("h2[tabindex]")?.focus();
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
  up: () => linked("live", true),
  down: () => linked("connecting \u2026", false),
});
