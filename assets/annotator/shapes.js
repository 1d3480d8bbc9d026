// Pure geometry on {box: [x1, y1, x2, y2]} and {point: [x, y]}, in image pixels.

import { clamp, counted, round } from "./core.js";

export const of = (mark) => (mark.box ? { box: mark.box } : { point: mark.point });
export const bounds = (mark) => mark.box || [mark.point[0], mark.point[1], mark.point[0], mark.point[1]];
export const center = (mark) => {
  const [x1, y1, x2, y2] = bounds(mark);
  return [(x1 + x2) / 2, (y1 + y2) / 2];
};
export const area = (mark) => (mark.box ? (mark.box[2] - mark.box[0]) * (mark.box[3] - mark.box[1]) : 0);
export const same = (a, b) => bounds(a).every((v, i) => v === bounds(b)[i]);

// The shape moved by (dx, dy) but kept whole inside the image.
export const move = (mark, dx, dy, size) => {
  const [x1, y1, x2, y2] = bounds(mark);
  const mx = clamp(dx, Math.min(-x1, 0), Math.max(size.width - x2, 0));
  const my = clamp(dy, Math.min(-y1, 0), Math.max(size.height - y2, 0));
  if (mark.point) return { point: [round(x1 + mx), round(y1 + my)] };
  return { box: [round(x1 + mx), round(y1 + my), round(x2 + mx), round(y2 + my)] };
};

// The box around all of these marks.
export const union = (marks) => {
  const all = marks.map(bounds);
  return all.reduce(([x1, y1, x2, y2], b) => [Math.min(x1, b[0]), Math.min(y1, b[1]), Math.max(x2, b[2]), Math.max(y2, b[3])], all[0]);
};

// All of them moved alike and kept whole inside the image: shapes by id.
export const moveAll = (marks, dx, dy, size) => {
  if (marks.length === 1) return new Map([[marks[0].id, move(marks[0], dx, dy, size)]]);
  const before = union(marks);
  const after = move({ box: before }, dx, dy, size).box;
  return new Map(marks.map((mark) => [mark.id, move(mark, after[0] - before[0], after[1] - before[1], size)]));
};

// Whether a region touches a mark; one that lies around the whole region is not touched.
export const touches = ([x1, y1, x2, y2], mark) => {
  const b = bounds(mark);
  const around = b[0] < x1 && b[1] < y1 && b[2] > x2 && b[3] > y2;
  return b[0] <= x2 && b[2] >= x1 && b[1] <= y2 && b[3] >= y1 && !around;
};

// A box of the same size with its centre at (x, y).
export const around = ([x1, y1, x2, y2], [x, y]) => {
  const dx = x - (x1 + x2) / 2;
  const dy = y - (y1 + y2) / 2;
  return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
};

// The object itself, as far as it is known: a point's extent where it is now, else the shape.
export const body = (mark) => (mark.point && mark.extent ? { box: around(mark.extent, mark.point) } : of(mark));

// What becomes of a mark's outline with its new place: it moves along; one of another size has none, for nobody drew it.
export const carried = (mark, shape) => {
  if (!mark.outline) return {};
  const [x1, y1, x2, y2] = bounds(mark);
  const [u1, v1, u2, v2] = bounds(shape);
  const resized = Math.max(Math.abs(u2 - u1 - x2 + x1), Math.abs(v2 - v1 - y2 + y1)) > 0.05; // rounding moves a side by less
  return { outline: resized ? undefined : mark.outline.map((ring) => ring.map(([x, y]) => [round(x + u1 - x1), round(y + v1 - y1)])) };
};

// The box spanned by two corners, inside the image, corners in order.
export const span = (x1, y1, x2, y2, size) => {
  const xs = [x1, x2].map((v) => round(clamp(v, 0, size.width))).sort((a, b) => a - b);
  const ys = [y1, y2].map((v) => round(clamp(v, 0, size.height))).sort((a, b) => a - b);
  return { box: [xs[0], ys[0], xs[1], ys[1]] };
};

// Whether the image's edge cuts nothing of a box.
export const inside = ([x1, y1, x2, y2], size) => x1 > 0.5 && y1 > 0.5 && x2 < size.width - 0.5 && y2 < size.height - 0.5;

// [width, height] that objects of this label usually have (medians), or null. Those that the edge cuts or that do not count are left out.
export const usual = (marks, label, size) => {
  const own = marks.filter((m) => m.label === label && counted(m)).map(body);
  const boxes = own.filter((m) => m.box).map((m) => m.box).filter((box) => inside(box, size));
  const median = (sides) => sides.sort((a, b) => a - b)[sides.length >> 1];
  return boxes.length ? [median(boxes.map((b) => b[2] - b[0])), median(boxes.map((b) => b[3] - b[1]))] : null;
};

// [width, height] of the box of this label that a person drew last, or null: what the model misses is often alike.
export const latest = (marks, label) => {
  const own = marks.filter((mark) => mark.box && mark.origin === "human" && mark.label === label && counted(mark)).pop();
  return own ? [own.box[2] - own.box[0], own.box[3] - own.box[1]] : null;
};

export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export const handleAt = (box, handle) => {
  const [x1, y1, x2, y2] = box;
  const x = handle.includes("w") ? x1 : handle.includes("e") ? x2 : (x1 + x2) / 2;
  const y = handle.includes("n") ? y1 : handle.includes("s") ? y2 : (y1 + y2) / 2;
  return [x, y];
};

// The box with one handle dragged by (dx, dy); a handle may pass the opposite side.
export const resize = (box, handle, dx, dy, size) => {
  const [x1, y1, x2, y2] = box;
  return span(
    handle.includes("w") ? x1 + dx : x1,
    handle.includes("n") ? y1 + dy : y1,
    handle.includes("e") ? x2 + dx : x2,
    handle.includes("s") ? y2 + dy : y2,
    size,
  );
};

// Marks under a place, smallest first; `slack` is the reach of a point or an outline, in image pixels.
export const under = (marks, x, y, slack) => {
  const hits = [];
  for (const mark of marks) {
    if (mark.point) {
      const far = Math.hypot(mark.point[0] - x, mark.point[1] - y);
      if (far <= slack * 2.5) hits.push([-1 / (far + 1e-6), mark]);
    } else {
      const [x1, y1, x2, y2] = mark.box;
      if (x >= x1 - slack && x <= x2 + slack && y >= y1 - slack && y <= y2 + slack) hits.push([area(mark), mark]);
    }
  }
  return hits.sort((a, b) => a[0] - b[0]).map((hit) => hit[1]);
};

// The handle of the box within reach of a place, or null. Inside a small box the reach shrinks, so it can still be moved.
export const handleUnder = (box, x, y, reach) => {
  const within = x > box[0] && x < box[2] && y > box[1] && y < box[3];
  const side = Math.min(box[2] - box[0], box[3] - box[1]);
  const limit = within ? Math.min(reach, side / 4) : reach;
  let best = null;
  for (const handle of HANDLES) {
    const [hx, hy] = handleAt(box, handle);
    const far = Math.max(Math.abs(hx - x), Math.abs(hy - y));
    if (far <= limit && (!best || far < best[0])) best = [far, handle];
  }
  return best && best[1];
};
