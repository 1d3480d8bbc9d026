// Several readers an image: the images shown in the list are given to them, given again, or one reader is withdrawn.

import { html } from "./annotator/core.js";

const field = (name, more) => html("input", { type: "text", "data-readers": name, ...more });
const number = (name, more) => field(name, { inputmode: "numeric", maxlength: 6, ...more });

export class Readers {
  // `send(asked)` has the server do it.
  constructor(send) {
    this.send = send;
    this.names = field("readers", { placeholder: "readers, with commas", "aria-label": "readers, with commas", list: "pdc-readers", maxlength: 400 });
    this.each = number("each", { placeholder: "each", "aria-label": "Readers of each image" });
    this.some = number("some", { placeholder: "images (empty: all shown)", "aria-label": "Only so many images, at random" });
    this.days = number("days", { placeholder: "in days", "aria-label": "in days" });
    this.why = field("why", { placeholder: "why? (to withdraw)", "aria-label": "why? (to withdraw)", maxlength: 200 });
    this.model = html("input", { type: "checkbox", checked: "", "data-readers": "model" });
    const button = (name, words) => html("button", { type: "button", "data-readers": name, on: { click: () => this.act(name) } }, words);
    this.root = html("details", { class: "pdc-more pdc-readers" }, html("summary", {}, "Several readers"),
      html("div", { class: "pdc-filters" }, html("p", {}, "For the question above, to the images shown"), this.names, this.each, this.some,
        html("label", {}, this.model, html("span", {}, "show them the model")), button("give", "Give to readers"),
        this.days, button("again", "Give again"), this.why, button("withdraw", "Withdraw the reader")));
  }

  act(name) {
    const [readers, each, some, days, why] = [this.names, this.each, this.some, this.days, this.why].map((input) => input.value);
    this.send({ do: name, readers, each, some, days, why, shows_model: this.model.checked });
    if (name === "withdraw") this.why.value = "";
  }
}
