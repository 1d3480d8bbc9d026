// Shapes of a counting area and their handles. Pure functions; places and sizes in pixels of the image.

const LEAST = 4; // pixels of a side
const ARM = 34; // pixels of the screen from the top side to the handle that turns
const radians = (degrees) => (degrees * Math.PI) / 180;

const along = ({ x, y, angle = 0 }, u, v) => {
  const [c, s] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  return [x + u * c - v * s, y + u * s + v * c];
};

// A place in the shape's own directions, from its centre.
const own = ({ x, y, angle = 0 }, [px, py]) => {
  const [c, s] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  return [(px - x) * c + (py - y) * s, (py - y) * c - (px - x) * s];
};

const SIDES = { nw: [-1, -1], n: [0, -1], ne: [1, -1], e: [1, 0], se: [1, 1], s: [0, 1], sw: [-1, 1], w: [-1, 0] };

const rectangleGrips = (shape, scale) => {
  const { width, height, x, y } = shape;
  const sides = Object.entries(SIDES).map(([name, [i, j]]) => ({ name, at: along(shape, (i * width) / 2, (j * height) / 2) }));
  return [...sides, { name: "turn", at: along(shape, 0, -height / 2 - ARM / scale) }, { name: "move", at: [x, y] }];
};

const discGrips = ({ x, y, radius, start = 0, span = 360 }) => {
  const at = (degrees) => [x + radius * Math.cos(radians(degrees)), y + radius * Math.sin(radians(degrees))];
  const rim = [0, 90, 180, 270].map((degrees) => ({ name: "rim", at: at(degrees) }));
  const turns = span < 360 ? [{ name: "start", at: [(x + at(start)[0]) / 2, (y + at(start)[1]) / 2] }] : [];
  return [...turns, ...rim, { name: "move", at: [x, y] }];
};

const middleOf = (corners) => [0, 1].map((axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length);

// The handles of a shape: [{name, at: [x, y]}].
export const grips = (shape, scale) => {
  if (shape.kind === "rectangle") return rectangleGrips(shape, scale);
  if (shape.kind === "disc") return discGrips(shape);
  if (shape.kind === "polygon") return [...shape.corners.map((at, i) => ({ name: `corner-${i}`, at })), { name: "move", at: middleOf(shape.corners) }];
  return [];
};

// Whole squares only, where there are squares.
const stepped = (value, pitch) => (pitch ? Math.max(Math.round(value / pitch), 1) * pitch : Math.max(value, LEAST));

// One side or corner is dragged, the opposite one stays.
const resized = (shape, [i, j], place, pitch) => {
  const [u, v] = own(shape, place);
  const side = (way, reach, length, step) => (way ? stepped(length / 2 + way * reach, step) : length);
  const [width, height] = [side(i, u, shape.width, pitch && pitch[0]), side(j, v, shape.height, pitch && pitch[1])];
  const [x, y] = along(shape, (i * (width - shape.width)) / 2, (j * (height - shape.height)) / 2);
  return { ...shape, x, y, width, height };
};

// Squares stay on the lines: they are moved by whole ones.
const carried = (shape, place, pitch) => {
  if (!pitch) return { ...shape, x: place[0], y: place[1] };
  const [u, v] = own(shape, place);
  const [x, y] = along(shape, Math.round(u / pitch[0]) * pitch[0], Math.round(v / pitch[1]) * pitch[1]);
  return { ...shape, x, y };
};

const movedRectangle = (shape, name, place, pitch) => {
  if (name === "move") return carried(shape, place, pitch);
  if (name !== "turn") return resized(shape, SIDES[name], place, pitch);
  const angle = (Math.atan2(place[1] - shape.y, place[0] - shape.x) * 180) / Math.PI + 90;
  return { ...shape, angle: Math.min(Math.max(((angle + 540) % 360) - 180, -45), 45) };
};

const movedDisc = (shape, name, place) => {
  const [x, y] = place;
  if (name === "move") return { ...shape, x, y };
  if (name === "rim") return { ...shape, radius: Math.max(Math.hypot(x - shape.x, y - shape.y), LEAST) };
  const start = (Math.atan2(y - shape.y, x - shape.x) * 180) / Math.PI;
  return { ...shape, start: (start + 360) % 360 };
};

const movedPolygon = (shape, name, place) => {
  const [mx, my] = middleOf(shape.corners);
  const all = ([x, y]) => [x + place[0] - mx, y + place[1] - my];
  const at = Number(name.slice("corner-".length));
  return { ...shape, corners: name === "move" ? shape.corners.map(all) : shape.corners.map((corner, i) => (i === at ? place : corner)) };
};

// The shape when the handle of this name is dragged to a place. `pitch`: the sides of a square, where whole ones are kept.
export const moved = (shape, name, place, pitch) => {
  if (shape.kind === "rectangle") return movedRectangle(shape, name, place, pitch);
  return shape.kind === "disc" ? movedDisc(shape, name, place) : movedPolygon(shape, name, place);
};

// The sides of a square in pixels, where an area lies on the lines of the chamber.
/** @returns {[number, number] | null} */
export const pitchOf = ({ squares, mm_per_pixel }, chamber) =>
  (squares && mm_per_pixel && chamber ? [chamber.width_mm / mm_per_pixel, chamber.height_mm / mm_per_pixel] : null);

export const squaresIn = ({ width, height }, [across, down]) => Math.round(width / across) * Math.round(height / down);

// The rectangle around another shape; of a whole image most of it.
export const rectangleOf = (shape, { width, height }) => {
  if (shape.kind === "rectangle") return shape;
  if (shape.kind === "disc") return { kind: "rectangle", x: shape.x, y: shape.y, width: 2 * shape.radius, height: 2 * shape.radius, angle: 0 };
  if (shape.kind !== "polygon") return { kind: "rectangle", x: width / 2, y: height / 2, width: width * 0.8, height: height * 0.8, angle: 0 };
  const [xs, ys] = [0, 1].map((axis) => shape.corners.map((corner) => corner[axis]));
  const [x1, x2, y1, y2] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return { kind: "rectangle", x: (x1 + x2) / 2, y: (y1 + y2) / 2, width: x2 - x1, height: y2 - y1, angle: 0 };
};

export const wholeImage = ({ width, height }) => ({ shape: { kind: "whole", width, height } });
