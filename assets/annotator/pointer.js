// The mouse, pen and fingers: select, move, resize, draw, pan, pinch. Nothing is committed before the button is released.

import { chooseIn, toggle } from "./choosing.js";
import { clamp } from "./core.js";
import { edgesAt } from "./edges.js";
import * as shapes from "./shapes.js";

const SLOP = 3; // screen pixels a press may wander and still be a click
const DRAW_SLOP = 6; // in the draw tool: no object is that small on the screen
const REACH = 9; // screen pixels around a handle
const TOUCH_REACH = 18;
const SAME_PLACE = 4; // screen pixels: a pointer that moved less means what it meant before

export class Pointer {
  constructor(editor) {
    this.editor = editor;
    this.drag = null;
    this.touches = new Map();
    this.panKey = false;
    this.edge = null; // in the edges tool: the place on the screen, what it can mean, and which of these is shown
    const { stage } = editor;
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("pointermove", (e) => this.move(e));
    stage.addEventListener("pointerup", (e) => this.up(e));
    stage.addEventListener("pointercancel", (e) => this.cancel(e));
    stage.addEventListener("pointerleave", () => this.left());
    stage.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    stage.addEventListener("mousedown", (e) => e.button === 2 && e.preventDefault()); // the menu's, which the focus would go before
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

  // While the space bar is held, a drag pans.
  holdPan(on) {
    this.panKey = on;
    this.editor.stage.toggleAttribute("data-pan", on);
    return true;
  }

  down(event) {
    if (!this.doc.open || event.target.closest("[data-overlay]")) return;
    if (event.pointerType === "touch" && this.pinchDown(event)) return;
    if (this.drag || (event.button !== 0 && event.button !== 1)) return;
    event.preventDefault();
    this.editor.focus();
    this.editor.stage.setPointerCapture(event.pointerId);
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    const shown = this.editor.tool === "draw" ? this.editor.ghost.known(event.clientX, event.clientY) : null;
    this.editor.ghost.clear(true);
    const start = { shown, id: event.pointerId, cx: event.clientX, cy: event.clientY, x, y, moved: false };
    this.drag = { ...start, ...this.intent(event, x, y) };
    this.editor.stage.toggleAttribute("data-panning", this.drag.kind === "pan");
    if (this.drag.kind === "resize" && this.drag.moved) this.layer.preview(this.movesAt(event, this.drag));
  }

  /** What a press at this place will do.
   * @returns {{ kind: string, x?: number, y?: number, moved?: boolean, centred?: boolean, last?: number[], handle?: string, marks?: any[], hits?: any[], adds?: boolean, clears?: boolean }} */
  intent(event, x, y) {
    const { doc } = this;
    if (event.button === 1 || this.panKey) return { kind: "pan" };
    if (this.editor.tool === "edges") return this.pulls(event, x, y) || { kind: "pan" };
    if (this.editor.tool !== "select" && !doc.readonly) return this.corrects(event, x, y) || { kind: this.editor.tool, centred: event.ctrlKey || event.metaKey || event.altKey };
    const touch = event.pointerType === "touch";
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    const handle = adds ? null : this.grip(x, y, touch);
    if (handle) return { kind: "resize", handle, marks: [doc.mark] };
    const hits = this.hits(x, y, touch ? 8 : 4);
    if (adds) return { kind: "select", adds, hits };
    if (!hits.length) return { kind: touch || !this.view.whole ? "pan" : "select", clears: true };
    if (doc.chosen.some((mark) => hits.includes(mark))) return { kind: "move", marks: doc.chosen, hits };
    this.editor.select(hits[0].id, { reveal: false });
    return { kind: "move", marks: [hits[0]] };
  }

  // In the draw tool, a press on the mark that was drawn last puts it right; with Shift it draws there too.
  corrects(event, x, y) {
    const { mark, fresh } = this.doc;
    if (this.editor.tool !== "draw" || event.shiftKey || !mark || mark.id !== fresh) return null;
    const handle = this.grip(x, y, event.pointerType === "touch");
    if (handle) return { kind: "resize", handle, marks: [mark] };
    return this.hits(x, y, 1).includes(mark) ? { kind: "move", marks: [mark] } : null;
  }

  // In the edges tool, a press brings the edge or corner that is meant here, and a drag goes on with it.
  pulls(event, x, y) {
    const found = this.doc.readonly ? null : this.meant(event, x, y);
    return found && { kind: "resize", handle: found.handle, marks: [found.mark], x: found.from[0], y: found.from[1], moved: true };
  }

  // What this place means, or null; where the pointer has stayed, what was turned to.
  meant(event, x, y) {
    const { doc, edge } = this;
    const at = [event.clientX, event.clientY];
    const stayed = edge && edge.marks === doc.shown && Math.hypot(at[0] - edge.at[0], at[1] - edge.at[1]) <= SAME_PLACE;
    const [mark, more] = doc.chosen;
    this.edge = { at: stayed ? edge.at : at, marks: doc.shown, turn: stayed ? edge.turn : 0, all: edgesAt(doc.shown, more ? null : mark, x, y, doc.size) };
    return this.edge.all[this.edge.turn] || null;
  }

  // In the edges tool: another edge or box that may be meant where the pointer is. False elsewhere.
  turn(by) {
    const { edge } = this;
    if (this.editor.tool !== "edges" || this.drag || !edge || !edge.all.length) return false;
    edge.turn = (edge.turn + by + edge.all.length) % edge.all.length;
    this.pointTo(edge.all[edge.turn]);
    return true;
  }

  // The handle of the selected box at this place, or null; marks that are selected together have none.
  grip(x, y, touch = false) {
    const { doc, editor } = this;
    const [mark, more] = doc.chosen;
    const grips = editor.tool === "select" || (editor.tool === "draw" && mark && mark.id === doc.fresh);
    if (!mark || more || !mark.box || !grips || doc.readonly || editor.hidden) return null;
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
    if (drag.kind === "draw" || drag.kind === "closer" || drag.kind === "select") this.layer.drawing(this.shapeAt(event, drag), drag.kind);
    else if (!this.doc.readonly) this.layer.preview(this.movesAt(event, drag));
  }

  panTo(event) {
    const last = this.drag.last || [this.drag.cx, this.drag.cy];
    this.view.pan(event.clientX - last[0], event.clientY - last[1]);
    this.drag.last = [event.clientX, event.clientY];
  }

  // What the drag spans if it ends here: a mark to come, or a region.
  shapeAt(event, drag) {
    const { doc } = this;
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    if (drag.kind === "draw" && doc.kind !== "box") return shapes.move({ point: [0, 0] }, x, y, doc.size);
    const [x0, y0] = drag.centred && drag.kind === "draw" ? [2 * drag.x - x, 2 * drag.y - y] : [drag.x, drag.y];
    return shapes.span(x0, y0, x, y, doc.size);
  }

  // Where the dragged marks lie if the drag ends here: shapes by id.
  movesAt(event, drag) {
    const [x, y] = this.view.toImage(event.clientX, event.clientY);
    const [dx, dy, [mark]] = [x - drag.x, y - drag.y, drag.marks];
    if (drag.kind === "move") return shapes.moveAll(drag.marks, dx, dy, this.doc.size);
    return new Map([[mark.id, shapes.resize(mark.box, drag.handle, dx, dy, this.doc.size)]]);
  }

  up(event) {
    this.touches.delete(event.pointerId);
    const { drag } = this;
    if (!drag || drag.id !== event.pointerId) return;
    this.end();
    if (drag.kind === "draw") this.drawn(drag, event);
    else if (drag.kind === "closer") drag.moved && this.editor.lookCloser(this.shapeAt(event, drag));
    else if (!drag.moved) this.clicked(drag);
    else if (drag.kind === "select") chooseIn(this.editor, this.shapeAt(event, drag).box, drag.adds);
    else if (drag.kind !== "pan") this.reshaped(drag, event);
  }

  drawn(drag, event) {
    const { doc } = this;
    const inside = drag.x >= 0 && drag.y >= 0 && drag.x <= doc.size.width && drag.y <= doc.size.height;
    if (doc.kind === "box" && !drag.moved) return void (inside && this.editor.fit.click(drag.x, drag.y, this.usualAt(drag), drag.shown));
    const shape = this.shapeAt(event, drag);
    if (!shape) return;
    if (shape.point && inside) this.editor.add(shape);
    const large = shape.box && shape.box[2] - shape.box[0] >= 1 && shape.box[3] - shape.box[1] >= 1;
    if (large) this.editor.fit.drawn(this.editor.add(shape));
  }

  // A box around a place as large as the reader's last one of this label, else as its boxes usually are; nothing while there are none.
  usualAt({ x, y }) {
    const { doc } = this;
    const usual = shapes.latest(doc.marks, doc.drawLabel) || shapes.usual(doc.marks, doc.drawLabel, doc.size);
    return usual && shapes.span(x - usual[0] / 2, y - usual[1] / 2, x + usual[0] / 2, y + usual[1] / 2, doc.size);
  }

  reshaped(drag, event) {
    const moves = this.movesAt(event, drag);
    const flat = ({ box }) => box && (box[2] <= box[0] || box[3] <= box[1]);
    if (![...moves.values()].some(flat)) this.doc.reshapeAll(moves);
  }

  // A click on the selected mark goes on to the next one under the pointer; with Shift it adds a mark, or takes it away.
  clicked(drag) {
    const { editor } = this;
    const { clears, adds, hits, marks } = drag;
    if (clears) return editor.select(null);
    if (!hits || !hits.length) return;
    if (adds) return toggle(editor, hits[0].id);
    const at = marks.length === 1 ? hits.indexOf(marks[0]) + 1 : 0;
    editor.select(hits[at % hits.length].id, { reveal: false });
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
    if (this.editor.tool === "edges") return this.pointTo(this.meant(event, x, y));
    const [hit] = this.hits(x, y, 4);
    this.layer.hover(hit ? hit.id : null);
    this.rest(event, x, y);
    const handle = this.grip(x, y);
    const cursors = { nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw", n: "ns", s: "ns", e: "ew", w: "ew" };
    this.editor.stage.style.cursor = handle ? `${cursors[handle]}-resize` : "";
  }

  // Where the draw tool rests, what a click would make is shown.
  rest(event, x, y) {
    const { doc, editor } = this;
    if (editor.tool === "draw" && doc.kind === "box" && !doc.readonly && !this.corrects(event, x, y)) editor.ghost.at(event, x, y);
    else editor.ghost.clear();
  }

  // The box whose edge a press would bring here, and how it would lie then.
  pointTo(found) {
    this.layer.hover(found && found.mark.id);
    this.layer.drawing(found && found.shape, "edges");
  }

  // With a tool in hand and nothing selected, a verdict is on the mark under the pointer; whether there is one.
  judge(status) {
    const { doc, editor, layer } = this;
    const mark = editor.tool === "select" || doc.chosen.length ? null : doc.find(layer.hovered);
    if (!mark || !doc.judge([mark], status)) return false;
    this.left();
    return true;
  }

  left() {
    this.edge = null;
    this.editor.stage.style.cursor = "";
    this.layer.hover(null);
    this.editor.ghost.clear();
    if (!this.drag) this.layer.drawing(null);
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
