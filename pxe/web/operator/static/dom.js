// Elements are made from plain text only: nothing in this page ever parses HTML, so that a machine's name,
// its vendor class or a file that it asks for stays text.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. `props`: attributes; `class`; `on` + event: a listener; `data`: an object for data-*. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(node.dataset, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set the text where it is another: an unchanged node costs no layout and no announcement. */
export function text(node, value) {
  const wanted = shown(value);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Text of a peer, bounded, with what could turn or hide text made visible. */
export function shown(value, most = 300) {
  const plain = String(value ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
  return plain.length > most ? `${plain.slice(0, most - 1)}\u2026` : plain;
}

/** Make `parent` have exactly `count` children, each made by `make`; return them. */
export function pool(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make());
  return parent.children;
}
