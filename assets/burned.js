// Text that is burned into an image is shown to its reader before anything is stored: they paint it over, keep it, or leave the image out.

import { html, set, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const SVG = "http://www.w3.org/2000/svg";
const CHOICES = [["paint", "Paint over and add", "The places in boxes become black in everything that is stored"],
  ["keep", "Keep as it is", "There is no identity in it: the image is stored unchanged"],
  ["leave", "Do not add", "Nothing of the image is stored"]];

export class BurnedIn {
  constructor() {
    this.name = html("strong", { translate: "no" });
    this.said = html("p", {});
    this.picture = html("img", { alt: "The image, with the places where text was found" });
    this.boxes = document.createElementNS(SVG, "svg");
    this.all = html("input", { type: "checkbox" });
    this.rest = html("label", { class: "pdc-option" }, this.all, html("span", {}, "The same for the other images of this upload"));
    const buttons = CHOICES.map(([choice, words, title], at) =>
      html("button", { type: "button", title, "data-text": choice, class: at ? "" : "pdc-main", on: { click: () => this.end(choice) } }, words));
    this.root = html("dialog", { class: "pdc-burned", "aria-labelledby": "pdc-burned-title", on: { cancel: (event) => { event.preventDefault(); this.end("leave"); } } },
      html("h2", { id: "pdc-burned-title" }, "Text in this image"), html("p", {}, this.name), this.said,
      html("div", { class: "pdc-burned-picture" }, this.picture, this.boxes), this.rest, html("div", { class: "pdc-line" }, ...buttons));
    this.chosen = null;
  }

  // A new upload is asked about anew.
  forget() { this.chosen = null; }

  // What the reader wants: `paint`, `keep` or `leave`. `more`: other images wait.
  ask(name, found, more) {
    if (this.chosen) return Promise.resolve(this.chosen);
    text(this.name, name);
    text(this.said, t("It may say who somebody is. Nothing is stored yet. Places: {n}.", { n: found.boxes.length }));
    this.picture.src = found.picture;
    set(this.boxes, "viewBox", `0 0 ${found.width} ${found.height}`);
    this.boxes.replaceChildren(...found.boxes.map((box) => this.box(box)));
    this.all.checked = false;
    this.rest.hidden = !more;
    document.body.append(this.root);
    this.root.showModal();
    return new Promise((done) => { this.answer = done; });
  }

  box([x1, y1, x2, y2]) {
    const drawn = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x: x1, y: y1, width: x2 - x1, height: y2 - y1 })) set(drawn, name, value);
    return drawn;
  }

  end(choice) {
    if (this.all.checked) this.chosen = choice;
    this.root.close();
    this.root.remove();
    this.picture.removeAttribute("src");
    this.answer(choice);
  }
}
