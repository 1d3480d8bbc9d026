// Marks twice over: drawn by few paths (ink.js), and as named nodes without ink, one a mark, for the pointer, the focus and the
// screen reader. What the reader points at, has chosen or drags is drawn again on top.

import { clamp, colorOf, html, inkOn, set, svg, text } from "./core.js";
import { notCounted, tallyOf } from "./counting.js";
import { Ink } from "./ink.js";
import * as shapes from "./shapes.js";
import { t } from "./words.js";

// `points` is no style property, unlike `d`, `x` or `width`: moving a mark then costs layout but no style.
export const outline = (shape) => {
  const [x1, y1, x2, y2] = shapes.bounds(shape);
  return shape.point ? `${x1},${y1} ${x1},${y1}` : `${x1},${y1} ${x2},${y1} ${x2},${y2} ${x1},${y2}`;
};

const [BOX, POINT, SCORE] = ["Box", "Point", "score"].map((word) => t(word));
const WORDS = Object.fromEntries(["model", "human", "edited", "open", "accepted", "rejected", "doubtful"].map((word) => [word, t(word)]));

const name = (mark, at, why) => {
  const score = mark.score === null ? "" : `, ${SCORE} ${mark.score.toFixed(2)}`;
  return `${mark.box ? BOX : POINT} ${at + 1}: ${mark.label}, ${WORDS[mark.origin]}, ${WORDS[mark.status]}${score}${why ? `, ${notCounted(why)}` : ""}`;
};

export class Layer {
  constructor(doc, view, svgRoot, tags) {
    this.doc = doc;
    this.view = view;
    this.nodes = new Map();
    this.marksGroup = svg("g", { class: "pda-marks" });
    this.ink = new Ink("pda-ink");
    this.pointed = new Ink("pda-ink pda-pointed");
    this.chosen = new Ink("pda-ink pda-chosen");
    this.draft = svg("polygon", { class: "pda-draft", points: "" });
    this.handles = shapes.HANDLES.map((handle) => svg("rect", { class: "pda-handle", "data-handle": handle }));
    this.overlay = svg("g", { class: "pda-overlay", "aria-hidden": "true" }, this.draft, ...this.handles);
    svgRoot.append(this.ink.root, this.pointed.root, this.chosen.root, this.marksGroup, this.overlay);
    this.hoverTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
    this.selectedTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
    tags.append(this.hoverTag, this.selectedTag);
    this.hovered = null;
    this.moving = new Map();
  }

  make(mark) {
    const kind = mark.box ? "box" : "point";
    const shape = svg(mark.box ? "polygon" : "polyline", { class: "pda-mark", role: "button", tabindex: "-1", "data-id": mark.id, "data-kind": kind });
    const node = { shape, mark: null, at: -1, low: false };
    this.nodes.set(mark.id, node);
    this.marksGroup.append(shape);
    return node;
  }

  node(mark) {
    const node = this.nodes.get(mark.id);
    if (node && Boolean(node.mark.box) === Boolean(mark.box)) return node;
    if (node) node.shape.remove();
    return this.make(mark);
  }

  render() {
    const { marks, selected } = this.doc;
    const { why } = tallyOf(this.doc);
    const gone = new Set(this.nodes.keys());
    marks.forEach((mark, at) => {
      gone.delete(mark.id);
      const node = this.node(mark);
      this.dim(node, this.doc.hides(mark));
      if (node.mark !== mark || node.at !== at || node.why !== why.get(mark.id)) this.say(node, mark, at, why.get(mark.id));
    });
    for (const id of gone) {
      this.nodes.get(id).shape.remove();
      this.nodes.delete(id);
    }
    if (this.hovered !== null && !this.nodes.has(this.hovered)) this.hovered = null;
    this.draw();
    this.showSelected(selected);
    this.overlays();
  }

  dim(node, low) {
    if (node.low === low) return;
    node.low = low;
    node.shape.toggleAttribute("data-low", low);
  }

  say(node, mark, at, why) {
    const { mark: before } = node;
    if (!before || before.box !== mark.box || before.point !== mark.point) node.shape.setAttribute("points", outline(mark));
    node.shape.setAttribute("aria-label", name(mark, at, why));
    Object.assign(node, { mark, at, why });
  }

  draw() {
    const { marks, labels } = this.doc;
    this.ink.draw(marks.map((mark) => (this.moving.has(mark.id) || this.doc.hides(mark) ? null : mark)), labels);
    this.top();
  }

  top() {
    const { labels, selection } = this.doc;
    const only = (id) => (this.nodes.has(id) ? [this.current(this.nodes.get(id).mark)] : []);
    this.pointed.draw(selection.ids.has(this.hovered) ? [] : only(this.hovered), labels);
    this.chosen.draw([...selection.ids].flatMap(only), labels);
  }

  showSelected(id) {
    for (const [key, tab] of [[this.shown, -1], [id, 0]]) if (this.nodes.has(key)) set(this.nodes.get(key).shape, "tabindex", tab);
    this.shown = id;
    this.top();
  }

  // While marks are dragged (shapes by id) only what is on top moves; the document changes when the drag ends.
  preview(moves) {
    const starts = !this.moving.size;
    this.moving = moves;
    if (starts) this.draw();
    else this.top();
    this.overlays();
  }

  drop() {
    if (!this.moving.size) return;
    this.moving = new Map();
    this.draw();
    this.overlays();
  }

  // What a drag spans: a mark to come, in its colour, or a region ("select", "closer").
  drawing(shape, what = "draw") {
    this.draft.setAttribute("points", shape ? outline(shape) : "");
    this.draft.setAttribute("data-draft", what);
    this.draft.setAttribute("stroke", what === "draw" ? colorOf(this.doc.labels, this.doc.drawLabel) : "#fff");
  }

  hover(id) {
    if (this.hovered === id) return;
    this.hovered = id;
    this.top();
    this.tags();
  }

  // What keeps its size on the screen: handles and label tags. Called on every zoom, so it must stay small.
  overlays() {
    this.shapeHandles();
    this.tags();
  }

  current(mark) {
    const shape = this.moving.get(mark.id);
    return shape ? { ...mark, ...shape, ...shapes.carried(mark, shape) } : mark;
  }

  shapeHandles() {
    const mark = this.doc.selection.ids.size === 1 ? this.doc.mark : null;
    const box = mark && mark.box && !this.doc.readonly ? this.current(mark).box : null;
    this.overlay.toggleAttribute("data-handles", Boolean(box));
    this.overlay.toggleAttribute("data-fresh", Boolean(mark) && mark.id === this.doc.fresh);
    if (!box) return;
    const side = 8 / this.view.scale;
    const small = Math.min(box[2] - box[0], box[3] - box[1]) * this.view.scale < 36;
    for (const handle of this.handles) {
      const place = handle.getAttribute("data-handle");
      const [x, y] = shapes.handleAt(box, place);
      handle.toggleAttribute("data-off", small && place.length === 1);
      set(handle, "x", x - side / 2);
      set(handle, "y", y - side / 2);
      set(handle, "width", side);
      set(handle, "height", side);
    }
  }

  tags() {
    const selected = this.doc.mark;
    this.tag(this.selectedTag, selected);
    this.tag(this.hoverTag, this.hovered === null || (selected && selected.id === this.hovered) ? null : this.doc.find(this.hovered));
  }

  tag(node, mark) {
    node.toggleAttribute("data-on", Boolean(mark));
    if (!mark) return;
    const [x1, y1, , y2] = shapes.bounds(this.current(mark));
    const [left, top] = this.view.toStage(x1, y1);
    const below = top < 26;
    const lift = mark.point ? 10 : 5;
    const edge = below ? this.view.toStage(x1, y2)[1] + lift : top - lift - 20;
    const color = colorOf(this.doc.labels, mark.label);
    text(node, mark.score === null ? mark.label : `${mark.label}  ${mark.score.toFixed(2)}`);
    node.style.background = color;
    node.style.color = inkOn(color);
    node.style.transform = `translate(${Math.round(clamp(left, 2, this.view.width - 40))}px, ${Math.round(edge)}px)`;
  }
}
