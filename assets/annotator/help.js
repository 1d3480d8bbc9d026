// What `?` shows: every key, from the table that binds them, and what the glyphs on the marks mean.

import { html, svg } from "./core.js";
import { BINDINGS, WORKLIST } from "./keys.js";
import { t } from "./words.js";

export class Help {
  constructor() {
    const group = ([title, rows]) =>
      html("section", {}, html("h3", {}, title), html("dl", {}, ...rows.flatMap(([keys, does]) => [
        html("dt", {}, ...keys.split(" ").map((part, i, all) => (all.length > 1 && /^(\/|or|–)$/.test(part) ? ` ${t(part)} ` : html("kbd", {}, part)))),
        html("dd", {}, does),
      ])));
    const close = html("button", { type: "button", class: "pda-close", on: { click: () => this.toggle(false) } }, "Close");
    this.root = html("div", { class: "pda-help", role: "dialog", "aria-label": "Keys", "data-overlay": "", hidden: "" },
      html("div", { class: "pda-help-groups" }, ...[...BINDINGS, ["List of images", WORKLIST]].map(group)), close);
  }

  get open() { return !this.root.hidden; }
  toggle(on = !this.open) { this.root.hidden = !on; }
}


const BOX = "3,3 17,3 17,13 3,13";
const GLYPHS = [["model", "model"], ["human", "you"], ["edited", "edited"], ["accepted", "accepted"], ["rejected", "rejected"], ["doubtful", "doubtful"]];

// The legend under the list: whose mark it is stands on the mark itself, as a glyph.
export const legend = () => {
  const sample = (kind) => svg("svg", { viewBox: "0 0 20 16", class: "pda-sample", "data-sample": kind, "aria-hidden": "true" },
    svg("polygon", { points: BOX }), svg("circle", { cx: 3, cy: 3, r: 3 }), svg("rect", { x: 0, y: 0, width: 6, height: 6 }),
    svg("path", { class: "pda-sample-tick", "data-of": "accepted", d: "M6 8 9 11 15 4.5" }), svg("path", { class: "pda-sample-tick", "data-of": "rejected", d: "M7 5l6 6M13 5l-6 6" }));
  return html("div", { class: "pda-legend", role: "note", "aria-label": "Marks by origin" },
    ...GLYPHS.map(([kind, word]) => html("span", {}, sample(kind), word)));
};
