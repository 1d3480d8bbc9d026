// What a reader has in sight: a low score hides the model's own marks while nobody has judged them. What is hidden is not counted,
// and the server is told that it is doubtful: the number on the screen is the number that is stored. Pure functions.

import { counted, untouched } from "./core.js";

export const hides = ({ below }, mark) => mark.score !== null && mark.score < below && untouched(mark);

// The marks in sight, in the order the reader chose.
export const inSight = (marks, sight) => {
  const list = sight.below > 0 ? marks.filter((mark) => !hides(sight, mark)) : marks;
  const rank = (mark) => (mark.score === null ? 2 : mark.score);
  return sight.uncertain ? [...list].sort((a, b) => rank(a) - rank(b)) : list;
};

const judge = (marks, which, status) => marks.map((mark) => (which(mark) ? Object.freeze({ ...mark, status }) : mark));

export const told = (marks, sight) => judge(marks, (mark) => counted(mark) && hides(sight, mark), "doubtful");
export const acceptOpen = (marks, sight) => judge(marks, (mark) => mark.status === "open" && !hides(sight, mark), "accepted");
export const rejectHidden = (marks, sight) => judge(marks, (mark) => hides(sight, mark), "rejected");

// Count per label of what is in sight.
export const count = (marks, sight) => {
  const counts = {};
  for (const mark of marks) if (counted(mark) && !hides(sight, mark)) counts[mark.label] = (counts[mark.label] || 0) + 1;
  return counts;
};
