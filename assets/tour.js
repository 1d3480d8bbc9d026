// The first visit: three steps on the examples, in the list's own column, so that they lie over nothing. Shown once in a browser,
// and never where reads are blind.

import { html } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { toImage } from "./rows.js";

const SEEN = "pdc-tour";
const STEPS = [
  ["Open an image", "Press an example, or drop images of yours anywhere. The model marks what it finds; Esc stops it.", ".pdc-welcome"],
  ["Correct it", "N goes to the next mark; A accepts it, R rejects it. D draws what is missing.", ".pda-toolbar"],
  ["Save and go on", "Enter saves and opens the next image. ? shows every key.", ".pdc-bar"],
];

const remembered = (put) => {
  try {
    if (put) window.localStorage.setItem(SEEN, "done");
    return window.localStorage.getItem(SEEN) !== null;
  } catch (blocked) {
    return true;
  }
};

export class Tour {
  constructor() {
    this.at = -1;
    this.title = html("strong", { id: "pdc-tour-title" });
    this.words = html("p", { id: "pdc-tour-words" });
    this.next = html("button", { type: "button", on: { click: () => this.show(this.at + 1) } });
    const leave = html("button", { type: "button", on: { click: () => this.end() } }, "Skip the tour");
    this.root = html("section", { class: "pdc-tour", role: "region", "aria-labelledby": "pdc-tour-title", "aria-describedby": "pdc-tour-words", hidden: "",
      on: { keydown: (event) => this.key(event) } }, this.title, this.words, html("div", {}, this.next, leave));
  }

  // At the page's first value: begin, unless it was seen or must not be shown. When an image opens, the first step is done.
  receive({ blind, current }) {
    if (blind) return;
    if (this.at < 0 && !remembered()) this.show(0);
    if (this.at === 0 && current) this.show(1);
  }

  show(at) {
    if (at >= STEPS.length) return this.end();
    const [title, words, where] = STEPS[at];
    this.at = at;
    this.root.hidden = false;
    this.title.textContent = `${at + 1}/${STEPS.length} ${t(title)}`;
    this.words.textContent = t(words);
    this.next.textContent = t(at + 1 < STEPS.length ? "Next" : "Done");
    this.point(where);
  }

  point(where) {
    for (const node of document.querySelectorAll("[data-tour]")) node.removeAttribute("data-tour");
    if (!where) return;
    for (const node of document.querySelectorAll(where)) {
      node.setAttribute("data-tour", "");
      if (node.tagName === "DETAILS") node.open = true;
    }
  }

  key(event) {
    if (event.key !== "Escape") return;
    this.end();
    event.preventDefault();
    event.stopPropagation();
  }

  end() {
    const inside = this.root.contains(document.activeElement);
    this.at = STEPS.length;
    this.root.hidden = true;
    this.point(null);
    remembered(true);
    if (inside) toImage();
  }
}
