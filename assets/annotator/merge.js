// An answer that comes bit by bit, beside a reader who does not wait for it. Pure functions on {marks, stated}.

import { untouched } from "./core.js";
import * as shapes from "./shapes.js";

const STATED = "stated"; // no mark's key: those start with "mark "
const keyOf = (id) => `mark ${id}`;

// What differs between two states: marks added, changed or gone, the stated counts, what is kept aside, and whether that is all.
export const changedKeys = (before, after) => {
  const keys = ["stated", "aside", "complete"].filter((key) => before[key] !== after[key]);
  if (before.marks === after.marks) return keys;
  if (before.marks.length === after.marks.length && after.marks.every((mark, at) => mark.id === before.marks[at].id)) {
    return [...keys, ...after.marks.filter((mark, at) => mark !== before.marks[at]).map((mark) => keyOf(mark.id))];
  }
  const old = new Set(before.marks);
  const ids = new Set();
  for (const mark of after.marks) {
    ids.add(mark.id);
    if (!old.has(mark)) keys.push(keyOf(mark.id));
  }
  for (const mark of before.marks) if (!ids.has(mark.id)) keys.push(keyOf(mark.id));
  return keys;
};

const equal = (a, b) => ["label", "origin", "status", "score"].every((key) => a[key] === b[key])
  && Boolean(a.box) === Boolean(b.box) && shapes.same(a, b);

// The model's untouched marks that its new answer does not hold; not those that the reader has had in hand since (`mine`).
export const withdrawn = (state, incoming, mine) => {
  const held = new Set(incoming.marks.map((mark) => mark.id));
  const absent = (mark) => untouched(mark) && !held.has(mark.id) && !mine(keyOf(mark.id));
  return new Set(state.marks.filter(absent).map((mark) => mark.id));
};

// New marks are appended; a known one takes the server's version, unless the reader changed or removed it (`mine`).
export const mergeInto = (state, incoming, mine, gone) => {
  const coming = new Map(incoming.marks.filter((mark) => !mine(keyOf(mark.id))).map((mark) => [mark.id, mark]));
  const marks = state.marks.filter((mark) => !gone.has(mark.id)).map((mark) => {
    const theirs = coming.get(mark.id);
    coming.delete(mark.id);
    return theirs && !equal(mark, theirs) ? theirs : mark;
  });
  const [stated, complete] = [STATED, "complete"].map((key) => (mine(key) ? state : incoming)[key]);
  return { ...state, marks: [...marks, ...coming.values()], stated, complete };
};
