// How sure the model is: a threshold that hides (never deletes), the order of the list, and words once scores are calibrated.

import { clamp, html, round, text } from "./core.js";
import { t } from "./words.js";

// What a mark's score is called: "" without one, and always while those of its label are uncalibrated.
export const sureness = ({ score, label }, calibration) => {
  const of = calibration && Object.hasOwn(calibration, label) ? calibration[label] : null;
  if (score === null || !of) return "";
  return score >= of.confident ? "confident" : score >= of.unsure ? "unsure" : "no answer";
};

// On how many reviewed marks the words rest, and of which labels there are none yet.
const calibrated = (labels, calibration) => {
  const known = labels.filter((label) => calibration && Object.hasOwn(calibration, label));
  if (!known.length) return t("Uncalibrated scores");
  const n = Math.max(...known.map((label) => calibration[label].n));
  if (known.length === labels.length) return t("Calibrated on {n} reviewed marks", { n });
  return t("Calibrated on {n} reviewed marks: {labels}", { n, labels: known.join(", ") });
};

export class Confidence {
  constructor(editor) {
    this.editor = editor;
    this.slider = html("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0", class: "pda-threshold",
      "aria-label": "Hide marks the model scored below", title: "Hide marks scored below (, and .)",
      on: { input: () => this.hideBelow(Number(this.slider.value)) } });
    this.value = html("output", { class: "pda-threshold-value" });
    this.order = html("button", { type: "button", class: "pda-order", title: "Unsure marks first in the list (U)", on: { click: () => {
      this.toggleOrder();
      editor.focus();
    } } }, "Unsure first");
    this.words = html("span", { class: "pda-calibration" });
    this.hidden = html("button", { type: "button", class: "pda-hidden-count", title: "Show them again", hidden: "", on: { click: () => {
      this.hideBelow(0);
      editor.focus();
    } } });
    this.reject = html("button", { type: "button", class: "pda-order", title: "Reject all marks that their score hides (Shift R)", hidden: "", on: { click: () => {
      editor.doc.rejectHidden();
      editor.focus();
    } } }, "Reject hidden");
    this.root = html("div", { class: "pda-confidence", role: "group", "aria-label": "Scores" },
      html("label", {}, html("span", {}, "Hide below"), this.slider, this.value), html("div", {}, this.words, this.order));
    this.line = html("div", { class: "pda-hidden-line" }, this.hidden, this.reject);
  }

  hideBelow(score) {
    const { editor } = this;
    editor.doc.look({ below: clamp(round(score), 0, 1) });
    editor.render();
  }

  // The first step hides what is doubtful and not counted anyway.
  step(by) {
    const { below } = this.editor.doc.sight;
    const start = this.start();
    if (by > 0 && below < start) this.hideBelow(start);
    else this.hideBelow(by < 0 && below <= start ? 0 : below + by);
  }

  // As far as hiding takes no mark away that counts: the labels' own thresholds, or 0 where nothing is doubtful.
  start() {
    const scores = (status) => this.editor.doc.marks.filter((mark) => mark.status === status && mark.score !== null).map((mark) => mark.score);
    const [doubtful, open] = [scores("doubtful"), scores("open")];
    if (!doubtful.length) return 0;
    return Math.floor(100 * Math.min(...open, Math.max(...doubtful) + 0.01)) / 100;
  }

  toggleOrder() {
    const { editor } = this;
    editor.doc.look({ uncertain: !editor.doc.sight.uncertain });
    editor.render();
    editor.list.follow();
  }

  render() {
    const { doc } = this.editor;
    const { below, uncertain } = doc.sight;
    const scored = doc.marks.some((mark) => mark.score !== null);
    this.root.hidden = !scored;
    const n = doc.marks.length - doc.shown.length;
    this.hidden.hidden = this.line.hidden = n === 0;
    this.reject.hidden = n === 0 || doc.readonly;
    text(this.hidden, n ? t("{n} hidden below {score}, not counted", { n, score: below.toFixed(2) }) : "");
    this.slider.value = String(below);
    text(this.value, below.toFixed(2));
    this.order.setAttribute("aria-pressed", String(uncertain));
    text(this.words, calibrated(doc.labels, (doc.head || {}).calibration));
  }
}
