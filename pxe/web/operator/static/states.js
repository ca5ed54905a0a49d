// What a boot can be: each state has a word, a shape and a colour, so that no one of them is needed alone.

import { s } from "./dom.js";

export const STATES = {
  failed: { word: "failed", paths: ["M4 4 L12 12 M12 4 L4 12"] },
  stalled: { word: "stalled", paths: ["M5.5 3.5 V12.5 M10.5 3.5 V12.5"] },
  booting: { word: "booting", paths: ["M6 3.5 L12 8 L6 12.5 Z"], solid: true },
  waiting: { word: "on hold", paths: ["M4 4 H12 V12 H4 Z"] },
  done: { word: "done", paths: ["M3 8.5 L6.5 12 L13 4.5"] },
  unknown: { word: "unknown", paths: ["M5.5 6 a2.5 2.5 0 1 1 3.6 2.2 Q8 8.8 8 10 M8 12.7 V12.8"] },
  idle: { word: "not seen", paths: ["M8 4 a4 4 0 1 0 0.01 0"] },
};

export const ORDER = Object.keys(STATES);
export const TROUBLE = new Set(["failed", "stalled"]);

export function glyph(state) {
  const icon = s("svg", { viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true", focusable: "false" });
  draw(icon, state);
  return icon;
}

export function draw(icon, state) {
  const { paths, solid } = STATES[state];
  icon.replaceChildren(...paths.map((d) => s("path", { d, class: solid ? "solid" : "line" })));
}

export function badge(state, extra = "") {
  const label = document.createElement("span");
  label.className = "badge";
  label.dataset.state = state;
  label.append(glyph(state), STATES[state].word + extra);
  return label;
}

export const STAGES = {
  dhcp: "DHCP", loader: "loader", script: "script", kernel: "kernel", initrd: "initrd", dtb: "device tree",
  config: "config", file: "files", system: "system",
};
