// A list of results page by page, the newest first, below what is at work now.

import { h } from "./dom.js";
import { Going } from "./going.js";
import { Measured } from "./measured.js";

export class Listed extends Measured {
  constructor(title) {
    super(title);
    Object.assign(this, { before: "", going: new Going() });
    this.heading.after(this.going.node);
  }

  mount() {
    super.mount();
    this.going.mount();
  }

  unmount() {
    super.unmount();
    this.going.unmount();
  }

  renew() {
    super.renew();
    this.going.fetch();
  }

  page(before) {
    this.before = before;
    this.fetch();
  }

  /** The buttons to older ones (`next` names the page, "": there are none) and back to the newest. */
  pages(next, what) {
    const button = (key, before) => h("button", { type: "button", data: { key }, onclick: () => this.page(before) }, `${key} ${what}`);
    return h("p", { class: "actions" }, this.before ? button("newest", "") : null, next ? button("older", next) : null);
  }
}
