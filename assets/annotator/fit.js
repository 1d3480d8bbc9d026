// Boxes that fit themselves: the server looks for the object in a rough box, or under a click in the draw tool.

import { iou } from "./checks.js";
import { html, text, untouched } from "./core.js";
import { of as shapeOf, same } from "./shapes.js";
import { t } from "./words.js";

const WAIT_MS = 400; // a click that was not answered by then makes a box of the usual size
const LATEST = 5; // of these waits: a box that was drawn moves by then, or stays
const TOGETHER = 8; // boxes in one request
const THERE = 0.4; // intersection over union of a box and the object that it is meant for, at least
const LOOSE = 0.1; // of a box's side: an edge that moves by more was loose
const KEY = "pdc-no-fit";

const stored = (write) => {
  try {
    if (write) write(window.localStorage);
    return window.localStorage.getItem(KEY) === null;
  } catch (blocked) {
    return true;
  }
};

// Why a box is fitted when all loose ones are: the model's are fitted only where that was measured to help.
const wishFor = (mark) => (mark.origin === "model" ? "loose" : "drawn");

// Whether an edge lies further from where it should be than a tenth of its side.
export const loose = ([x1, y1, x2, y2], to) => {
  const [w, h] = [x2 - x1, y2 - y1];
  return [x1, y1, x2, y2].some((edge, at) => Math.abs(edge - to[at]) > LOOSE * (at % 2 ? h : w));
};

export class Fit {
  constructor(editor) {
    this.editor = editor;
    this.said = { words: "", edits: -1 };
    this.busy = false;
    this.clicked = null; // the answer to the last click, while it is awaited
    this.wait = WAIT_MS;
    this.ready = null;
    this.line = html("div", { class: "pda-fitted", role: "status", hidden: "" });
    const flip = () => {
      this.on = this.switch.checked;
      stored((store) => (this.on ? store.removeItem(KEY) : store.setItem(KEY, "1")));
      editor.focus();
    };
    this.on = stored();
    this.switch = html("input", { type: "checkbox", on: { change: flip } });
    this.switch.checked = this.on;
    this.root = html("label", { class: "pda-fit", title: "A box you draw, and a click, become the box of the object there", hidden: "" }, this.switch,
      html("span", {}, "fit boxes"));
  }

  get doc() { return this.editor.doc; }

  // Where the server fits boxes of this image; nothing where an image is not one of its own.
  get url() {
    const found = this.doc.open && /^(.*)images\/([0-9a-f]{64})\.png/.exec(this.doc.head.image.url);
    return found && `${found[1]}api/fit/${found[2]}`;
  }

  // What is to be read over the image, until the next edit.
  get words() { return this.doc.open && this.said.edits === this.doc.head.edits ? this.said.words : ""; }

  say(words) {
    this.said = { words, edits: this.doc.open ? this.doc.head.edits : -1 };
    this.tell();
  }

  tell() {
    this.line.hidden = !this.words;
    text(this.line, this.words);
  }

  // With the draw tool in hand, the server makes itself ready.
  render() {
    const draws = this.editor.tool === "draw" && this.doc.kind === "box";
    this.root.hidden = !draws;
    this.tell();
    if (!draws || !this.on || this.ready === this.url) return;
    this.ready = this.url;
    this.ask([], "drawn");
  }

  // Whether clicks are fitted.
  get serves() { return this.on && Boolean(this.url); }

  // Per asked box or place what was found, or null; nothing where the server did not answer, or was stopped before.
  /** @param {AbortSignal} [signal] */
  async ask(marks, wish, signal) {
    const { url } = this;
    if (!url) return null;
    try {
      const body = JSON.stringify({ wish, marks });
      const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
      return answer.ok ? (await answer.json()).fits : null;
    } catch (late) {
      return null;
    }
  }

  // The mark that has the object of this box already: of its label, not rejected, and the one that it covers best.
  boxed(fit, label) {
    const over = (mark) => iou(mark.box, fit.box);
    const there = this.doc.shown.filter((mark) => mark.box && mark.label === label && mark.status !== "rejected" && over(mark) >= THERE);
    return there.sort((a, b) => over(b) - over(a))[0];
  }

  // What is found at a place.
  look(x, y, usual, signal) {
    return this.ask([{ label: this.doc.drawLabel, point: [x, y], usual: usual && usual.box }], "drawn", signal);
  }

  // A click in the draw tool: the box of the object there, else the box of the usual size, where there is one. Where a mark has the
  // object already, a loose box is put right and a good one is left: nobody draws an object twice.
  // `shown`: the promise of what the pointer was resting on, if it was.
  click(x, y, usual, shown = null) {
    const clicked = this.answer(x, y, usual, shown).finally(() => {
      if (this.clicked === clicked) this.clicked = null;
    });
    this.clicked = clicked;
    return clicked;
  }

  async answer(x, y, usual, shown) {
    const { doc } = this;
    const [name, label] = [doc.head.case, doc.drawLabel];
    const late = new Promise((resolve) => void window.setTimeout(resolve, this.wait, null));
    const found = this.serves ? await Promise.race([shown || this.look(x, y, usual, AbortSignal.timeout(this.wait)), late]) : null;
    if (!doc.open || doc.head.case !== name) return;
    const [fit] = found || [null];
    const there = fit && this.boxed(fit, label);
    if (there && loose(there.box, fit.box) && this.take([there], [fit])) this.say(t("1 box fitted; Ctrl Z gives it back"));
    else if (!there && (fit || usual)) this.editor.add(fit || usual, label);
  }

  // Runs this at once, or when a click that is still being answered has made its box: the box belongs to what is saved.
  settled(run) {
    if (this.clicked) this.clicked.then(run);
    else run();
  }

  // A box that was just drawn: what it is fitted to is a step of its own, so that one undo gives it back. A box that was handed on
  // meanwhile, to be saved, stays as the reader saw it.
  async drawn(mark) {
    if (!mark || !this.on || !this.url) return;
    const { link } = this.editor;
    const { handed } = link;
    const found = await this.ask([{ label: mark.label, ...shapeOf(mark) }], "drawn", AbortSignal.timeout(LATEST * this.wait));
    if (link.handed === handed && this.take([mark], found)) this.say(t("Fitted; Ctrl Z gives your box back"));
  }

  // The chosen boxes; without any all loose ones that nobody has judged.
  async key() {
    const { doc } = this;
    if (doc.readonly || doc.kind !== "box" || this.busy || !this.url) return;
    const chosen = doc.chosen.filter((mark) => mark.box && mark.status !== "rejected");
    const open = doc.shown.filter((mark) => mark.box && (mark.status === "open" || untouched(mark)));
    if (chosen.length) return this.all([[chosen, "asked"]]);
    const by = (wish) => [open.filter((mark) => wishFor(mark) === wish), wish];
    return this.all([by("loose"), by("drawn")]);
  }

  // Per group of marks why they are fitted; one step for all.
  async all(groups) {
    const { link } = this.editor;
    const { handed } = link;
    const name = this.doc.head.case;
    this.busy = true;
    this.say(t("Fitting…"));
    const [marks, found] = [[], []];
    for (const [some, wish] of groups) {
      marks.push(...some);
      found.push(...(await this.fits(some, wish)));
    }
    this.busy = false;
    if (!this.doc.open || this.doc.head.case !== name) return;
    if (link.handed !== handed) return this.say(t("You went on before the boxes were fitted: they stay as they were"));
    const n = this.take(marks, found);
    const failed = !n && found.includes(undefined);
    this.say(failed ? t("The boxes could not be fitted: the server did not answer") : this.told(n, groups.length > 1));
  }

  // Per mark what it is fitted to, null where nothing is, undefined where the server did not say.
  async fits(marks, wish) {
    const found = [];
    for (let at = 0; at < marks.length; at += TOGETHER) {
      const some = marks.slice(at, at + TOGETHER);
      const asked = some.map((mark) => ({ label: mark.label, ...shapeOf(mark) }));
      found.push(...((await this.ask(asked, wish)) || some.map(() => undefined)));
    }
    return wish === "drawn" ? found.map((fit, at) => (fit && !loose(marks[at].box, fit.box) ? null : fit)) : found;
  }

  told(n, every) {
    if (!n) return t(every ? "No loose box was found" : "No object was found that fits better");
    return n === 1 ? t("1 box fitted; Ctrl Z gives it back") : t("{n} boxes fitted; Ctrl Z gives them back", { n });
  }

  // One step for all that are still as they were asked about; how many they are.
  take(marks, found) {
    const { doc } = this;
    const { drag } = this.editor.pointer;
    const held = new Set(((drag && drag.marks) || []).map((mark) => mark.id));
    const still = (mark) => doc.find(mark.id) === mark && !held.has(mark.id);
    const pairs = (found || []).map((fit, at) => [marks[at].id, fit]).filter(([, fit], at) => fit && still(marks[at]) && !same(marks[at], fit));
    doc.reshapeAll(new Map(pairs));
    return pairs.length;
  }
}
