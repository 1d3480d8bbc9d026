// Taking an image out of the list that does not belong there: asked about with a reason, undone with one click.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const post = async (path, body) => {
  const answer = await fetch(`api/worklist/${path}`, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  if (!answer.ok) throw new Error((await answer.json()).error || t("That failed; try again."));
};

export class Retire {
  // `done(shas)` is called when the list has changed, `left()` when the keyboard may go back to it.
  constructor({ done, left }) {
    this.done = done;
    this.left = left;
    this.asked = null;
    this.why = html("input", { type: "text", placeholder: "why?", "aria-label": "Why it is retired; Enter retires it, Escape keeps it", maxlength: 200,
      on: { keydown: (event) => this.key(event) } });
    this.question = html("p");
    this.form = html("div", { class: "pdc-retire", role: "group", "aria-label": "Retire an image", hidden: "" }, this.question, this.why,
      html("button", { type: "button", "data-retire": "yes", on: { click: () => this.retire() } }, "Retire"),
      html("button", { type: "button", on: { click: () => this.close() } }, "Keep"));
    this.said = html("span", { role: "status" });
    this.undo = html("button", { type: "button", "data-retire": "undo", hidden: "", on: { click: () => this.restore(this.last) } }, "Undo");
    this.root = html("div", {}, this.form, html("p", { class: "pdc-retired" }, this.said, this.undo));
  }

  // A row's button or Del: asks first; a retired image comes back at once.
  ask([sha, name, stage]) {
    if (stage === "retired") return this.restore([sha, name]);
    this.asked = [sha, name];
    text(this.question, t("Retire {name}? It leaves this list, exports and training. Nothing is erased.", { name }));
    this.why.value = "";
    this.form.hidden = false;
    return this.why.focus();
  }

  key(event) {
    if (event.key === "Enter") this.retire();
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  close() {
    this.form.hidden = true;
    this.asked = null;
    this.left();
  }

  async retire() {
    if (!this.asked) return;
    const [[sha, name], why] = [this.asked, this.why.value];
    this.close();
    await this.tell("retire", { images: [sha], why }, t("Retired {name}.", { name }), [sha, name]);
  }

  async restore([sha, name]) {
    await this.tell("restore", { images: [sha] }, t("{name} is in the list again.", { name }), null);
  }

  async tell(path, body, words, last) {
    try {
      await post(path, body);
      this.last = last;
      this.say(words);
      this.done(body.images);
    } catch (error) {
      this.say(error.message);
    }
    this.undo.hidden = !this.last;
  }

  say(words) { text(this.said, words); }
}
