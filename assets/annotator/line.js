// A line over the image that says what a key has just done, and goes again.

import { html, text } from "./core.js";

const SHOWN_MS = 6000;

export class Line {
  constructor() {
    this.root = html("p", { class: "pda-said-line", role: "status", "data-overlay": "", hidden: "" });
    this.timer = null;
  }

  say(words) {
    clearTimeout(this.timer);
    text(this.root, words);
    this.root.hidden = words === "";
    if (words) this.timer = setTimeout(() => this.say(""), SHOWN_MS);
  }
}
