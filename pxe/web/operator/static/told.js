// Events as lines for people.

import { shown } from "./dom.js";
import { bytes, duration } from "./format.js";

const LINES = {
  "dhcp-received": (e) => `DHCP ${e.message} from ${e.firmware}, ${e.arch} ${e.vendor_class}`,
  "dhcp-sent": (e) => `DHCP ${e.message} ${e.ip}${e.bootfile ? `, file ${e.bootfile}` : ""}${e.plan ? `, plan ${e.plan}` : ""}`,
  "dhcp-ignored": (e) => `DHCP ${e.message} not answered: ${e.reason}`,
  "transfer-started": (e) => `${e.protocol} ${e.name}: ${bytes(e.size)}${options(e.options)}`,
  "transfer-ended": (e) => `${e.protocol} ${e.name}: ${e.outcome}, ${bytes(e.sent)} in ${duration(e.duration_ns / 1e6)}${e.repeated ? `, ${e.repeated} blocks repeated` : ""}${e.detail ? `; ${e.detail}` : ""}`,
  "transfer-refused": (e) => `${e.protocol} ${e.name} refused: ${e.reason}`,
  "config-delivered": (e) => `config ${e.name} of plan ${e.plan}: ${bytes(e.size)}`,
  "config-refused": (e) => `config ${e.name} refused: ${e.reason}`,
  "plan-changed": (e) => `boots ${e.plan ?? "nothing from us"} from now on`,
  "other-server": (e) => `another DHCP server answers: ${e.server}`,
  "address-conflict": (e) => `answers ARP on ${e.ip}, which it was not given`,
  "log-trouble": (e) => `its log says: ${e.line}`,
  finding: (e) => `${e.sentence} ${e.cure}`,
};

const options = (all) => Object.entries(all).map(([word, value]) => `, ${word} ${value}`).join("");

export function told(event) {
  const line = LINES[event.kind];
  return shown(line ? line(event) : event.kind, 400);
}
