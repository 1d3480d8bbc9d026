// The differential keyboard: one key says what a cell is, and the next cell comes up. As a lab's counter, but each press is a label
// on a mark, one step that can be undone. The numbers are in keyed.js, the pad beside the image in pad.js.

import { Bell } from "./bell.js";
import { relabelled } from "./changes.js";
import { html } from "./core.js";
import { field, inside } from "./counting.js";
import { classOf, classesOf, keyed, rings, waits } from "./keyed.js";
import { Pad } from "./pad.js";
import * as shapes from "./shapes.js";
import { t } from "./words.js";

const SHARE = 1 / 4; // of the stage: how large a usual cell is shown
const LEAST = 1 / 16; // of the image: the side of what is shown so, at least
const KEY = "pdc-next-by-itself";
const THROUGH = [..."bdvezqmsx0"]; // the editor's own keys that work beside these; a slip on any other does nothing
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const stored = (on) => {
  try {
    if (on !== undefined) window.localStorage.setItem(KEY, on ? "1" : "");
    return Boolean(window.localStorage.getItem(KEY));
  } catch (blocked) {
    return Boolean(on);
  }
};

export class Differential {
  constructor(editor) {
    this.editor = editor;
    this.on = false;
    this.bell = new Bell();
    this.byItself = stored(); // the next image after the last cell
    this.pad = new Pad(this);
    const run = () => this.pad.run(() => this.toggle());
    this.way = html("button", { type: "button", class: "pda-close", title: "One key says what a cell is, and the next one comes up (Shift K)", on: { click: run } }, "Differential keyboard");
    this.forget();
  }

  forget() {
    this.passed = []; // cells that were skipped: {id, steps: how many steps the document had}
    this.first = 0; // steps that the document had when the keys began
    this.wanting = false; // a cell that may still come, from an answer
    this.scale = null;
    this.begun = false;
  }

  get doc() { return this.editor.doc; }
  get can() { return this.doc.open && !this.doc.readonly && this.doc.kind !== "count"; }
  get active() { return this.on && this.can; }
  get head() { return { labels: this.doc.labels, counting: field(this.doc) }; }
  get classes() { return classesOf(this.head); }
  get numbers() { return keyed(this.head, this.doc.marks, (mark) => this.counts(mark)); }

  // Whether a mark is one of those that the protocol counts, by where it lies.
  counts(mark) {
    const { doc } = this;
    const counting = field(doc);
    return !doc.hides(mark) && (!counting || inside(shapes.bounds(shapes.body(mark)), counting.area, doc.size, counting.border, counting.touch));
  }

  // Whether a mark is a cell that has to be read.
  waits(mark) { return waits(mark) && classOf(this.classes, mark.label) !== null && this.counts(mark); }

  toggle(on = !this.active) {
    this.on = on && this.can;
    this.forget();
    this.editor.render();
  }

  // Another image is on the screen.
  opened() {
    const { scale } = this;
    this.forget();
    this.scale = scale;
  }

  begin() {
    const { doc } = this;
    this.begun = true;
    this.first = doc.past.length;
    this.pad.begin();
    if (doc.mark && this.waits(doc.mark)) this.show(doc.mark);
    else this.goOn();
  }

  setByItself(on) { this.byItself = stored(on); }

  // Runs a key; undefined where it is none of ours.
  press(event, key) {
    if (!this.claims(event, key)) return undefined;
    const run = this.deed(key);
    if (run && !event.repeat && !this.editor.pointer.busy) run();
    return true;
  }

  claims(event, key) {
    if (!this.active || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
    const pushed = key === " " && event.target instanceof Element && event.target.closest("button, a, summary");
    return !pushed && (Boolean(this.deed(key)) || (/^[a-z0-9]$/.test(key) && !THROUGH.includes(key)));
  }

  deed(key) {
    const of = this.classes.find((one) => one.key === key);
    if (of) return () => this.give(of);
    return { " ": () => this.skip(), backspace: () => this.back(), delete: () => this.reject(), r: () => this.reject(), a: () => this.accept() }[key];
  }

  // The cell in hand is of this class.
  give({ name, labels }) {
    const { doc } = this;
    const label = doc.mark && labels.includes(doc.mark.label) ? doc.mark.label : labels.find((one) => doc.labels.includes(one));
    if (!label) return this.pad.say(t("This question does not ask for {label}: add it first.", { label: labels[0] || name }));
    if (doc.mark) return this.judge((mark) => ({ ...relabelled(mark, label), status: "accepted" }), name);
    doc.drawLabel = label;
    this.editor.render();
    this.pad.say(t("No cell is selected. What you draw next is: {name}", { name }));
  }

  accept() {
    const of = this.doc.mark && classOf(this.classes, this.doc.mark.label);
    if (of) this.judge(() => ({ status: "accepted" }), of.name);
  }

  reject() {
    if (this.doc.mark) this.judge(() => ({ status: "rejected" }), t("not a cell"));
  }

  // One step of the document, then the next cell. Who says the same again changes nothing.
  judge(change, said) {
    const { doc } = this;
    const { reached } = this.numbers;
    const same = (mark, to) => Object.keys(to).every((name) => mark[name] === to[name]);
    doc.change([doc.mark], (mark) => (same(mark, change(mark)) ? null : change(mark)));
    const now = this.numbers;
    const row = now.rows.find(({ name }) => name === said);
    this.pad.say(row ? `${said}: ${row.n}` : said);
    this.ring(reached, now.reached);
    this.goOn();
  }

  ring(from, to) {
    const { least } = this.head.counting || {};
    for (const at of rings(from, to, least)) {
      this.bell.ring(at === 200 ? 2 : 1);
      this.pad.flash(at === least ? t("{n} of {least} counted: finish this field.", { n: at, least }) : t("{n} counted.", { n: at }));
    }
  }

  // It stays as it is, and comes again after all others.
  skip() {
    const { doc } = this;
    if (!doc.mark) return this.goOn();
    this.passed.push({ id: doc.mark.id, steps: doc.past.length });
    this.pad.say(t("skipped"));
    this.goOn();
  }

  // The last key is taken back, and its cell comes up again.
  back() {
    const { doc } = this;
    const last = this.passed[this.passed.length - 1];
    if (last && last.steps >= doc.past.length) {
      this.passed.pop();
      if (doc.find(last.id)) return this.show(doc.find(last.id));
    }
    if (doc.past.length <= this.first) return this.pad.say(t("Nothing to take back in this image. PgUp goes to the one before."));
    const before = new Map(doc.marks.map((mark) => [mark.id, mark]));
    doc.undo();
    const changed = doc.marks.find((mark) => before.get(mark.id) !== mark);
    this.pad.say(t("taken back"));
    if (changed) this.show(changed);
  }

  // The next cell that nobody has read, after the one in hand; then those that were skipped.
  next() {
    const { doc } = this;
    const at = doc.shown.indexOf(doc.mark) + 1;
    const left = [...doc.shown.slice(at), ...doc.shown.slice(0, at)].filter((mark) => this.waits(mark));
    const passed = new Set(this.passed.map(({ id }) => id));
    return left.find(({ id }) => !passed.has(id)) || null;
  }

  goOn() {
    const next = this.next();
    if (next) return this.show(next);
    return this.end();
  }

  // No cell is in hand any more: a key too many changes nothing.
  end() {
    const { doc, editor } = this;
    const { open } = this.numbers;
    editor.select(null);
    this.passed = [];
    this.wanting = !open;
    if (doc.head.answering) return this.pad.say(t("answering…"));
    if (open) return this.pad.say(t("{n} cells are not read. Space shows the next one.", { n: open }));
    if (!doc.marks.length) return this.pad.say(t("No cells here. Press D and draw one."));
    this.pad.say(t("All cells of this image are read. Enter saves, and opens the next image."));
    if (this.byItself && editor.tool === "select" && doc.past.length > this.first) return document.dispatchEvent(new CustomEvent("pdc-finish"));
  }

  show(mark) {
    const { view } = this.editor;
    this.wanting = false;
    this.editor.select(mark.id, { reveal: false });
    if (!view.fitted) this.scale = view.scale;
    view.centreInside(...shapes.center(mark), Math.max(this.scale || this.usual(), view.fitScale()));
  }

  // The scale at which a usual cell of this image is a quarter of the stage, so that sizes can be compared.
  usual() {
    const { view, doc } = this.editor;
    const sides = doc.shown.filter((mark) => this.waits(mark) || mark === doc.mark).map((mark) => {
      const [x1, y1, x2, y2] = shapes.bounds(shapes.body(mark));
      return Math.max(x2 - x1, y2 - y1);
    });
    const side = Math.max(sides.length ? median(sides) : 0, Math.min(view.size.width, view.size.height) * LEAST);
    return (SHARE * Math.min(view.width, view.height)) / side;
  }

  // Cells of an answer that came after the last one was read.
  render() {
    this.editor.root.toggleAttribute("data-differential", this.active);
    this.way.hidden = !this.can || !this.head.counting || this.head.counting.classes.length < 2;
    this.way.setAttribute("aria-pressed", String(this.active));
    if (this.active && !this.begun) this.begin();
    this.pad.render();
    if (this.active && this.wanting && !this.doc.mark && this.next()) this.goOn();
  }
}
