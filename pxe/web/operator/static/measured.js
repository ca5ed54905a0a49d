// A view of results: fetched when it is looked at, and again when the service says that something is new.

import { get } from "./api.js";
import { h, text } from "./dom.js";

const EVERY_MS = 30_000; // should a word of the service be lost

export class Measured {
  constructor(title) {
    this.heading = h("h2", { tabindex: "-1" }, title);
    this.note = h("p", { class: "soft note", role: "status" }, "is being read \u2026");
    this.body = h("div", {});
    this.node = h("article", { class: "measured" }, this.heading, this.note, this.body);
  }

  mount() {
    this.fetch();
    this.timer = setInterval(() => document.hidden || this.fetch(), EVERY_MS);
  }

  unmount() {
    this.gone = true;
    clearInterval(this.timer);
  }

  update() {} // of machines; nothing here is about them

  renew() {
    this.fetch();
  }

  async fetch() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      this.take(await this.load());
    } catch (error) {
      text(this.note, error.message);
    }
    this.busy = false;
    if (this.again && !this.gone) {
      this.again = false;
      this.fetch();
    }
  }

  take(told) {
    const sign = JSON.stringify(told);
    if (this.gone || sign === this.sign) return;
    this.sign = sign;
    text(this.note, "");
    keeping(this.body, () => this.draw(told));
  }
}

/** Draw, and leave the reader where they were: their link, what they opened, how far they scrolled. */
function keeping(body, draw) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.key ?? document.activeElement.getAttribute("href") : null;
  const opened = new Set([...body.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const across = [...body.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  draw();
  for (const one of body.querySelectorAll("details")) if (opened.has(one.dataset.key)) one.open = true;
  body.querySelectorAll(".scroll").forEach((one, at) => (one.scrollLeft = across[at] ?? 0));
  if (focused === null) return;
  [...body.querySelectorAll("a, button, summary")].find((one) => (one.dataset.key ?? one.getAttribute("href")) === focused)?.focus();
}

/** A path of the API with its arguments; those that are empty are left out. */
export function query(path, given) {
  const words = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== "" && value !== undefined && value !== 0));
  return get(words.size ? `${path}?${words}` : path);
}

export const hash = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

/** A file of the results, as it is. */
export function file(path, word) {
  return h("a", { href: `/api/v1/results/${path.split("/").map(encodeURIComponent).join("/").replace("%23", "#")}`, rel: "noopener" }, word);
}

export function moment(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** When a night or a run began, which its name says; what is no such name comes back as it is. */
export function named(id) {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id);
  return found ? moment(`${found.slice(1, 4).join("-")}T${found.slice(4, 7).join(":")}Z`) : id;
}

export const seconds = (value) => (value === null || value === undefined ? "" : `${value.toFixed(2)} s`);

export function table(title, columns, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
    h("table", {}, h("thead", {}, h("tr", {}, columns.map((word) => h("th", { scope: "col" }, word)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

/** What could not be read, by name. */
export function problems(list) {
  return list.length ? h("section", { class: "card", data: { state: "stalled" } }, h("h3", {}, "Not read"), h("ul", {}, list.slice(0, 20).map((one) => h("li", {}, one))), list.length > 20 ? h("p", { class: "soft" }, `and ${list.length - 20} more: bootlab results check`) : null) : null;
}
