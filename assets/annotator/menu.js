// The menu of the right button, of Shift F10 and of a long press: what can be done with the marks under it, or at an empty place.
// The toolbar's "More" is one too.

import { choose, chooseIn } from "./choosing.js";
import { canPaste, copy, paste } from "./clipboard.js";
import { clamp, colorOf, html } from "./core.js";
import * as shapes from "./shapes.js";
import { t } from "./words.js";

const ROOM = 1.5; // a region to look at closer: this much of the object on each of its sides
const OUTSIDE = ["pointerdown", "wheel", "resize"]; // what closes it when it happens elsewhere
const PART = 6; // at an empty place: a sixth of the image on each side
const ALIKE = { size: 1.5, score: 0.1 }; // how many times larger or smaller, and how far apart in score

// Marks that may be taken for the same kind of object: of one label, about as large, and scored alike.
export const alike = (mark, marks) => {
  const area = (other) => shapes.area(shapes.body(other));
  const near = (other) => (mark.score === null) === (other.score === null) && Math.abs(mark.score - other.score) <= ALIKE.score;
  const sized = (other) => Math.abs(Math.log((area(other) || 1) / (area(mark) || 1))) <= Math.log(ALIKE.size);
  return marks.filter((other) => other !== mark && other.label === mark.label && other.status !== "rejected" && near(other) && sized(other));
};

export class Menu {
  constructor(editor) {
    this.editor = editor;
    this.root = html("div", { class: "pda-menu", role: "menu", popover: "manual", "aria-label": "What to do here", "data-overlay": "",
      on: { keydown: (event) => this.key(event), contextmenu: (event) => event.preventDefault() } });
    this.outside = ({ target }) => (target instanceof Node && this.root.contains(target)) || this.close(false);
    editor.root.append(this.root);
    editor.stage.addEventListener("contextmenu", (event) => this.asked(event));
  }

  get open() { return this.root.isConnected && this.root.matches(":popover-open"); }

  asked(event) {
    const { doc, pointer, view } = this.editor;
    if (!doc.open || event.target.closest("[data-overlay]")) return;
    event.preventDefault();
    pointer.cancel();
    const [x, y] = view.toImage(event.clientX, event.clientY);
    const hits = pointer.hits(x, y, 4);
    if (hits.length && !hits.some((mark) => doc.selection.ids.has(mark.id))) this.editor.select(hits[0].id, { reveal: false });
    this.show(event.clientX, event.clientY, hits.length ? this.ofMarks() : this.ofPlace(x, y));
  }

  // By the keyboard: beside the selected mark, else in the middle of the stage.
  atMark() {
    const { doc, stage, view } = this.editor;
    if (!doc.open) return false;
    const rect = stage.getBoundingClientRect();
    const [x1, y1, x2, y2] = doc.mark ? shapes.bounds(doc.mark) : [...view.middle(), ...view.middle()];
    const [left, top] = view.toStage(x2, y2);
    const place = [rect.left + clamp(left, 0, rect.width), rect.top + clamp(top, 0, rect.height)];
    this.show(...place, doc.mark ? this.ofMarks() : this.ofPlace((x1 + x2) / 2, (y1 + y2) / 2));
    return true;
  }

  ofMarks() {
    const { editor } = this;
    const { doc } = editor;
    const { chosen } = doc;
    const edit = !doc.readonly;
    const labels = doc.labels.map((label, at) => this.label(label, at, chosen, edit));
    const others = chosen.length === 1 ? alike(chosen[0], doc.shown) : [];
    return [
      this.entry("Accept", "A", () => editor.judge("accepted"), edit),
      this.entry("Reject", "R", () => editor.judge("rejected"), edit),
      ...(labels.length > 1 ? [html("div", { class: "pda-menu-group", role: "group", "aria-label": "Label" }, ...labels)] : [this.rule()]),
      ...(others.length ? [this.entry(t("Select it and its {n} look-alikes", { n: others.length }), "", () => choose(editor, [chosen[0], ...others].map(({ id }) => id), chosen[0].id))] : []),
      ...(editor.fit && doc.kind === "box" ? [this.entry("Fit to the object", "Shift F", () => void editor.fit.key(), edit)] : []),
      this.entry("Look closer here", "E", () => editor.lookCloser(this.region(chosen)), edit),
      this.rule(),
      this.entry("Copy", "Ctrl C", () => copy(editor)),
      this.entry("Delete", "Del", () => editor.remove(), edit),
    ];
  }

  ofPlace(x, y) {
    const { editor } = this;
    const { doc } = editor;
    const edit = !doc.readonly && doc.kind !== "count";
    const part = Math.max(doc.size.width, doc.size.height) / PART;
    return [
      this.entry("Draw here", "D", () => this.draw(x, y), edit),
      this.entry("Look closer here", "E", () => editor.lookCloser(shapes.span(x - part, y - part, x + part, y + part, doc.size)), edit),
      this.rule(),
      this.entry("Paste", "Ctrl V", () => paste(editor), edit && canPaste()),
      this.entry("Select all", "Ctrl A", () => chooseIn(editor), doc.shown.length > 0),
    ];
  }

  // What changes how the image is shown, under a button of the toolbar.
  under(button) {
    const { editor } = this;
    const { left, bottom } = button.getBoundingClientRect();
    this.show(left, bottom, [
      this.switch("Outlines only", "O", () => editor.toggle("plain"), editor.plain),
      this.switch("Counting grid", "G", () => editor.grid.toggle(), editor.grid.on),
      this.switch("Crosshair", "C", () => editor.lens.toggle("cross"), editor.lens.cross),
      this.switch("Loupe", "L", () => editor.lens.toggle("loupe"), editor.lens.loupe),
      ...(editor.differential.can ? [this.switch("Differential keyboard", "Shift K", () => editor.differential.toggle(), editor.differential.active)] : []),
    ]);
  }

  rule() { return html("hr", {}); }

  switch(words, key, run, on) {
    const item = this.entry(words, key, run);
    item.setAttribute("role", "menuitemcheckbox");
    item.setAttribute("aria-checked", String(Boolean(on)));
    return item;
  }

  entry(words, key, run, able = true, ...before) {
    const press = () => {
      this.close();
      run();
    };
    return html("button", { type: "button", role: "menuitem", tabindex: "-1", disabled: able ? null : "", on: { click: press } },
      ...before, html("span", {}, words), key ? html("span", { class: "pda-menu-keys", "aria-hidden": "true" }, ...key.split(" ").map((part) => html("kbd", {}, part))) : null);
  }

  label(label, at, chosen, edit) {
    const swatch = html("i", { class: "pda-swatch", "aria-hidden": "true" });
    swatch.style.background = colorOf(this.editor.doc.labels, label);
    const item = this.entry("", at < 9 ? String(at + 1) : "", () => this.editor.chooseLabel(label), edit, swatch);
    const name = item.querySelector("span");
    name.textContent = label;
    name.setAttribute("translate", "no");
    item.setAttribute("role", "menuitemradio");
    item.setAttribute("aria-checked", String(chosen.every((mark) => mark.label === label)));
    return item;
  }

  // Around the marks, with the room that a model needs to see what they are.
  region(chosen) {
    const { doc } = this.editor;
    const [x1, y1, x2, y2] = shapes.union(chosen.map(shapes.body));
    const room = Math.max(x2 - x1, y2 - y1, Math.max(doc.size.width, doc.size.height) / PART / 3) * ROOM;
    return shapes.span(x1 - room, y1 - room, x2 + room, y2 + room, doc.size);
  }

  // A point, or a box of the usual size; where no size is usual, the draw tool.
  draw(x, y) {
    const { editor } = this;
    const shape = editor.doc.kind === "point" ? { point: [x, y] } : editor.pointer.usualAt({ x, y });
    if (shape) return editor.add(shape);
    editor.setTool("draw");
    editor.line.say(t("Drag a box around the object."));
  }

  show(left, top, entries) {
    this.root.replaceChildren(...entries);
    if (!this.open) this.root.showPopover();
    for (const type of OUTSIDE) window.addEventListener(type, this.outside, true);
    const { width, height } = this.root.getBoundingClientRect();
    this.root.style.left = `${clamp(left + 1, 4, Math.max(window.innerWidth - width - 4, 4))}px`;
    this.root.style.top = `${clamp(top + 1, 4, Math.max(window.innerHeight - height - 4, 4))}px`;
    this.step(0, 0);
  }

  close(focus = true) {
    if (!this.open) return;
    this.root.hidePopover();
    for (const type of OUTSIDE) window.removeEventListener(type, this.outside, true);
    if (focus) this.editor.focus();
  }

  step(from, by) {
    const items = [...this.root.querySelectorAll("button:not(:disabled)")];
    const item = items[(from + by + items.length) % items.length];
    if (item instanceof HTMLElement) item.focus({ preventScroll: true });
  }

  // Its keys are its own while it is open.
  key(event) {
    const items = [...this.root.querySelectorAll("button:not(:disabled)")];
    const at = items.indexOf(document.activeElement);
    const moves = { ArrowDown: [at, 1], ArrowUp: [at, -1], Home: [0, 0], End: [-1, 0] };
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Tab") this.close();
    else if (event.key in moves) this.step(...moves[event.key]);
    else return;
    event.preventDefault();
  }
}
