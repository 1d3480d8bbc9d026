// A quiet line: so much was reviewed since the last training that another is worth while. Closed, it stays away until as much again.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const KEY = "pdc-offer";

// How many reviews there were when it was closed; a browser may refuse storage, as in a frame, and then it comes back.
const closedAt = (put) => {
  try {
    if (put !== undefined) window.localStorage.setItem(KEY, String(put));
    return Number(window.localStorage.getItem(KEY) || 0);
  } catch (blocked) {
    return 0;
  }
};

export class Offer {
  constructor() {
    this.words = html("span", {});
    const open = html("button", { type: "button", on: { click: () => document.getElementById("pdc-tab-training-button")?.click() } }, "Training");
    const close = html("button", { type: "button", "aria-label": "Not now", title: "Not now", on: { click: () => this.close() } }, "×");
    this.root = html("p", { class: "pdc-offer", hidden: "" }, this.words, open, close);
  }

  // `offer`: {reviews, every}, or null where nothing is offered.
  show(offer) {
    this.offered = offer;
    const closed = closedAt();
    const again = offer && (closed > offer.reviews || offer.reviews - closed >= offer.every);
    this.root.hidden = !again;
    if (again) text(this.words, t("{reviews} reviews not learnt yet", { reviews: offer.capped ? `${offer.reviews}+` : offer.reviews }));
  }

  close() {
    closedAt(this.offered.reviews);
    this.root.hidden = true;
  }
}
