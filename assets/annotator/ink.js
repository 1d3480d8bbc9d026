// What marks look like. Those that look the same are drawn as one path, a hundred neighbours at a time: a change costs the browser
// a few paths, where a node with a style of its own for each halo, line and badge cost it ten times as much.

import { colorOf, svg } from "./core.js";
import * as shapes from "./shapes.js";

const TOGETHER = 100; // marks
const LAYERS = ["halo", "line", "trace", "origin", "rim", "badge", "arm", "hook"]; // from below: outline, whose mark it is, its verdict

// A dot is a line without length, drawn by its caps in screen pixels.
const dot = (x, y) => `M${x} ${y}h0`;
const outline = (mark) => {
  if (mark.point) return dot(...mark.point);
  const [x1, y1, x2, y2] = mark.box;
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
};

// A verdict keeps its size on the screen: long lines from one place, of which the style sheet shows the first few pixels as a dash.
// An accepted box has a badge (a dash above its corner) with a tick of two arms in it; a rejected mark has a cross of four.
const LONG = 500; // image pixels: more than a tick at the smallest zoom
const FACES = {
  rim: (x, y) => `M${x} ${y}v-${LONG}`,
  badge: (x, y) => `M${x} ${y}v-${LONG}`,
  arm: (x, y) => `M${x} ${y}l${LONG} -${LONG}`,
  hook: (x, y) => `M${x} ${y}l-${LONG} -${LONG}`,
};
const cross = (x, y) => [[1, 1], [1, -1], [-1, 1], [-1, -1]].map(([i, j]) => `M${x} ${y}l${i * LONG} ${j * LONG}`).join("");

const verdict = (layer) => (mark) => {
  const [, y1, x2] = shapes.bounds(mark);
  return mark.status === "rejected" ? cross(x2, y1) : FACES[layer](x2, y1);
};

// The layers that a mark with this status, origin and outline has.
const worn = ({ status, origin, outline: traced, point }) => ({
  halo: true, line: true, trace: Boolean(traced), origin: origin !== "model",
  rim: status === "accepted" && !point, badge: (status === "accepted" && !point) || status === "rejected",
  arm: status === "accepted" || status === "rejected", hook: status === "accepted",
});

// What was drawn more exactly than the box.
const trace = (mark) => mark.outline.map((ring) => `M${ring.map((corner) => corner.join(" ")).join("L")}Z`).join("");

const DRAWN = { trace, origin: (mark) => dot(...shapes.bounds(mark)), ...Object.fromEntries(Object.keys(FACES).map((name) => [name, verdict(name)])) };

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
      const wears = worn(mark);
      const paths = LAYERS.map((name) => (wears[name] ? svg("path", { class: `pda-${name}`, ...style }) : null));
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
    paths.forEach((path, at) => path && path.setAttribute("d", at < 2 ? outlines : marks.map(DRAWN[LAYERS[at]]).join("")));
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
