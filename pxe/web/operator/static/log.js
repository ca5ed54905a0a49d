// The last log lines of one machine, as syslog and netconsole brought them; new ones while it is open.

import { get } from "./api.js";
import { h, shown, text } from "./dom.js";
import { clock } from "./format.js";

const MOST_LINES = 200;
const EVERY_MS = 2000; // asked for, not waited for: a long poll would hold one of the service's threads
const SEVERITIES = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

export class Log {
  constructor(mac) {
    Object.assign(this, { mac, next: 0 });
    this.note = h("p", { class: "soft" });
    this.lines = h("ol", { class: "events log", tabindex: "0", "aria-label": "Log" });
    this.node = h("section", { class: "console" }, h("h3", {}, "Log"), this.note, this.lines);
  }

  mount() {
    this.fetch();
    this.timer = setInterval(() => document.hidden || this.fetch(), EVERY_MS);
  }

  unmount() {
    clearInterval(this.timer);
  }

  async fetch() {
    if (this.busy) return; // the same lines would come twice
    this.busy = true;
    try {
      this.take(await get(`/machines/${this.mac}/log?since=${this.next}&limit=${MOST_LINES}`));
    } catch (error) {
      text(this.note, error.message);
    } finally {
      this.busy = false;
    }
  }

  take(page) {
    const none = page.received ? "No line came yet: see docs/console-logs.md." : "The service receives no log lines: `logs: {}` in the site file lets it (docs/console-logs.md).";
    const follows = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 40; // else somebody reads
    this.next = page.next;
    this.lines.append(...page.lines.map(row));
    while (this.lines.childElementCount > MOST_LINES) this.lines.firstElementChild.remove();
    text(this.note, this.lines.childElementCount ? "" : none);
    if (follows && page.lines.length) this.lines.scrollTop = this.lines.scrollHeight;
  }
}

function row(line) {
  const level = SEVERITIES[line.severity] ?? "";
  const said = [level, line.app && `${line.app}:`, line.text].filter(Boolean).join(" ");
  return h("li", { class: line.severity <= 3 && line.severity !== null ? "bad" : "" }, h("time", {}, clock(line.at)), h("span", {}, shown(said, 500)));
}
