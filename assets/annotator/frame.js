// The counting area of a field, drawn on its image: sides that are in (solid) and out (dashed), and hatching over the marks that the
// rule leaves out. Those marks stay as they are.

import { set, svg } from "./core.js";
import { BORDER, field, frameOf, outSides, shapeOf, tallyOf } from "./counting.js";

const HATCH = 7; // pixels of the screen from line to line
const SIDES = ["top", "right", "bottom", "left"]; // as they follow the corners from the top left one

/** @param {number[]} bounds */
const box = ([x1, y1, x2, y2]) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];

const turned = ({ x, y, width, height, angle = 0 }) => {
  const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  return box([-width / 2, -height / 2, width / 2, height / 2]).map(([u, v]) => [x + u * c - v * s, y + u * s + v * c]);
};

const disc = ({ x, y, radius, start = 0, span = 360 }) => {
  const at = (degrees) => [x + radius * Math.cos((degrees * Math.PI) / 180), y + radius * Math.sin((degrees * Math.PI) / 180)].join(" ");
  const arc = (to, large) => `A${radius} ${radius} 0 ${large} 1 ${at(to)}`;
  if (span === 360) return `M${at(0)}${arc(180, 0)}${arc(360, 0)}Z`;
  return `M${x} ${y}L${at(start)}${arc(start + span, Number(span > 180))}Z`;
};

// The outline in two paths: what is in, and what is out. Only sides that meet can be either; another outline is in as a whole.
const outline = ({ border, area, touch }, size) => {
  const shape = shapeOf(area);
  if (shape.kind === "disc") return { in: disc(shape), out: "" };
  if (shape.kind === "polygon") return { in: `M${shape.corners.map((corner) => corner.join(" ")).join("L")}Z`, out: "" };
  const corners = shape.kind === "rectangle" ? turned(shape) : box(frameOf(size, border, touch));
  const side = (name) => `M${corners[SIDES.indexOf(name)].join(" ")}L${corners[(SIDES.indexOf(name) + 1) % 4].join(" ")}`;
  const out = outSides(border);
  return { in: SIDES.filter((name) => !out.includes(name)).map(side).join(""), out: SIDES.filter((name) => out.includes(name)).map(side).join("") };
};

export class Frame {
  constructor(editor) {
    this.editor = editor;
    this.lines = ["halo", "in", "out"].map((name) => svg("path", { class: `pda-frame-${name}`, d: "" }));
    this.hatch = svg("pattern", { id: "pda-hatch", width: HATCH, height: HATCH, patternUnits: "userSpaceOnUse" },
      svg("path", { d: `M0 0V${HATCH}`, class: "pda-hatch-dark" }), svg("path", { d: `M0 0V${HATCH}`, class: "pda-hatch-light" }));
    this.boxes = svg("path", { class: "pda-hatched", fill: "url(#pda-hatch)", d: "" });
    this.points = svg("path", { class: "pda-hatched-point", stroke: "url(#pda-hatch)", d: "" });
    this.root = svg("g", { class: "pda-frame", "aria-hidden": "true" }, svg("defs", {}, this.hatch), ...this.lines, this.boxes, this.points);
    this.hatched = null;
  }

  render() {
    const { doc } = this.editor;
    const counting = doc.open && field(doc);
    const drawn = counting ? outline(counting, doc.size) : { in: "", out: "" };
    for (const [at, path] of [drawn.in + drawn.out, drawn.in, drawn.out].entries()) set(this.lines[at], "d", path);
    this.shade(doc, tallyOf(doc));
    this.zoomed();
  }

  shade(doc, found) {
    if (this.hatched === found) return;
    this.hatched = found;
    const out = doc.marks.filter(({ id }) => found.why.get(id) === BORDER);
    set(this.boxes, "d", out.filter((mark) => mark.box).map((mark) => `M${box(mark.box).map((corner) => corner.join(" ")).join("L")}Z`).join(""));
    set(this.points, "d", out.filter((mark) => mark.point).map(({ point: [x, y] }) => `M${x} ${y}h0`).join(""));
  }

  // The hatching keeps its size on the screen.
  zoomed() { set(this.hatch, "patternTransform", `scale(${1 / this.editor.view.scale}) rotate(45)`); }
}
