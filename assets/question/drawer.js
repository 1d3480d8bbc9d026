// On a tablet the list of images is a drawer: a button in the bar brings it in, and whatever is chosen there, Esc or a press beside
// it puts it away. On larger windows the list is simply there, and nothing of this shows.

import { html } from "../annotator/core.js";

export class Drawer {
  constructor() {
    this.button = html("button", { type: "button", class: "pdc-do pdc-drawer", "aria-expanded": "false", on: { click: () => this.show(!this.shown) } }, "Images");
    // "pdc-list" asks for the list (detail: true) or says that it has done its work (false).
    this.listeners = {
      "pdc-list": (event) => this.show(event.detail),
      keydown: (event) => event.key === "Escape" && this.show(false),
      pointerdown: (event) => this.within(event.target) || this.show(false),
    };
  }

  get left() { return document.querySelector(".pdc-left"); }
  get shown() { return Boolean(this.left && this.left.hasAttribute("data-drawn")); }

  within(target) { return this.button.contains(target) || Boolean(this.left && this.left.contains(target)); }

  show(on) {
    if (!this.left || on === this.shown) return;
    this.left.toggleAttribute("data-drawn", on);
    this.button.setAttribute("aria-expanded", String(on));
  }
}
