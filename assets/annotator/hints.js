// The line under the count that says what looks wrong; a press goes to the next mark it is about. What the image's edge cuts is
// only noted: it is nothing wrong.

import { atEdge, check } from "./checks.js";
import { html, text } from "./core.js";
import { t } from "./words.js";

const REST_MS = 60; // many quick edits are checked once
/** @type {[string, (n: number) => string][]} */
const KINDS = [
  ["duplicate", (n) => t("{n} may be marked twice", { n })],
  ["labels", (n) => t("{n} may be one object under two labels", { n })],
  ["size", (n) => t("{n} of an unusual size", { n })],
  ["inside", (n) => t("{n} inside another object", { n })],
  ["shape", (n) => (n === 1 ? t("1 point without a box") : t("{n} points without a box", { n }))],
  ["outside", (n) => t("{n} outside the image", { n })],
];

export class Hints {
  constructor(editor) {
    this.editor = editor;
    this.found = new Map();
    this.timer = null;
    this.checked = null;
    this.asked = null;
    this.buttons = new Map(KINDS.map(([kind]) => [kind, this.button(kind)]));
    this.edge = html("span", { class: "pda-edge", hidden: "" });
    this.root = html("div", { class: "pda-hints", role: "group", "aria-label": "Please check", hidden: "" }, ...this.buttons.values(), this.edge);
  }

  button(kind) {
    const run = () => {
      this.next(kind);
      this.editor.focus();
    };
    return html("button", { type: "button", class: "pda-hint", "data-hint": kind, title: "Go to the next one (F)", hidden: "", on: { click: run } });
  }

  render() {
    const { marks, kind } = this.editor.doc;
    if ((this.checked === marks && this.asked === kind) || this.timer !== null) return;
    this.timer = setTimeout(() => this.check(), REST_MS);
  }

  check() {
    this.timer = null;
    const { doc, list } = this.editor;
    this.checked = doc.marks;
    this.asked = doc.kind;
    this.found = doc.open ? check(doc.marks, doc.size, doc.kind) : new Map();
    const cut = doc.open ? atEdge(doc.marks, doc.size) : 0;
    for (const [kind, words] of KINDS) {
      const n = [...this.found.values()].filter((hint) => hint.kind === kind).length;
      this.buttons.get(kind).hidden = n === 0;
      text(this.buttons.get(kind), words(n));
    }
    this.edge.hidden = cut === 0;
    text(this.edge, t("{n} cut by the edge", { n: cut }));
    this.root.hidden = this.found.size + cut === 0;
    list.window();
  }

  // The next mark in sight with a hint; without `kind` the gravest there is.
  next(kind = KINDS.map(([name]) => name).find((name) => !this.buttons.get(name).hidden)) {
    const { doc } = this.editor;
    const from = doc.mark ? doc.shown.indexOf(doc.mark) + 1 : 0;
    const order = [...doc.shown.slice(from), ...doc.shown.slice(0, from)];
    const mark = order.find(({ id }) => this.found.has(id) && this.found.get(id).kind === kind);
    if (mark) this.editor.goTo(mark.id);
  }
}
