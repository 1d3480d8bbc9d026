// The mouse, pen and fingers: select, move, resize, draw, pan, pinch. Nothing is committed before the button is released.

import { clamp } from "./core.js";
import * as shapes from "./shapes.js";

const SLOP = 3; // screen pixels a press may wander and still be a click
const DRAW_SLOP = 6; // in the draw tool: no object is that small on the screen
const REACH = 9; // screen pixels around a handle
const TOUCH_REACH = 18;

export class Pointer {
  constructor(editor) {
    this.editor = editor;
    this.drag = null;
    this.touches = new Map();
    this.panKey = false;
    const { stage } = editor;
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("pointermove", (e) => this.move(e));
    stage.addEventListener("pointerup", (e) => this.up(e));
    stage.addEventListener("pointercancel", (e) => this.cancel(e));
    stage.addEventListener("pointerleave", () => editor.layer.hover(null));
    stage.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    stage.addEventListener("auxclick", (e) => e.preventDefault());
    stage.addEventListener("dragstart", (e) => e.preventDefault());
  }

  get doc() { return this.editor.doc; }
  get view() { return this.editor.view; }
  get layer() { return this.editor.layer; }
  get busy() { return this.drag !== null; }

  hits(x, y, reach) {
    if (this.editor.hidden) return [];
    return shapes.under(this.doc.shown, x, y, reach / this.view.scale);
  }

  down(event) {
    if (!this.doc.open || event.target.closest("[data-overlay]")) return;
    if (event.pointerType === "touch" && this.pinchDown(event)) return;
    if (this.drag || (event.button !== 0 && event.button !== 1)) return;
    event.preventDefault();
    this.editor.focus();
    this.editor.stage.setPointerCapture(event.pointerId);
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    const start = { id: event.pointerId, cx: event.clientX, cy: event.clientY, x, y, moved: false };
    this.drag = { ...start, ...this.intent(event, x, y) };
    this.editor.stage.toggleAttribute("data-panning", this.drag.kind === "pan");
  }

  /** What a press at this place will do.
   * @returns {{ kind: string, last?: number[], handle?: string, mark?: any, cycle?: any[], clears?: boolean }} */
  intent(event, x, y) {
    const { doc } = this;
    if (event.button === 1 || this.panKey) return { kind: "pan" };
    if (this.editor.tool !== "select" && !doc.readonly) return this.corrects(event, x, y) || { kind: this.editor.tool };
    const touch = event.pointerType === "touch";
    const mark = doc.mark;
    const handle = this.grip(x, y, touch);
    if (handle) return { kind: "resize", handle, mark };
    const hits = this.hits(x, y, touch ? 8 : 4);
    if (!hits.length) return { kind: "pan", clears: true };
    if (mark && hits.includes(mark)) return { kind: "move", mark, cycle: hits };
    this.editor.select(hits[0].id, { reveal: false });
    return { kind: "move", mark: hits[0], cycle: null };
  }

  // In the draw tool, a press on the mark that was drawn last puts it right; with Shift it draws there too.
  corrects(event, x, y) {
    const { mark, fresh } = this.doc;
    if (this.editor.tool !== "draw" || event.shiftKey || !mark || mark.id !== fresh) return null;
    const handle = this.grip(x, y, event.pointerType === "touch");
    if (handle) return { kind: "resize", handle, mark };
    return this.hits(x, y, 1).includes(mark) ? { kind: "move", mark, cycle: null } : null;
  }

  // The handle of the selected box at this place, or null.
  grip(x, y, touch = false) {
    const { doc, editor } = this;
    const { mark } = doc;
    const grips = editor.tool === "select" || (editor.tool === "draw" && mark && mark.id === doc.fresh);
    if (!mark || !mark.box || !grips || doc.readonly || editor.hidden) return null;
    return shapes.handleUnder(mark.box, x, y, (touch ? TOUCH_REACH : REACH) / this.view.scale);
  }

  move(event) {
    if (this.touches.has(event.pointerId)) this.pinchMove(event);
    const { drag } = this;
    if (!drag) return this.hoverAt(event);
    if (drag.id !== event.pointerId) return;
    const [dx, dy] = [event.clientX - drag.cx, event.clientY - drag.cy];
    if (!drag.moved && Math.hypot(dx, dy) < (drag.kind === "draw" ? DRAW_SLOP : SLOP)) return;
    drag.moved = true;
    if (drag.kind === "pan") return this.panTo(event);
    const shape = this.shapeAt(event, drag);
    if (!shape) return;
    if (drag.kind === "draw" || drag.kind === "closer") this.layer.drawing(shape);
    else this.layer.preview(drag.mark.id, shape);
  }

  panTo(event) {
    const last = this.drag.last || [this.drag.cx, this.drag.cy];
    this.view.pan(event.clientX - last[0], event.clientY - last[1]);
    this.drag.last = [event.clientX, event.clientY];
  }

  // The shape the drag makes if it ends here, or null.
  shapeAt(event, drag) {
    const { doc } = this;
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    if (drag.kind === "closer") return shapes.span(drag.x, drag.y, x, y, doc.size);
    if (drag.kind === "draw") {
      if (doc.kind === "box") return shapes.span(drag.x, drag.y, x, y, doc.size);
      return shapes.move({ point: [0, 0] }, x, y, doc.size);
    }
    if (doc.readonly) return null;
    if (drag.kind === "resize") return shapes.resize(drag.mark.box, drag.handle, x - drag.x, y - drag.y, doc.size);
    return shapes.move(drag.mark, x - drag.x, y - drag.y, doc.size);
  }

  up(event) {
    this.touches.delete(event.pointerId);
    const { drag } = this;
    if (!drag || drag.id !== event.pointerId) return;
    this.end();
    if (drag.kind === "draw") this.drawn(drag, event);
    else if (drag.kind === "closer") drag.moved && this.editor.lookCloser(this.shapeAt(event, drag));
    else if (drag.moved && drag.kind !== "pan") this.reshaped(drag, event);
    else if (!drag.moved) this.clicked(drag);
  }

  drawn(drag, event) {
    const { doc } = this;
    const inside = drag.x >= 0 && drag.y >= 0 && drag.x <= doc.size.width && drag.y <= doc.size.height;
    const clicked = doc.kind === "box" && !drag.moved;
    const shape = clicked ? inside && this.usualAt(drag) : this.shapeAt(event, drag);
    if (!shape) return;
    if (shape.point && inside) this.editor.add(shape);
    if (shape.box && shape.box[2] - shape.box[0] >= 1 && shape.box[3] - shape.box[1] >= 1) this.editor.add(shape);
  }

  // A click in the draw tool: a box around it as large as this label's boxes usually are; nothing while there are none.
  usualAt({ x, y }) {
    const { doc } = this;
    const usual = shapes.usual(doc.marks, doc.drawLabel, doc.size);
    return usual && shapes.span(x - usual[0] / 2, y - usual[1] / 2, x + usual[0] / 2, y + usual[1] / 2, doc.size);
  }

  reshaped(drag, event) {
    const shape = this.shapeAt(event, drag);
    if (!shape) return;
    if (shape.box && (shape.box[2] <= shape.box[0] || shape.box[3] <= shape.box[1])) return;
    this.doc.reshape(drag.mark.id, shape);
  }

  // A click on the selected mark goes on to the next one under the pointer.
  clicked(drag) {
    if (drag.kind === "pan" && drag.clears) this.editor.select(null);
    if (drag.kind !== "move" || !drag.cycle || drag.cycle.length < 2) return;
    const at = drag.cycle.findIndex((mark) => mark.id === drag.mark.id);
    this.editor.select(drag.cycle[(at + 1) % drag.cycle.length].id, { reveal: false });
  }

  end() {
    this.drag = null;
    this.layer.drawing(null);
    this.layer.drop();
    this.editor.stage.removeAttribute("data-panning");
  }

  cancel(event) {
    if (event) this.touches.delete(event.pointerId);
    if (this.drag) this.end();
  }

  hoverAt(event) {
    if (!this.doc.open) return;
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    const [hit] = this.hits(x, y, 4);
    this.layer.hover(hit ? hit.id : null);
    const handle = this.grip(x, y);
    const cursors = { nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw", n: "ns", s: "ns", e: "ew", w: "ew" };
    this.editor.stage.style.cursor = handle ? `${cursors[handle]}-resize` : "";
  }

  wheel(event) {
    if (!this.doc.open) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1;
    this.view.zoomAt(event.clientX, event.clientY, Math.exp(-clamp(event.deltaY * lines, -240, 240) * 0.0018));
  }

  // Two fingers: the first one's drag is dropped, and the pair pans and zooms.
  pinchDown(event) {
    this.touches.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.touches.size < 2) return false;
    if (this.drag) this.end();
    return true;
  }

  pinchMove(event) {
    const before = [...this.touches.values()];
    this.touches.set(event.pointerId, [event.clientX, event.clientY]);
    if (before.length !== 2) return;
    const after = [...this.touches.values()];
    /** @param {number[][]} touches */
    const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    /** @param {number[][]} touches */
    const spread = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    const [m0, m1] = [middle(before), middle(after)];
    this.view.pan(m1[0] - m0[0], m1[1] - m0[1]);
    this.view.zoomAt(m1[0], m1[1], spread(after) / spread(before));
  }
}
