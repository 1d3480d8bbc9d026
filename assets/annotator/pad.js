// The pad of the differential keyboard: each class with its key, its number and its share with limits, as they are now.

import { colorOf, html, set, text } from "./core.js";
import { t } from "./words.js";

const FLASH_MS = 2500;
const percent = (share) => Math.round(100 * share);
const limits = ({ low, high }) => `${percent(low)}–${high === Infinity ? "∞" : percent(high)}`;
const key = (shown) => html("kbd", { "aria-hidden": "true", translate: "no" }, shown);

export class Pad {
  constructor(differential) {
    this.differential = differential;
    this.built = "";
    this.timer = null;
    this.sum = html("strong", { class: "pda-keyed-total" });
    this.aim = html("span", { class: "pda-said" });
    this.meter = html("progress", { "aria-label": "Cells read", value: "0", max: "100" });
    this.said = html("p", { class: "pda-keyed-said", role: "status" });
    this.rung = html("p", { class: "pda-rung", role: "alert", hidden: "" });
    this.rows = html("div", { class: "pda-keyed-rows", role: "group", "aria-label": "Classes" });
    this.corrected = html("p", { class: "pda-keyed-corrected" });
    const silent = this.tick("Bell", "A bell at 100 and at 200 cells, and at the number that the protocol asks for", !differential.bell.silent, (on) => differential.bell.silence(!on));
    const next = this.tick("Next image by itself", "Save, and open the next image, when the last cell is read", differential.byItself, (on) => differential.setByItself(on));
    const close = html("button", { type: "button", class: "pda-close", title: "Close (Shift K)", on: { click: () => this.run(() => differential.toggle(false)) } }, "Close");
    this.accept = this.deed("A", "As proposed", () => differential.accept());
    this.reject = this.deed("R", "Not a cell", () => differential.reject());
    this.root = html("section", { class: "pda-keyed", "aria-label": "Differential keyboard", hidden: "" },
      html("header", {}, html("strong", {}, "Differential keyboard"), close),
      html("div", { class: "pda-keyed-sum" }, this.sum, this.aim, this.meter), this.rung, this.said, this.rows, this.corrected,
      html("div", { class: "pda-keyed-deeds" }, this.deed("Space", "Skip", () => differential.skip()), this.accept, this.reject,
        this.deed("⌫", "Back", () => differential.back())),
      html("div", { class: "pda-keyed-ticks" }, silent, next));
  }

  get editor() { return this.differential.editor; }

  run(run) {
    run();
    this.editor.focus();
  }

  deed(shown, name, run) {
    return html("button", { type: "button", class: "pda-close", "data-key": shown, on: { click: () => this.run(run) } }, key(t(shown)), name);
  }

  tick(name, title, on, change) {
    const box = html("input", { type: "checkbox", on: { change: () => this.run(() => change(box.checked)) } });
    box.checked = on;
    return html("label", { title }, box, html("span", {}, name));
  }

  say(words) { text(this.said, words); }

  // Nothing of another image.
  begin() {
    this.say("");
    this.rung.hidden = true;
    this.root.scrollTop = 0;
  }

  // What the bell says, for eyes.
  flash(words) {
    clearTimeout(this.timer);
    text(this.rung, words);
    this.rung.hidden = false;
    this.timer = setTimeout(() => { this.rung.hidden = true; }, FLASH_MS);
  }

  build(rows) {
    const now = JSON.stringify(rows.map(({ name, key: of, labels, among }) => [name, of, labels, among]));
    if (this.built === now) return;
    this.built = now;
    this.lines = rows.map((row) => this.line(row));
    const taken = (letter) => rows.some(({ key: of }) => of === letter); // a class's key comes before ours
    this.accept.hidden = taken("a");
    text(this.reject.firstElementChild, taken("r") ? t("Del") : "R");
    const head = html("div", { class: "pda-keyed-head", "aria-hidden": "true" }, html("span", {}, "Class"), html("span", {}, "n"), html("span", {}, "%"), html("span", {}, "95 %"));
    const outside = this.lines.filter((_, at) => !rows[at].among).map(({ root }) => root);
    const apart = html("p", { class: "pda-keyed-apart" }, "Outside the total, per 100 of it");
    this.rows.replaceChildren(head, ...this.lines.filter((_, at) => rows[at].among).map(({ root }) => root), ...(outside.length ? [apart, ...outside] : []));
  }

  line({ name, key: of, labels }) {
    const swatch = html("i", { class: "pda-swatch", "aria-hidden": "true" });
    swatch.style.background = colorOf(this.editor.doc.labels, labels[0]);
    const [n, share, between] = ["pda-number", "pda-share", "pda-between"].map((kind) => html("span", { class: kind }));
    const open = html("span", { class: "pda-keyed-open" });
    const run = () => this.differential.give(this.differential.classes.find((one) => one.name === name));
    const root = html("button", { type: "button", class: "pda-keyed-row", "data-class": name, on: { click: () => this.run(run) } },
      key(of.toUpperCase()), swatch, html("span", { class: "pda-name", title: name, translate: "no" }, name), html("span", { class: "pda-keyed-n" }, open, n), share, between);
    return { root, n, share, between, open };
  }

  render() {
    const { active } = this.differential;
    this.root.hidden = !active;
    if (!active) return;
    const { rows, reached, correction } = this.differential.numbers;
    const { least } = this.differential.head.counting || {};
    this.build(rows);
    text(this.sum, reached);
    text(this.aim, least ? t("of {least}", { least }) : t("cells read"));
    Object.assign(this.meter, { max: least || 100, value: Math.min(reached, least || 100) });
    rows.forEach((row, at) => this.renderLine(row, this.lines[at]));
    text(this.corrected, correction ? this.correct(correction) : "");
  }

  renderLine(row, { root, n, share, between, open }) {
    text(n, row.n);
    text(open, row.open ? `+${row.open}` : "");
    set(open, "title", t("{n} in this image that nobody has read", { n: row.open }));
    const known = row.low !== null;
    text(share, known ? percent(row.share) : "");
    text(between, known ? limits(row) : "");
    const told = { name: row.name, n: row.n, share: percent(row.share || 0), limits: known ? limits(row) : "" };
    set(root, "aria-label", known ? t("{name}: {n}, {share} %, 95 % limits {limits}", told) : t("{name}: {n}", told));
  }

  correct({ times, measured, from }) {
    const by = { from, times: times.toFixed(3), measured, value: measured ? (measured * times).toPrecision(3) : "" };
    return measured ? t("White cells corrected: {measured} × {times} = {value}", by) : t("White count: multiply by {times} ({from} or more nucleated red cells per 100)", by);
  }
}
