// Pure geometry on {box: [x1, y1, x2, y2]} and {point: [x, y]}, in image pixels.
(function (PDC) {
  "use strict";
  const { clamp, round } = PDC;
  const shapes = (PDC.shapes = {});

  shapes.of = (mark) => (mark.box ? { box: mark.box } : { point: mark.point });
  shapes.bounds = (mark) => mark.box || [mark.point[0], mark.point[1], mark.point[0], mark.point[1]];
  shapes.center = (mark) => {
    const [x1, y1, x2, y2] = shapes.bounds(mark);
    return [(x1 + x2) / 2, (y1 + y2) / 2];
  };
  shapes.area = (mark) => (mark.box ? (mark.box[2] - mark.box[0]) * (mark.box[3] - mark.box[1]) : 0);
  shapes.same = (a, b) => shapes.bounds(a).every((v, i) => v === shapes.bounds(b)[i]);

  // The shape moved by (dx, dy) but kept whole inside the image.
  shapes.move = (mark, dx, dy, size) => {
    const [x1, y1, x2, y2] = shapes.bounds(mark);
    const mx = clamp(dx, Math.min(-x1, 0), Math.max(size.width - x2, 0));
    const my = clamp(dy, Math.min(-y1, 0), Math.max(size.height - y2, 0));
    if (mark.point) return { point: [round(x1 + mx), round(y1 + my)] };
    return { box: [round(x1 + mx), round(y1 + my), round(x2 + mx), round(y2 + my)] };
  };

  // The box spanned by two corners, inside the image, corners in order.
  shapes.span = (x1, y1, x2, y2, size) => {
    const xs = [x1, x2].map((v) => round(clamp(v, 0, size.width))).sort((a, b) => a - b);
    const ys = [y1, y2].map((v) => round(clamp(v, 0, size.height))).sort((a, b) => a - b);
    return { box: [xs[0], ys[0], xs[1], ys[1]] };
  };

  // [width, height] that boxes of this label usually have (medians), or null. Those that the edge cuts or that do not count are left out.
  shapes.usual = (marks, label, size) => {
    const inside = ([x1, y1, x2, y2]) => x1 > 0.5 && y1 > 0.5 && x2 < size.width - 0.5 && y2 < size.height - 0.5;
    const boxes = marks.filter((m) => m.box && m.label === label && PDC.counted(m)).map((m) => m.box).filter(inside);
    const median = (sides) => sides.sort((a, b) => a - b)[sides.length >> 1];
    return boxes.length ? [median(boxes.map((b) => b[2] - b[0])), median(boxes.map((b) => b[3] - b[1]))] : null;
  };

  shapes.HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

  shapes.handleAt = (box, handle) => {
    const [x1, y1, x2, y2] = box;
    const x = handle.includes("w") ? x1 : handle.includes("e") ? x2 : (x1 + x2) / 2;
    const y = handle.includes("n") ? y1 : handle.includes("s") ? y2 : (y1 + y2) / 2;
    return [x, y];
  };

  // The box with one handle dragged by (dx, dy); a handle may pass the opposite side.
  shapes.resize = (box, handle, dx, dy, size) => {
    const [x1, y1, x2, y2] = box;
    return shapes.span(
      handle.includes("w") ? x1 + dx : x1,
      handle.includes("n") ? y1 + dy : y1,
      handle.includes("e") ? x2 + dx : x2,
      handle.includes("s") ? y2 + dy : y2,
      size,
    );
  };

  // Marks under a place, smallest first; `slack` is the reach of a point or an outline, in image pixels.
  shapes.under = (marks, x, y, slack) => {
    const hits = [];
    for (const mark of marks) {
      if (mark.point) {
        const far = Math.hypot(mark.point[0] - x, mark.point[1] - y);
        if (far <= slack * 2.5) hits.push([-1 / (far + 1e-6), mark]);
      } else {
        const [x1, y1, x2, y2] = mark.box;
        if (x >= x1 - slack && x <= x2 + slack && y >= y1 - slack && y <= y2 + slack) hits.push([shapes.area(mark), mark]);
      }
    }
    return hits.sort((a, b) => a[0] - b[0]).map((hit) => hit[1]);
  };

  // The handle of the box within reach of a place, or null. Inside a small box the reach shrinks, so it can still be moved.
  shapes.handleUnder = (box, x, y, reach) => {
    const inside = x > box[0] && x < box[2] && y > box[1] && y < box[3];
    const side = Math.min(box[2] - box[0], box[3] - box[1]);
    const limit = inside ? Math.min(reach, side / 4) : reach;
    let best = null;
    for (const handle of shapes.HANDLES) {
      const [hx, hy] = shapes.handleAt(box, handle);
      const far = Math.max(Math.abs(hx - x), Math.abs(hy - y));
      if (far <= limit && (!best || far < best[0])) best = [far, handle];
    }
    return best && best[1];
  };
})((window.PDC = window.PDC || {}));
