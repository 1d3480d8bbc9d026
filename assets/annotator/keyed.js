// The numbers of the differential keyboard: the classes with their keys, and what was read of each. Pure functions.
//
// What is read is what somebody accepted. The rest of the count waits: on the sheet it counts as it is proposed.

import { binomial, ratio } from "./binomial.js";

// Those of the protocol; without a session the labels of the question. One without a key of its own has the digit of its place.
export const classesOf = ({ counting, labels }) => {
  const all = counting ? counting.classes : labels.map((label) => ({ name: label, labels: [label] }));
  return all.map((of, at) => ({ ...of, key: of.key || (at < 9 ? String(at + 1) : "") }));
};

export const classOf = (classes, label) => classes.find((of) => of.labels.includes(label)) || null;

// Whether nobody has said yet what this is.
export const waits = ({ status }) => status === "open" || status === "doubtful";

const numbers = (row, total) => {
  if (!total) return { ...row, low: null, high: null };
  const [low, high] = row.among ? binomial(row.n, total) : ratio(row.n, total);
  return { ...row, share: row.n / total, low, high };
};

// What a count of all nucleated cells becomes by its share of the white ones, where the protocol corrects it and it has to be.
const correction = ({ corrected }, rows) => {
  const sum = (names) => rows.filter(({ name }) => names.includes(name)).reduce((all, { n }) => all + n, 0);
  const [k, n] = corrected ? [sum(corrected.of), sum(corrected.among)] : [0, 0];
  return n && (100 * k) / n >= corrected.from ? { ...corrected, times: n / (n + k) } : null;
};

// A row a class: `n` read in this image and before, `open` that wait here, its share of the total or, outside it, its number per
// cell of the total, with the limits. `total` is over the classes that the protocol aims at; `reached` adds those of other
// replicates, where the target is one for all.
/** @param {(mark: any) => boolean} inside */
export const keyed = (head, marks, inside) => {
  const classes = classesOf(head);
  const counting = head.counting || {};
  const { before = {}, earlier = {}, of = classes.map(({ name }) => name) } = counting;
  const rows = classes.map((one) => ({ ...one, n: before[one.name] || 0, open: 0, among: of.includes(one.name) }));
  for (const mark of marks) {
    const row = classOf(rows, mark.label);
    if (row && mark.status !== "rejected" && inside(mark)) row[mark.status === "accepted" ? "n" : "open"] += 1;
  }
  const total = rows.filter(({ among }) => among).reduce((sum, { n }) => sum + n, 0);
  const open = rows.reduce((sum, row) => sum + row.open, 0);
  const reached = of.reduce((sum, name) => sum + (earlier[name] || 0), total);
  return { rows: rows.map((row) => numbers(row, total)), total, reached, open, correction: correction(counting, rows) };
};

// The numbers at which the bell rings, that lie after one total and up to another.
export const rings = (from, to, least) => [...new Set([100, 200, least || 100])].filter((at) => from < at && at <= to).sort((a, b) => a - b);
