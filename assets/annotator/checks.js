// What looks wrong: two marks on one object, marks beyond the image, and what the other marks make unlikely (unlikely.js). Hints
// only; nothing is changed.
// `same` comes from EDITOR in pdc/domain/matching.py: boxes of one label above `iou`, points nearer than `distance` pixels or,
// whichever is most, than `share` of a large image's longer side, or `size` of the usual object's shorter one.

import { same } from "../page.js";
import { counted } from "./core.js";
import * as shapes from "./shapes.js";
import { unlikely } from "./unlikely.js";
import { t } from "./words.js";

export const iou = (a, b) => {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (wide <= 0 || high <= 0) return 0;
  const area = (c) => (c[2] - c[0]) * (c[3] - c[1]);
  return (wide * high) / (area(a) + area(b) - wide * high);
};

const alike = (a, b, near) => {
  if (a.label !== b.label || Boolean(a.box) !== Boolean(b.box)) return false;
  if (a.box) return iou(a.box, b.box) > same.iou;
  return Math.hypot(a.point[0] - b.point[0], a.point[1] - b.point[1]) < near.get(a.label);
};

// Pairs by a sweep from left to right: only marks whose widths overlap are compared.
function duplicates(marks, near, tell) {
  const farthest = Math.max(...near.values());
  const sorted = marks.map((mark) => [shapes.bounds(mark), mark]).sort((a, b) => a[0][0] - b[0][0]);
  let open = [];
  for (const [bounds, mark] of sorted) {
    open = open.filter(([other, twin]) => other[2] + (twin.box ? 0 : farthest) > bounds[0]);
    for (const [, twin] of open) if (alike(mark, twin, near)) tell(mark, twin);
    open.push([bounds, mark]);
  }
}

const outside = (mark, { width, height }) => {
  const [cx, cy] = shapes.center(mark);
  return cx < 0 || cy < 0 || cx > width || cy > height;
};

// How many boxes the image's edge cuts.
export const atEdge = (marks, size) =>
  marks.filter((mark) => counted(mark) && mark.box && !outside(mark, size) && !shapes.inside(mark.box, size)).length;

// Per label, the distance in pixels below which two points look like one object.
function reach(marks, size) {
  const least = Math.max(same.distance, same.share * Math.max(size.width, size.height));
  const of = (label) => same.size * Math.min(...(shapes.usual(marks, label, size) || [0]));
  return new Map([...new Set(marks.map(({ label }) => label))].map((label) => [label, Math.max(least, of(label))]));
}

// Map: mark id -> {kind, text}; of the kinds "duplicate", "outside", "shape" and those of unlikely.js. Marks that do not count have
// no hints, and no mark has two: the last kind found here stands.
export const check = (marks, size, asked) => {
  const found = new Map();
  const live = marks.filter(counted);
  for (const [id, hint] of unlikely(live, size)) found.set(id, hint);
  for (const mark of live) if (outside(mark, size)) found.set(mark.id, { kind: "outside", text: t("Mostly outside the image") });
  if (asked === "box") for (const mark of live) if (mark.point) found.set(mark.id, { kind: "shape", text: t("A point: it has no box yet") });
  const tell = (a, b) => {
    found.set(a.id, { kind: "duplicate", text: t("Maybe the same object as {id}", { id: b.id }) });
    found.set(b.id, { kind: "duplicate", text: t("Maybe the same object as {id}", { id: a.id }) });
  };
  duplicates(live, reach(live, size), tell);
  return found;
};
