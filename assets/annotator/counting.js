// Which marks of a field count by the rule of its session, and what they add up to: as pdc/counting/border.py, area.py and tally.py
// say it.
// The field is `head.counting` of the editor's value (pdc/web/ui/counting/field.py). Pure functions.

import { counted } from "./core.js";
import * as shapes from "./shapes.js";
import { hides } from "./sight.js";
import { t } from "./words.js";

const SIDES = ["left", "top", "right", "bottom"];
export const [BORDER, UNCLASSED] = ["border", "class"]; // why a mark is not counted
const WHY = { border: "not counted: outside by the border rule", class: "not counted: its label is in no class of the protocol" };
export const notCounted = (why) => t(WHY[why]);

// The session that the reader has left for now: its fields are then like any other image.
export const desk = { left: null };

export const field = ({ head }) => (head && head.counting && head.counting.session !== desk.left ? head.counting : null);

// The sides whose touch leaves an object out.
export const outSides = ({ kind, out }) => (kind === "whole" ? SIDES : kind === "two-sided" ? out : []);

// The counting frame that is a whole image: [x1, y1, x2, y2]. A box that ends within `touch` pixels of a side that is out touches it.
export const frameOf = ({ width, height }, border, touch) => {
  const [left, top, right, bottom] = SIDES.map((side) => (outSides(border).includes(side) ? touch : 0));
  return [left, top, Math.max(width - right, left), Math.max(height - bottom, top)];
};

// Along one axis an object belongs where its end towards the side that is out lies.
const belongs = (low, high, start, end, far) => (far ? start <= high && high < end : start < low && low <= end);

const RULES = {
  all: ([x1, y1, x2, y2], [left, top, right, bottom]) => x1 < right && x2 > left && y1 < bottom && y2 > top,
  whole: ([x1, y1, x2, y2], [left, top, right, bottom]) => x1 > left && x2 < right && y1 > top && y2 < bottom,
  centre: ([x1, y1, x2, y2], [left, top, right, bottom]) => {
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return left <= x && x < right && top <= y && y < bottom;
  },
  "two-sided": ([x1, y1, x2, y2], [left, top, right, bottom], out) =>
    belongs(x1, x2, left, right, out.includes("right")) && belongs(y1, y2, top, bottom, out.includes("bottom")),
};

// Whether an object counts in this frame: both [x1, y1, x2, y2], in the same pixels.
export const counts = (bounds, frame, { kind, out }) => RULES[kind](bounds, frame, out);

const radians = (degrees) => (degrees * Math.PI) / 180;
const OUTLINE = 32; // places on the edge of the ellipse in a box, as in area.py

const centreOf = ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2];
const edgeOf = (bounds) => {
  const [[x, y], a, b] = [centreOf(bounds), (bounds[2] - bounds[0]) / 2, (bounds[3] - bounds[1]) / 2];
  const turns = Array.from({ length: OUTLINE }, (_, at) => (2 * Math.PI * at) / OUTLINE);
  return a || b ? turns.map((turn) => [x + a * Math.cos(turn), y + b * Math.sin(turn)]) : [[x, y]];
};

// How far an object reaches along a turned rectangle's own directions, from its centre.
const reach = (bounds, { x, y, angle }) => {
  const [c, s] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  const [cx, cy] = centreOf(bounds);
  const [a, b] = [(bounds[2] - bounds[0]) / 2, (bounds[3] - bounds[1]) / 2];
  const [u, v] = [(cx - x) * c + (cy - y) * s, (cy - y) * c - (cx - x) * s];
  const [du, dv] = [Math.hypot(a * c, b * s), Math.hypot(a * s, b * c)];
  return [u - du, v - dv, u + du, v + dv];
};

const CONTAINS = {
  polygon: ({ corners }, x, y) => {
    const crossed = corners.filter(([x1, y1], at) => {
      const [x2, y2] = corners[(at + 1) % corners.length];
      return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1);
    });
    return crossed.length % 2 === 1;
  },
  disc: (disc, x, y) => {
    if (Math.hypot(x - disc.x, y - disc.y) >= disc.radius) return false;
    const turned = (Math.atan2(y - disc.y, x - disc.x) * 180) / Math.PI - disc.start;
    return disc.span === 360 || ((turned % 360) + 360) % 360 < disc.span;
  },
};

// A shape without sides that meet: two-sided is then where the centre is.
const inOutline = (bounds, shape, { kind }) => {
  /** @param {number[]} place */
  const contains = ([x, y]) => CONTAINS[shape.kind](shape, x, y);
  const [cx, cy] = centreOf(bounds);
  const centre = contains([cx, cy]);
  if (kind === "whole") return centre && edgeOf(bounds).every(contains);
  return centre || (kind === "all" && edgeOf(bounds).some(contains));
};

const WHOLE = { kind: "whole" };
export const shapeOf = (area) => (area && area.shape) || WHOLE;

// Whether an object, by its bounds, counts in this area of an image; without an area the image is it.
export const inside = (bounds, area, size, border, touch) => {
  const shape = shapeOf(area);
  if (shape.kind === "whole") return counts(bounds, frameOf(size, border, touch), border);
  if (shape.kind !== "rectangle") return inOutline(bounds, shape, border);
  const [x, y] = [shape.width / 2, shape.height / 2];
  return counts(reach(bounds, { angle: 0, ...shape }), [-x, -y, x, y], border);
};

const classOf = (classes, label) => classes.find(({ labels }) => labels.includes(label));
const none = (classes) => Object.fromEntries(classes.map(({ name }) => [name, 0]));

// What the marks of a field add up to. `counted` and `out` per class: inside by the rule, and marked but not inside. `why`: of each
// mark that would count but for the rule, or has no class, why it does not. `doubtful`: nobody has judged them.
/** @param {(mark: any) => boolean} hidden */
export const tally = (marks, { classes, border, touch, area }, size, hidden) => {
  const found = { counted: none(classes), out: none(classes), why: new Map(), doubtful: 0 };
  for (const mark of marks) {
    if (!counted(mark) || hidden(mark)) {
      found.doubtful += mark.status === "doubtful" || counted(mark) ? 1 : 0;
      continue;
    }
    const of = classOf(classes, mark.label);
    const lies = inside(shapes.bounds(shapes.body(mark)), area, size, border, touch);
    if (!of || !lies) found.why.set(mark.id, of ? BORDER : UNCLASSED);
    if (of) found[lies ? "counted" : "out"][of.name] += 1;
  }
  return found;
};

const sum = (numbers, names = Object.keys(numbers)) => names.reduce((n, name) => n + (numbers[name] || 0), 0);
export const total = (found) => ({ counted: sum(found.counted), out: sum(found.out) });

// How many of what the target counts there are: here, in the other fields of this replicate, and `earlier`, in other replicates.
export const reached = (found, { of, before, earlier }) => [found.counted, before, earlier].reduce((n, part) => n + sum(part || {}, of), 0);

const EMPTY = { counted: {}, out: {}, why: new Map(), doubtful: 0 };
const known = new WeakMap();

// The open field's tally; worked out anew only when its marks, what is in sight, or its rule has changed.
export const tallyOf = (doc) => {
  const counting = field(doc);
  if (!counting) return EMPTY;
  const { marks, sight } = doc;
  const last = known.get(doc);
  if (last && last.marks === marks && last.sight === sight && last.counting === counting) return last.found;
  const found = tally(marks, counting, doc.size, (mark) => hides(sight, mark));
  known.set(doc, { marks, sight, counting, found });
  return found;
};
