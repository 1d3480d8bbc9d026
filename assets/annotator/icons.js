// Line icons of Lucide 1.62 on its 24 x 24 grid; its licence lies beside this file. An icon is its SVG elements.

export const ICONS = {
  // mouse-pointer-2
  select: [
    ["path", { d: "M4.037 4.688a.495.495 0 0 1 .651-.651l16 6.5a.5.5 0 0 1-.063.947l-6.124 1.58a2 2 0 0 0-1.438 1.435l-1.579 6.126a.5.5 0 0 1-.947.063z" }],
  ],
  box: [["rect", { width: 18, height: 18, x: 3, y: 3, rx: 2 }], ["path", { d: "M8 12h8" }], ["path", { d: "M12 8v8" }]], // square-plus
  point: [["circle", { cx: 12, cy: 12, r: 10 }], ["path", { d: "M8 12h8" }], ["path", { d: "M12 8v8" }]], // circle-plus
  edges: [["path", { d: "M11 19H5v-6" }], ["path", { d: "M13 5h6v6" }], ["path", { d: "M19 5 5 19" }]], // move-diagonal
  // scan-search
  closer: [
    ["path", { d: "M3 7V5a2 2 0 0 1 2-2h2" }],
    ["path", { d: "M17 3h2a2 2 0 0 1 2 2v2" }],
    ["path", { d: "M21 17v2a2 2 0 0 1-2 2h-2" }],
    ["path", { d: "M7 21H5a2 2 0 0 1-2-2v-2" }],
    ["circle", { cx: 12, cy: 12, r: 3 }],
    ["path", { d: "m16 16-1.9-1.9" }],
  ],
  undo: [["path", { d: "M9 14 4 9l5-5" }], ["path", { d: "M4 9h10.5a5.5 5.5 0 0 1 5.5 5.5a5.5 5.5 0 0 1-5.5 5.5H11" }]], // undo-2
  redo: [["path", { d: "m15 14 5-5-5-5" }], ["path", { d: "M20 9H9.5A5.5 5.5 0 0 0 4 14.5A5.5 5.5 0 0 0 9.5 20H13" }]], // redo-2
  plus: [["path", { d: "M5 12h14" }], ["path", { d: "M12 5v14" }]], // plus
  minus: [["path", { d: "M5 12h14" }]], // minus
  // locate-fixed
  fitted: [
    ["line", { x1: 2, x2: 5, y1: 12, y2: 12 }],
    ["line", { x1: 19, x2: 22, y1: 12, y2: 12 }],
    ["line", { x1: 12, x2: 12, y1: 2, y2: 5 }],
    ["line", { x1: 12, x2: 12, y1: 19, y2: 22 }],
    ["circle", { cx: 12, cy: 12, r: 7 }],
    ["circle", { cx: 12, cy: 12, r: 3 }],
  ],
  // maximize
  fit: [
    ["path", { d: "M8 3H5a2 2 0 0 0-2 2v3" }],
    ["path", { d: "M21 8V5a2 2 0 0 0-2-2h-3" }],
    ["path", { d: "M3 16v3a2 2 0 0 0 2 2h3" }],
    ["path", { d: "M16 21h3a2 2 0 0 0 2-2v-3" }],
  ],
  // eye
  eye: [
    ["path", { d: "M2.062 12.348a1 1 0 0 1 0-.696 10.75 10.75 0 0 1 19.876 0 1 1 0 0 1 0 .696 10.75 10.75 0 0 1-19.876 0" }],
    ["circle", { cx: 12, cy: 12, r: 3 }],
  ],
  accept: [["path", { d: "M20 6 9 17l-5-5" }]], // check
  reject: [["path", { d: "M18 6 6 18" }], ["path", { d: "m6 6 12 12" }]], // x
  // trash-2
  trash: [
    ["path", { d: "M10 11v6" }],
    ["path", { d: "M14 11v6" }],
    ["path", { d: "M19 6v14a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V6" }],
    ["path", { d: "M3 6h18" }],
    ["path", { d: "M8 6V4a2 2 0 0 1 2-2h4a2 2 0 0 1 2 2v2" }],
  ],
  prev: [["path", { d: "m15 18-6-6 6-6" }]], // chevron-left
  next: [["path", { d: "m9 18 6-6-6-6" }]], // chevron-right
  light: [["circle", { cx: 12, cy: 12, r: 10 }], ["path", { d: "M12 18a6 6 0 0 0 0-12v12z" }]], // contrast
  more: [["circle", { cx: 12, cy: 12, r: 1 }], ["circle", { cx: 19, cy: 12, r: 1 }], ["circle", { cx: 5, cy: 12, r: 1 }]], // ellipsis
  // triangle-alert
  warn: [
    ["path", { d: "m21.73 18-8-14a2 2 0 0 0-3.48 0l-8 14A2 2 0 0 0 4 21h16a2 2 0 0 0 1.73-3" }],
    ["path", { d: "M12 9v4" }],
    ["path", { d: "M12 17h.01" }],
  ],
  // circle-question-mark
  help: [
    ["circle", { cx: 12, cy: 12, r: 10 }],
    ["path", { d: "M9.09 9a3 3 0 0 1 5.83 1c0 2-3 3-3 3" }],
    ["path", { d: "M12 17h.01" }],
  ],
};
