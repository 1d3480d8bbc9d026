// What marks look like. Those that look the same are drawn as one path, a hundred neighbours at a time: a change costs the browser
// a few paths, where a node with a style of its own for each halo, line and badge cost it ten times as much.

import { colorOf, svg } from "./core.js";
import * as shapes from "./shapes.js";

const TOGETHER = 100; // marks
const LAYERS = ["halo", "line", "trace", "origin"]; // from below: a mark's outline, and at last whose mark it is

// A dot is a line without length, drawn by its caps in screen pixels.
const dot = (x, y) => `M${x} ${y}h0`;
const outline = (mark) => {
  if (mark.point) return dot(...mark.point);
  const [x1, y1, x2, y2] = mark.box;
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
};

// What was drawn more exactly than the box.
const trace = (mark) => mark.outline.map((ring) => `M${ring.map((corner) => corner.join(" ")).join("L")}Z`).join("");

// Some neighbours; those that look the same share a look: one path in each layer.
class Batch {
  constructor(layers) {
    this.layers = layers;
    this.looks = new Map();
    this.marks = [];
    this.labels = null;
  }

  draw(marks, labels) {
    if (labels === this.labels && marks.length === this.marks.length && marks.every((mark, at) => mark === this.marks[at])) return;
    Object.assign(this, { marks, labels });
    const colors = new Map();
    for (const look of this.looks.values()) look.marks = [];
    for (const mark of marks) {
      if (mark === null) continue;
      if (!colors.has(mark.label)) colors.set(mark.label, colorOf(labels, mark.label));
      this.look(mark, colors.get(mark.label)).marks.push(mark);
    }
    for (const [key, look] of this.looks) this.fill(key, look);
  }

  look(mark, color) {
    const kind = mark.box ? "box" : "point";
    const key = `${kind} ${mark.status} ${mark.origin} ${color} ${mark.outline ? "traced" : ""}`;
    if (!this.looks.has(key)) {
      const style = { "data-kind": kind, "data-status": mark.status, "data-origin": mark.origin, stroke: color };
      const needless = { origin: mark.origin === "model", trace: !mark.outline };
      const paths = LAYERS.map((name) => (needless[name] ? null : svg("path", { class: `pda-${name}`, ...style })));
      paths.forEach((path, at) => path && this.layers[at].append(path));
      this.looks.set(key, { paths, marks: [] });
    }
    return this.looks.get(key);
  }

  fill(key, { paths, marks }) {
    if (!marks.length) {
      for (const path of paths) if (path) path.remove();
      return this.looks.delete(key);
    }
    const outlines = marks.map(outline).join("");
    const corners = (mark) => dot(...shapes.bounds(mark));
    return paths.forEach((path, at) => path && path.setAttribute("d", at < 2 ? outlines : marks.map(at === 2 ? trace : corners).join("")));
  }
}

// All of `marks`, in order; null where one is not to be seen.
export class Ink {
  constructor(name) {
    this.layers = LAYERS.map(() => svg("g", {}));
    this.root = svg("g", { class: name, "aria-hidden": "true" }, ...this.layers);
    this.batches = [];
  }

  draw(marks, labels) {
    const batches = Math.max(Math.ceil(marks.length / TOGETHER), this.batches.length);
    for (let at = 0; at < batches; at += 1) {
      if (!this.batches[at]) this.batches[at] = new Batch(this.layers);
      this.batches[at].draw(marks.slice(at * TOGETHER, (at + 1) * TOGETHER), labels);
    }
  }
}
