// What stands in the editor's place while no image is open: the examples as cards, and where to drop images.

import { html } from "./annotator/core.js";

const HELD_MS = 5000;

export class Welcome {
  // `open` is told the name of an example.
  constructor({ open, upload }) {
    this.open = open;
    this.cards = html("ul", { class: "pdc-cards" });
    const pick = (run, words) => html("button", { type: "button", class: "pdc-pick", on: { click: run } }, words);
    this.root = html("section", { class: "pdc-welcome", "aria-label": "Open an image" },
      html("h2", {}, "Open an example"), this.cards,
      html("div", { class: "pdc-zone" }, html("p", {}, "or drop your images here: files, a folder or a ZIP"),
        html("div", {}, pick(() => upload.pickFiles(), "Choose images"), pick(() => upload.pickFolder(), "Choose a folder"))));
  }

  show(examples) {
    if (this.cards.children.length !== examples.length) this.cards.replaceChildren(...examples.map((example) => this.card(example)));
  }

  card({ name, title, about, url }) {
    const picture = html("img", { src: url, alt: "", width: 240, height: 180 });
    const words = html("span", { class: "pdc-card-words" }, html("strong", {}, title), html("span", {}, about));
    return html("li", {}, html("button", { type: "button", class: "pdc-card", "data-example": name, on: { click: () => this.choose(name) } }, picture, words));
  }

  choose(name) {
    for (const card of this.cards.querySelectorAll(".pdc-card")) card.toggleAttribute("data-opening", card.dataset.example === name);
    this.open(name);
  }

  // An image that was open before is on its way: the cards would only flash.
  hold() {
    this.root.hidden = true;
    setTimeout(() => { this.root.hidden = false; }, HELD_MS);
  }

  // Gradio may build the editor again: the cards are put into whichever is there. An image that opened hides them.
  place() {
    const editor = document.querySelector(".pdc-editor");
    if (!editor) return;
    if (this.root.parentElement !== editor) editor.append(this.root);
    if (editor.hasAttribute("data-open")) this.cards.querySelector("[data-opening]")?.removeAttribute("data-opening");
  }
}
