// The edges tool: a press says where an edge or a corner of a box belongs, and the one that is meant goes there.

import { clamp } from "./core.js";
import { handleAt, resize } from "./shapes.js";

const END = 0.35; // of a side: a place nearer than that to an end of a box, or beyond it, means the edge at that end
const FAR = 1.5; // of the box's longer side: an edge that would go further is not meant

const end = (share, low, high) => (share < END ? low : share > 1 - END ? high : "");

// What a place can mean of a box: a corner, or one edge; how far that goes, and whether it is what is meant first.
const meantOf = ([x1, y1, x2, y2], x, y) => {
  const [across, down] = [(x - x1) / Math.max(x2 - x1, 1), (y - y1) / Math.max(y2 - y1, 1)];
  const [sideways, upright] = [across < 0.5 ? "w" : "e", down < 0.5 ? "n" : "s"];
  const first = end(down, "n", "s") + end(across, "w", "e") || (Math.abs(across - 0.5) > Math.abs(down - 0.5) ? sideways : upright);
  const off = { w: Math.abs(x - x1), e: Math.abs(x - x2), n: Math.abs(y - y1), s: Math.abs(y - y2) };
  const found = [{ handle: upright + sideways, far: Math.max(off[upright], off[sideways]) }];
  const edges = (share, beside, low, high) => {
    if (beside < 0 || beside > 1) return; // the edge does not reach there
    for (const edge of [low, high]) if ((share < 0.5 ? edge === low : edge === high) || !end(share, low, high)) found.push({ handle: edge, far: off[edge] });
  };
  edges(across, down, "w", "e");
  edges(down, across, "n", "s");
  return found.map((one) => ({ ...one, first: one.handle === first }));
};

// What a place can mean of these marks, the likeliest first: of the selected box before others, what is nearest before what is far.
// Each has the mark, its handle, where that is now, and the box that a press would make.
export const edgesAt = (marks, chosen, x, y, size) => {
  const [px, py] = [clamp(x, 0, size.width), clamp(y, 0, size.height)];
  const found = [];
  for (const mark of marks) {
    if (!mark.box || mark.status === "rejected") continue;
    const longer = Math.max(mark.box[2] - mark.box[0], mark.box[3] - mark.box[1]);
    for (const one of meantOf(mark.box, px, py)) if (one.far <= FAR * longer) found.push({ mark, ...one });
  }
  const rank = ({ mark, first, far }) => [mark === chosen ? 0 : 1, first ? 0 : 1, far];
  found.sort((a, b) => rank(a).map((v, at) => v - rank(b)[at]).find((v) => v !== 0) || 0);
  return found.map(({ mark, handle }) => {
    const from = handleAt(mark.box, handle);
    return { mark, handle, from, shape: resize(mark.box, handle, px - from[0], py - from[1], size) };
  });
};
