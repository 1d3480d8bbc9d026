// From mark to mark: the next one, the next that nobody has judged, and Tab.

import * as shapes from "./shapes.js";
import { t } from "./words.js";

export class Walk {
  constructor(editor) {
    this.editor = editor;
    this.ahead = null; // the mark that a verdict went on to; nobody has stepped to it yet
  }

  get doc() { return this.editor.doc; }

  // N right after a verdict comes to the mark that is selected by then, so that none is passed over.
  step(by) {
    const { shown, mark, cursor, selected } = this.doc;
    if (!shown.length) return;
    const at = mark ? shown.indexOf(mark) : cursor;
    const from = at < 0 && by < 0 && !mark ? shown.length : at;
    const stays = by > 0 && this.ahead !== null && this.ahead === selected;
    this.editor.goTo(stays ? selected : shown[(from + by + shown.length) % shown.length].id);
  }

  // After a verdict: to the next mark that waits for one; the image stays where it is while that mark is in sight.
  goOn() {
    const { doc, editor } = this;
    const at = doc.shown.indexOf(doc.mark) + 1;
    const next = [...doc.shown.slice(at), ...doc.shown.slice(0, at)].find((mark) => doc.waits(mark));
    if (!next) return editor.line.say(t("All marks are judged."));
    editor.select(next.id, { reveal: false });
    if (!editor.view.holds(shapes.bounds(next))) editor.view.visit(shapes.bounds(next));
    this.ahead = next.id;
  }

  // Tab walks through the marks and, after the last, leaves the image.
  tab(by) {
    const { doc, editor } = this;
    const at = doc.mark ? doc.shown.indexOf(doc.mark) + by : by > 0 ? 0 : -1;
    if (at < 0 || at >= doc.shown.length) return false;
    editor.select(doc.shown[at].id);
    editor.layer.nodes.get(doc.selected).shape.focus({ preventScroll: true });
    return true;
  }
}
