// The count, the model's count beside it, and the labels: their colours, numbers and keys. For counting, the numbers are typed here.

import { clamp, colorOf, html, text } from "./core.js";
import { t } from "./words.js";
import { showWorth } from "./worth.js";

const signed = (n) => (n > 0 ? `+${n}` : n < 0 ? `−${-n}` : "±0");
const total = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);

export class Counts {
  // `below` stands under the count, and `hints` after what is in doubt: nodes of other panels.
  constructor(editor, { below, hints }) {
    this.editor = editor;
    this.number = html("strong", { class: "pda-total" });
    this.said = html("span", { class: "pda-said" });
    this.gap = html("span", { class: "pda-gap" });
    this.worth = html("span", { class: "pda-worth" });
    this.all = html("button", { type: "button", class: "pda-complete", title: "Is everything marked? Where it is not, counts are the least and nothing is “none” (M)",
      on: { click: () => {
        editor.doc.setComplete(!editor.doc.complete);
        editor.focus();
      } } });
    this.header = html("div", { class: "pda-header", role: "status" },
      html("span", { class: "pda-word" }, "Count"), this.number, this.worth, this.said, this.gap, this.all);
    this.doubt = html("button", { type: "button", class: "pda-doubt", title: "Go to the next doubtful mark", hidden: "", on: { click: () => this.toDoubtful() } });
    this.rows = html("div", { class: "pda-labels", role: "group", "aria-label": "Labels" });
    this.root = html("div", { class: "pda-counts" }, this.header, ...below, this.doubt, hints, this.rows);
    this.built = null;
    this.lines = [];
  }

  build() {
    const { labels, kind } = this.editor.doc;
    const key = JSON.stringify([labels, kind]);
    if (this.built === key) return;
    this.built = key;
    this.lines = labels.map((label, at) => this.line(label, at, kind));
    this.rows.replaceChildren(...this.lines.map((line) => line.root));
  }

  line(label, at, kind) {
    const swatch = html("i", { class: "pda-swatch", "aria-hidden": "true" });
    swatch.style.background = colorOf(this.editor.doc.labels, label);
    const key = html("kbd", { "aria-hidden": "true" }, at < 9 ? String(at + 1) : "");
    const name = html("span", { class: "pda-name", title: label, translate: "no" }, label);
    const said = html("span", { class: "pda-said" });
    const worth = html("span", { class: "pda-worth" });
    if (kind === "count") return this.typed(label, [swatch, name], said, worth);
    const count = html("span", { class: "pda-number" });
    const root = html("button", { type: "button", class: "pda-label", "data-label": label, on: { click: () => this.pick(label) } },
      key, swatch, name, worth, count, said);
    return { label, root, count, said, worth };
  }

  typed(label, parts, said, worth) {
    const { editor } = this;
    const put = (n) => editor.doc.stateCount(label, clamp(Math.round(n) || 0, 0, 999));
    const input = html("input", {
      type: "number", min: "0", max: "999", step: "1", class: "pda-count-input", "aria-label": t("Count of {label}", { label }), "data-label": label,
      on: {
        input: () => input.value !== "" && put(Number(input.value)),
        blur: () => this.render(),
        keydown: (event) => ["Enter", "Escape"].includes(event.key) && editor.focus(),
      },
    });
    const less = html("button", { type: "button", class: "pda-step", "aria-label": t("One {label} less", { label }), on: { click: () => put(this.value(label) - 1) } }, "−");
    const more = html("button", { type: "button", class: "pda-step", "aria-label": t("One {label} more", { label }), on: { click: () => put(this.value(label) + 1) } }, "+");
    const [swatch, name] = parts;
    const asked = html("span", { class: "pda-asked" }, name, said, worth);
    return { label, root: html("div", { class: "pda-label", "data-label": label }, swatch, asked, less, input, more), input, said, worth, buttons: [less, more] };
  }

  value(label) { return this.editor.doc.stated[label] || 0; }

  // Its number is ready to be typed over; Enter goes back to the image.
  type(at) {
    this.lines[at].input.focus();
    this.lines[at].input.select();
    return true;
  }

  pick(label) {
    this.editor.chooseLabel(label);
    this.editor.focus();
  }

  toDoubtful() {
    const { editor } = this;
    const doubtful = editor.doc.shown.filter((mark) => mark.status === "doubtful");
    const next = doubtful[doubtful.indexOf(editor.doc.mark) + 1] || doubtful[0];
    if (next) editor.goTo(next.id);
    editor.focus();
  }

  renderDoubt({ shown }) {
    const n = shown.filter((mark) => mark.status === "doubtful").length;
    this.doubt.hidden = n === 0;
    if (this.editor.readers.on) text(this.doubt, t("Readers are tied, so decide (F): accept (A), reject (R) or label {n}", { n }));
    else text(this.doubt, n === 1 ? t("1 doubtful mark is dashed and not counted: accept it (A) if it is right")
      : t("{n} doubtful marks are dashed and not counted: accept (A) those that are right", { n }));
  }

  render() {
    this.build();
    const { doc } = this.editor;
    const counts = doc.counts();
    const said = doc.said();
    this.root.hidden = !doc.open;
    this.renderDoubt(doc);
    text(this.number, doc.complete ? total(counts) : `≥ ${total(counts)}`);
    this.all.disabled = doc.readonly;
    this.all.setAttribute("aria-pressed", String(doc.complete));
    text(this.all, t(doc.complete ? "Complete" : "Not complete"));
    text(this.said, said ? t("model said {n}", { n: total(said) }) : "");
    const gap = said ? total(counts) - total(said) : 0;
    text(this.gap, said && gap ? signed(gap) : "");
    const worth = doc.head && !doc.head.answering ? doc.head.worth : null;
    showWorth(this.worth, worth && worth.all, total(counts));
    for (const line of this.lines) this.renderLine(line, counts[line.label] || 0, said, this.lines.length > 1 && worth && worth.labels[line.label]);
  }

  renderLine(line, count, said, worth) {
    const { doc } = this.editor;
    const differs = said && (said[line.label] || 0) !== count;
    const readers = line.input ? this.editor.readers.stated(line.label) : "";
    line.said.toggleAttribute("data-readers", readers !== "");
    text(line.said, readers || (differs && !worth ? t("model {n}", { n: said[line.label] || 0 }) : ""));
    showWorth(line.worth, worth, count);
    if (line.input) {
      if (document.activeElement !== line.input || Number(line.input.value) !== count) line.input.value = String(count);
      for (const node of [line.input, ...line.buttons]) node.disabled = doc.readonly;
      return;
    }
    text(line.count, doc.complete ? count : `≥ ${count}`);
    line.root.setAttribute("aria-pressed", String(doc.drawLabel === line.label));
    line.root.setAttribute("aria-label", `${line.label}: ${doc.complete ? count : t("at least {n}", { n: count })}`);
    line.root.title = t("Draw as {label}; with a mark selected, make it {label}", { label: line.label });
  }
}
