// Accepting, unseen, every image of the list whose answer leaves nothing in doubt: asked about with numbers, undone with one click.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { ask } from "./tables.js";

const post = (path, images) => ask(`api/worklist/${path}`, { method: "POST", body: JSON.stringify({ images }), headers: { "Content-Type": "application/json" } });

export class Accept {
  // `wanted()` are the filters of the list, `changed()` is called when rows have changed, `look()` shows what was accepted unseen.
  constructor({ wanted, changed, look }) {
    this.wanted = wanted;
    this.changed = changed;
    this.look = look;
    this.images = [];
    this.last = [];
    this.open = html("button", { type: "button", class: "pdc-unseen", title: "Images without a doubtful mark, like those the model knows, whose number is sure",
      on: { click: () => this.offer() } }, "Accept what leaves no doubt …");
    this.asked = html("p");
    this.left = html("ul");
    this.yes = html("button", { type: "button", "data-accept": "yes", on: { click: () => this.accept() } });
    this.form = html("div", { class: "pdc-retire", role: "group", "aria-label": "Accept images unseen", hidden: "" }, this.asked, this.left,
      html("p", {}, "They are kept as “auto-accepted”: nothing is trained, measured or exported on them until somebody confirms them."),
      this.yes, html("button", { type: "button", on: { click: () => this.close() } }, "Cancel"));
    this.said = html("span", { role: "status" });
    this.show = html("button", { type: "button", "data-accept": "look", hidden: "", on: { click: () => this.look() } }, "Look them over");
    this.undo = html("button", { type: "button", "data-accept": "undo", hidden: "", on: { click: () => this.takeBack() } });
    this.root = html("div", { class: "pdc-accept", hidden: "" }, this.open, this.form, html("p", { class: "pdc-retired" }, this.said, this.show, this.undo));
  }

  // Where reads are blind there is nothing to accept unseen, and without answers neither.
  receive({ blind, answered }) { this.root.hidden = blind || (!answered && !this.last.length && !this.said.textContent); }

  close() { this.form.hidden = true; }

  async offer() {
    const found = await this.tried(() => ask(`api/worklist/auto-accept?${new URLSearchParams(this.wanted())}`));
    if (!found) return;
    this.images = found.images;
    const [n, of] = [found.images.length, found.more ? `${found.of}+` : found.of];
    text(this.asked, n ? t("{n} of {of} images leave no doubt. Accept them without looking?", { n, of })
      : t("None of {of} images is without doubt.", { of }));
    this.left.replaceChildren(...found.left.map((why) => html("li", { translate: "no" }, why)));
    this.yes.hidden = n === 0;
    text(this.yes, t("Accept {n}", { n }));
    this.form.hidden = false;
    (n ? this.yes : this.form.lastElementChild).focus();
  }

  async accept() {
    this.close();
    const done = await this.tried(() => post("auto-accept", this.images));
    if (done) this.tell(done.images, t("Auto-accepted: {n}. Nobody has looked at them yet.", { n: done.images.length }));
  }

  async takeBack() {
    const done = await this.tried(() => post("take-back", this.last));
    if (done) this.tell([], t("Taken back: {n}.", { n: done.images.length }));
  }

  tell(images, words) {
    this.last = images;
    text(this.said, words);
    text(this.undo, t("Take these {n} back", { n: images.length }));
    this.show.hidden = this.undo.hidden = images.length === 0;
    this.changed();
  }

  // Hundreds of images take a while: until it is done, nothing else is asked.
  async tried(run) {
    const [buttons, before] = [[this.open, this.show, this.undo], this.said.textContent];
    for (const node of buttons) node.disabled = true;
    text(this.said, t("One moment …"));
    try {
      const found = await run();
      text(this.said, before);
      return found;
    } catch (error) {
      text(this.said, error.message);
      return null;
    } finally {
      for (const node of buttons) node.disabled = false;
    }
  }
}
