// A line for the reason before an image is sent back; it may stay empty.

import { html } from "./annotator/core.js";
import { toImage } from "./rows.js";

export class Back {
  // `send(note)` sends the open image back.
  constructor(send) {
    this.send = send;
    this.why = html("input", { type: "text", placeholder: "why? Enter sends", "aria-label": "Why it is sent back; Enter sends it, Escape keeps it here", maxlength: 200,
      on: { keydown: (event) => this.key(event), blur: () => this.ask(false) } });
    this.root = html("label", { class: "pdc-back", hidden: "" }, html("span", {}, "Send back"), this.why);
  }

  ask(on) {
    this.root.hidden = !on;
    this.why.value = "";
    if (on) this.why.focus();
  }

  key(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    const note = this.why.value.trim();
    this.ask(false);
    toImage();
    if (event.key === "Enter") this.send(note);
    event.preventDefault();
    event.stopPropagation();
  }
}
