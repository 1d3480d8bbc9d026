// What a hand makes of a mark: the fields that change, or null where nothing does. Pure functions.

import * as shapes from "./shapes.js";

// Whose mark it is once a person has changed it; a doubtful one counts from then on.
const edited = ({ origin, status }) => ({ origin: origin === "model" ? "edited" : origin, status: status === "doubtful" ? "open" : status });

export const reshaped = (mark, shape) =>
  (shapes.same(mark, shape) ? null : { ...shapes.carried(mark, shape), ...shape, ...edited(mark) });

export const relabelled = (mark, label) => (mark.label === label ? null : { label, ...edited(mark) });

export const changed = (mark, change) => (change ? Object.freeze({ ...mark, ...change }) : mark);
