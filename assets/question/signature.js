// Signing what was saved, and re-opening it with a reason: a button in the bar, or who signed.

import { html, text } from "../annotator/core.js";
import { t } from "../annotator/words.js";
import { toImage } from "../rows.js";

export class Signature {
  // `sign()` and `reopen(reason)` have the server do it.
  constructor({ sign, reopen }) {
    this.reopen = reopen;
    this.button = html("button", { type: "button", class: "pdc-do", "data-do": "sign", title: "Save, then sign: locked until somebody re-opens it with a reason", on: { click: sign } }, "Sign");
    this.said = html("span", { class: "pdc-signed", role: "status" });
    this.open = html("button", { type: "button", class: "pdc-do", "data-do": "reopen", on: { click: () => this.ask(true) } }, "Re-open");
    this.why = html("input", { type: "text", class: "pdc-look", placeholder: "why? Enter re-opens", "aria-label": "Why it is re-opened; Enter re-opens, Escape leaves it signed", maxlength: 200,
      on: { keydown: (event) => this.key(event) } });
    this.root = html("span", { class: "pdc-signature" }, this.said, this.why, this.open, this.button);
    this.show(null);
  }

  show(signed) {
    text(this.said, signed ? `${t("Signed by {by}, {at}", signed)} · ${t(signed.meaning)}` : "");
    this.button.hidden = Boolean(signed);
    this.open.hidden = !signed;
    this.ask(false);
  }

  ask(on) {
    this.why.hidden = !on;
    this.why.value = "";
    if (on) this.why.focus();
  }

  key(event) {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Enter") this.reopen(this.why.value.trim());
    this.ask(false);
    toImage();
  }
}
