// Holding an image back from every export, and releasing it: one button for the image that is open.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { ask } from "./tables.js";

export class Hold {
  // `row()` is the row of the open image, `changed(error)` is called once the list has to be asked for again, or why not.
  constructor(row, changed) {
    this.row = row;
    this.changed = changed;
    this.root = html("button", { type: "button", "data-act": "hold", on: { click: () => this.press() } }, "hold back");
  }

  get held() { return Boolean((this.row() || [])[5]); }

  show() {
    this.root.hidden = !this.row();
    text(this.root, t(this.held ? "release" : "hold back"));
    this.root.setAttribute("aria-pressed", String(this.held));
    this.root.title = t(this.held ? "Exports may hold this image again" : "No export will hold this image; training here goes on");
  }

  async press() {
    const row = this.row();
    if (!row) return;
    const body = JSON.stringify({ images: [row[0]] });
    try {
      await ask(`api/worklist/${this.held ? "release" : "hold-back"}`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
      row[5] = !row[5];
      this.changed("");
    } catch (error) {
      this.changed(error.message);
    }
  }
}
