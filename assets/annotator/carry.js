// The same marks under another question: what pdc/domain/carrying.py does to the server's, done to every undo step. Pure functions
// on {marks, stated, aside: {marks, stated}} and on heads {kind, labels}.

import { counted } from "./core.js";
import * as shapes from "./shapes.js";

// A box becomes its centre and remembers the box; the point becomes that box again, around the place where it is then.
export const asKind = (mark, kind) => {
  if (kind === "point" && mark.box) {
    const { box, ...rest } = mark;
    return Object.freeze({ ...rest, point: shapes.center(mark), extent: box });
  }
  if (kind === "box" && mark.point && mark.extent) {
    const { point, extent, ...rest } = mark;
    return Object.freeze({ ...rest, box: shapes.around(extent, point) });
  }
  return mark;
};

const numbers = (marks) => {
  const n = {};
  for (const mark of marks) n[mark.label] = (n[mark.label] || 0) + Number(counted(mark));
  return n;
};

const only = (counts, keep) => Object.fromEntries(Object.entries(counts).filter(([label]) => keep(label)));

// While a mark was put aside, another one may have been given its id.
function withOwnIds(marks) {
  const taken = new Set();
  return marks.map((mark) => {
    let id = mark.id;
    for (let n = 2; taken.has(id); n += 1) id = `${mark.id}-${n}`;
    taken.add(id);
    return id === mark.id ? mark : Object.freeze({ ...mark, id });
  });
}

export const carry = (state, from, to) => {
  const asked = (label) => to.labels.includes(label);
  const counting = from.kind === "count";
  const kept = withOwnIds([...state.marks, ...state.aside.marks]);
  const stated = counting === (to.kind === "count") ? state.stated : {};
  const typed = { ...state.aside.stated, ...(counting ? state.stated : {}) };
  if (to.kind === "count") {
    const all = only({ ...typed, ...numbers(kept), ...stated }, asked);
    return { ...state, marks: [], stated: all, aside: { marks: kept, stated: only(typed, (label) => !(label in all)) } };
  }
  const shown = kept.filter((mark) => asked(mark.label)).map((mark) => asKind(mark, to.kind));
  const rest = kept.filter((mark) => !asked(mark.label));
  return { ...state, marks: shown, stated: only(stated, asked), aside: { marks: rest, stated: typed } };
};
