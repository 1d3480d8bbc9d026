// What the other marks of an image make unlikely: a size that no other object of the label comes near, one object under two labels,
// a thing inside another where its kind lies outside of that. What this image shows often is usual in it. Hints only.

import { same } from "../page.js";
import * as shapes from "./shapes.js";
import { t } from "./words.js";

const ENOUGH = 8; // marks of a label, before a size is usual
const TRUSTED = 5; // accepted marks of a label: from then on they alone say what is usual
const TIMES = 3; // as wide or narrow as the usual object, at least
const SPREADS = 6; // and as many spreads away
const WITHIN = 0.9; // of its area lies in the other
const SMALL = 1 / 4; // of the other's area, at most
const FEW = 1 / 10; // of a label's marks lie so, at most

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const side = ([x1, y1, x2, y2]) => Math.sqrt((x2 - x1) * (y2 - y1));
const common = (a, b) => Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0) * Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);

function byLabel(boxes) {
  const found = new Map();
  for (const mark of boxes) found.set(mark.label, [...(found.get(mark.label) || []), mark]);
  return found;
}

// The logarithm of a label's usual side, and how far from it is too far; null while too few are known.
function usual(marks) {
  const accepted = marks.filter((mark) => mark.status === "accepted");
  const sides = (accepted.length >= TRUSTED ? accepted : marks).map((mark) => Math.log(side(mark.box)));
  if (marks.length < ENOUGH) return null;
  const middle = median(sides);
  const spread = 1.4826 * median(sides.map((value) => Math.abs(value - middle)));
  return { middle, far: Math.max(Math.log(TIMES), SPREADS * spread) };
}

function sizes(boxes, size, tell) {
  for (const marks of byLabel(boxes.filter((mark) => shapes.inside(mark.box, size))).values()) {
    const of = usual(marks);
    for (const mark of marks) {
      const off = of ? Math.log(side(mark.box)) - of.middle : 0;
      if (of && Math.abs(off) > of.far) tell(mark, "size", t(off > 0 ? "Much larger than the other marks of {label}" : "Much smaller than the other marks of {label}", mark));
    }
  }
}

// Pairs of boxes of two labels that overlap, by a sweep from left to right.
function* overlaps(boxes) {
  let open = [];
  for (const mark of [...boxes].sort((a, b) => a.box[0] - b.box[0])) {
    open = open.filter((other) => other.box[2] > mark.box[0]);
    for (const other of open) if (other.label !== mark.label && common(other.box, mark.box) > 0) yield [other, mark];
    open.push(mark);
  }
}

// Map: mark id -> {kind: "labels" | "size" | "inside", text}.
export const unlikely = (marks, size) => {
  const found = new Map();
  const tell = (mark, kind, text) => found.set(mark.id, { kind, text });
  const boxes = marks.filter((mark) => mark.box && shapes.area(mark) > 0);
  const pairs = [...overlaps(boxes)];
  const inner = pairs.map(([a, b]) => (shapes.area(a) < shapes.area(b) ? [a, b] : [b, a]))
    .filter(([a, b]) => shapes.area(a) <= SMALL * shapes.area(b) && common(a.box, b.box) >= WITHIN * shapes.area(a));
  for (const [label, all] of byLabel(boxes)) {
    const within = new Map(inner.filter(([a]) => a.label === label).map(([a, b]) => [a, b]));
    if (within.size <= FEW * all.length) for (const [a, b] of within) tell(a, "inside", t("Inside {id}, a {label}: is it a part of it?", b));
  }
  sizes(boxes, size, tell);
  for (const [a, b] of pairs) {
    const both = common(a.box, b.box);
    if (both / (shapes.area(a) + shapes.area(b) - both) <= same.iou) continue;
    for (const [mark, other] of [[a, b], [b, a]]) tell(mark, "labels", t("Maybe the same object as {id}, which is a {label}", other));
  }
  return found;
};
