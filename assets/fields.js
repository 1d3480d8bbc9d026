// Above the list while a sample is counted: whose fields it shows, the way out of the session, and back.

import { html, text } from "./annotator/core.js";
import { desk } from "./annotator/counting.js";
import { t } from "./annotator/words.js";
import { ask } from "./tables.js";

const push = (words, run) => html("button", { type: "button", on: { click: run } }, words);

// The Count tab's own button, where there is that tab.
const countTab = () => document.getElementById("pdc-tab-count-button");

export class Fields {
  // `open(session, sha256)` opens a field, else the next to read; `changed()` shows the list anew.
  constructor({ open, changed }) {
    this.counting = null;
    this.changed = changed;
    this.name = html("strong", { translate: "no" });
    this.title = html("span", { translate: "no" });
    this.said = html("p", { role: "status" });
    this.ask = push("Ask as the count does", () => open(this.counting.session, this.current));
    this.out = push("Leave the session", () => this.leave());
    this.back = push("Back to its fields", () => open(this.counting.session));
    this.result = push("Result so far", () => countTab().click());
    this.root = html("section", { class: "pdc-fields", "aria-label": "Count session", hidden: "" },
      html("p", {}, this.name, " ", this.title), this.said, html("p", { class: "pdc-fields-does" }, this.ask, this.result, this.out, this.back));
  }

  get left() { return Boolean(this.counting) && desk.left === this.counting.session; }

  // The session whose fields the list shows; "" where it shows images.
  get session() { return this.counting && !this.left ? this.counting.session : ""; }

  // The image on the screen may be a field of a session; one that was left is entered again by opening a field of it.
  receive({ counting, entered, current }) {
    if (counting || !this.left) this.counting = counting || null;
    this.current = current;
    if (counting && entered) desk.left = null;
    this.render();
  }

  leave() {
    desk.left = this.counting.session;
    this.render();
    this.changed();
  }

  render() {
    const { counting, left } = this;
    this.root.hidden = !counting;
    if (!counting) return;
    text(this.name, counting.sample);
    text(this.title, counting.title);
    this.ask.hidden = left || counting.fits;
    this.out.hidden = left;
    this.result.hidden = !countTab();
    this.back.hidden = !left;
    if (left) text(this.said, t("You have left this count. Its fields are read like any image."));
    else if (!counting.fits) text(this.said, t("The question on the screen is not the count's: this field would not be counted."));
  }

  // All of them, as one part of a list.
  async rows() {
    const { rows, done, total } = await ask(`api/sessions/${this.session}/fields`);
    return { rows, done, total, first: null, last: null, capped: false };
  }

  show({ done, total }) {
    if (this.counting && !this.left && this.counting.fits) text(this.said, t("{done} of {total} fields read", { done, total }));
  }
}
