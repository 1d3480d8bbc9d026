// What a click in the draw tool would make, shown where the pointer rests: nothing is made before the click.

import { loose } from "./fit.js";

const REST_MS = 150; // a pointer that is still for so long is asked about
const NEAR = 4; // screen pixels: a click so near gets what was shown

export class Ghost {
  constructor(editor) {
    this.editor = editor;
    this.timer = 0;
    this.asked = null; // the place that is shown or being asked about, and the promise of what is there
  }

  // The pointer is here, without a button pressed.
  at(event, x, y) {
    if (this.asked && this.near(event.clientX, event.clientY) && this.valid(this.asked)) return;
    this.clear();
    const { editor } = this;
    const { width, height } = editor.doc.size;
    if (!editor.fit.serves || x < 0 || y < 0 || x > width || y > height) return;
    this.timer = window.setTimeout(() => this.ask([event.clientX, event.clientY], x, y), REST_MS);
  }

  near(cx, cy) { return Math.hypot(cx - this.asked.at[0], cy - this.asked.at[1]) <= NEAR; }

  async ask(at, x, y) {
    const { doc, fit, pointer, layer } = this.editor;
    if (!doc.open || this.editor.tool !== "draw" || pointer.busy) return;
    const usual = pointer.usualAt({ x, y });
    const stop = new AbortController();
    const found = fit.look(x, y, usual, stop.signal);
    const asked = { at, found, stop, edits: doc.head.edits, label: doc.drawLabel, name: doc.head.case };
    this.asked = asked;
    const [there] = (await found) || [null];
    if (this.asked === asked && this.valid(asked)) layer.drawing(this.shape(there, usual), "draw");
  }

  // What a click would change: a new box, or the better one of a mark that is there; nothing where that is good.
  shape(found, usual) {
    const { fit, doc } = this.editor;
    const there = found && fit.boxed(found, doc.drawLabel);
    return there && !loose(there.box, found.box) ? null : found || usual;
  }

  valid({ edits, label, name }) {
    const { doc } = this.editor;
    return doc.open && doc.head.case === name && doc.head.edits === edits && doc.drawLabel === label;
  }

  // The promise of what was asked about this place on the screen; nothing where the pointer did not rest there, or all is changed since.
  known(cx, cy) { return this.asked && this.near(cx, cy) && this.valid(this.asked) ? this.asked.found : null; }

  // `keep`: a press goes on with the answer.
  clear(keep = false) {
    window.clearTimeout(this.timer);
    if (this.asked && !keep) this.asked.stop.abort();
    if (this.asked) this.editor.layer.drawing(null);
    this.asked = null;
  }
}
