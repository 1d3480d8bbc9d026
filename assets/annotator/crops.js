// The pieces of the picture around marks: which piece shows a mark, and how it is drawn. Places are in pixels of the image.

import { clamp, colorOf, svg } from "./core.js";
import { outline } from "./layer.js";
import * as shapes from "./shapes.js";

const MARGIN = 0.3; // of the object's longer side, on each of its sides
const LEAST = 24; // pixels: less of an image shows nothing

// [width, height] of the object itself; of a point, as large as others of its label are.
const extent = (mark, marks, size) => {
  const [x1, y1, x2, y2] = shapes.bounds(shapes.body(mark));
  if (x2 > x1 || y2 > y1) return [x2 - x1, y2 - y1];
  return shapes.usual(marks, mark.label, size) || [Math.min(size.width, size.height) / 12, 0];
};

// The square around a mark, [x, y, side], moved into the image as far as it fits.
/** @returns {[number, number, number]} */
export const pieceOf = (mark, marks, size) => {
  const side = Math.max(Math.max(...extent(mark, marks, size)) * (1 + 2 * MARGIN), LEAST);
  const place = (centre, length) => (side > length ? (length - side) / 2 : clamp(centre - side / 2, 0, length - side));
  const [x, y] = shapes.center(mark);
  return [place(x, size.width), place(y, size.height), side];
};

// The pixels of a piece, from the picture that is on the stage anyway.
export const drawPixels = (canvas, picture, [x, y, side], size) => {
  const px = Math.round(canvas.clientWidth * devicePixelRatio) || 1;
  if (canvas.width !== px) canvas.width = canvas.height = px;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, px, px);
  if (!picture.complete || !picture.naturalWidth) return;
  const [left, top, right, bottom] = [Math.max(x, 0), Math.max(y, 0), Math.min(x + side, size.width), Math.min(y + side, size.height)];
  const stored = picture.naturalWidth / size.width;
  const scale = px / side;
  context.imageSmoothingQuality = "medium";
  context.drawImage(picture, left * stored, top * stored, (right - left) * stored, (bottom - top) * stored,
    (left - x) * scale, (top - y) * scale, (right - left) * scale, (bottom - top) * scale);
};

const ring = (corners) => `M${corners.map((corner) => corner.join(" ")).join("L")}Z`;

// The mark's lines over its piece, with the looks that they have on the stage.
export const drawLines = (node, mark, labels, [x, y, side]) => {
  const look = { "data-kind": mark.box ? "box" : "point", "data-status": mark.status, "data-origin": mark.origin, stroke: colorOf(labels, mark.label) };
  const line = (name) => svg(mark.box ? "polygon" : "polyline", { class: name, points: outline(mark), ...look });
  const traced = mark.outline ? [svg("path", { class: "pda-trace", d: mark.outline.map(ring).join(""), ...look })] : [];
  node.setAttribute("viewBox", `${x} ${y} ${side} ${side}`);
  node.replaceChildren(line("pda-halo"), line("pda-line"), ...traced);
};
