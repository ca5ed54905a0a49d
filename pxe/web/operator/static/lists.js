// Plans with their assets, the rules that hand them out, leases, and machines that nobody told us of: fetched when they are looked at.

import { adopt, may } from "./actions.js";
import { get } from "./api.js";
import { h, shown } from "./dom.js";
import { bytes, clock } from "./format.js";

const EVERY_MS = 5000;
const MOST_ROWS = 1000;

export class List {
  constructor(title, columns) {
    this.body = h("tbody");
    this.note = h("p", { class: "soft" });
    this.table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
      h("table", {}, h("thead", {}, h("tr", {}, columns.map((word) => h("th", { scope: "col" }, word)))), this.body));
    this.node = h("section", {}, h("h2", { tabindex: "-1" }, title), this.note, this.table);
  }

  mount() {
    this.fetch();
    this.timer = setInterval(() => document.hidden || this.fetch(), EVERY_MS);
  }

  unmount() {
    clearInterval(this.timer);
  }

  update(_dirty, everything) {
    if (everything) this.fetch();
  }

  async fetch() {
    try {
      this.show(await this.load());
    } catch (error) {
      this.note.textContent = error.message;
    }
  }

  show(rows) {
    const sign = JSON.stringify(rows);
    if (sign === this.sign || this.body.contains(document.activeElement)) return; // nobody types into a row that goes
    this.sign = sign;
    this.note.textContent = rows.length > MOST_ROWS ? `the first ${MOST_ROWS} of ${rows.length}` : rows.length ? "" : this.nothing;
    this.table.hidden = !rows.length;
    this.body.replaceChildren(...rows.slice(0, MOST_ROWS).map((row) => h("tr", {}, this.cells(row).map((cell) => h("td", {}, cell)))));
  }
}

export class Plans extends List {
  constructor(store) {
    super("Plans", ["plan", "does", "files", "command line", "from"]);
    Object.assign(this, { store, nothing: "There are no plans: write one in the site file, or PUT /api/v1/plans/NAME." });
  }

  load() {
    return get("/plans").then((told) => told.plans);
  }

  cells(plan) {
    const assets = h("div", { class: "assets" });
    const open = h("details", { ontoggle: () => open.open && this.assets(plan.name, assets) }, h("summary", {}, files(plan)), assets);
    return [h("strong", {}, shown(plan.name, 80)), `${plan.action}${plan.then ? `, then ${shown(plan.then, 60)}` : ""}`, open, h("code", {}, shown(plan.cmdline, 300)), shown(plan.source, 20)];
  }

  async assets(name, into) {
    try {
      const { assets } = await get(`/plans/${encodeURIComponent(name)}/assets`);
      into.replaceChildren(...assets.map((one) => h("p", {}, h("strong", {}, shown(one.name, 80)), ` ${one.error ? shown(one.error, 200) : `${bytes(one.size)}, SHA-256 `}`, one.error ? "" : h("code", {}, one.sha256), h("br"), h("span", { class: "soft" }, shown(one.path, 200)))));
    } catch (error) {
      into.textContent = error.message;
    }
  }
}

function files(plan) {
  const names = ["kernel", "initrd", "dtb", "loader"].filter((part) => plan[part]).map((part) => `${part} ${shown(plan[part].name, 60)}`);
  if (plan.files?.length) names.push(`${plan.files.length} more`);
  return names.join(", ") || "none";
}

export class Rules extends List {
  constructor(store) {
    super("Rules", ["order", "rule", "machines with", "boot plan", "from"]);
    Object.assign(this, { store, nothing: "There are no rules: each machine boots the plan that it names itself." });
  }

  load() {
    return get("/rules").then((told) => told.rules.map((rule, at) => ({ ...rule, order: at + 1 }))); // the first that fits wins
  }

  cells(rule) {
    const words = Object.entries(rule.when).filter(([, value]) => (Array.isArray(value) ? value.length : value)).map(([field, value]) => `${field} ${[value].flat().join(", ")}`);
    return [String(rule.order), h("strong", {}, shown(rule.name, 80)), shown(words.join("; ") || "anything", 300), shown(rule.plan, 80), shown(rule.source, 20)];
  }
}

export class Leases extends List {
  constructor(store) {
    super("Leases", ["address", "machine", "MAC", "state", "until"]);
    Object.assign(this, { store, nothing: "No leases: DHCP is off, or nobody asked." });
  }

  load() {
    return get("/leases").then((told) => told.leases);
  }

  cells(lease) {
    const mac = lease.mac;
    return [shown(lease.ip), shown(this.store.machines.get(mac)?.name ?? "", 80), h("a", { href: `#/machine/${mac}` }, shown(mac)), shown(lease.state ?? ""), lease.expires ? clock(lease.expires) : ""];
  }
}

export class Unknown extends List {
  constructor(store, role) {
    super("Unknown machines", ["MAC", "firmware, arch", "vendor class", "messages", "last", "add"]);
    Object.assign(this, { store, role, nothing: "" });
  }

  async load() {
    const told = await get("/unknown");
    this.nothing = told.policy === "ignore" ? "They are ignored and not recorded (`unknown` in the site file)." : "None was heard of.";
    return told.unknown;
  }

  cells(seen) {
    return [h("a", { href: `#/machine/${seen.mac}` }, shown(seen.mac)), shown(`${seen.firmware}, ${seen.arch}`), shown(seen.vendor_class, 80), String(seen.count), clock(seen.last), may(this.role) ? adopt(this.store, seen.mac) : ""];
  }
}
