// What a document is in one moment: {marks, stated, aside: {marks, stated}, complete}, frozen, with nothing in it but what belongs
// there. Pure functions.

const finite = (values, n) => Array.isArray(values) && values.length === n && values.every(Number.isFinite);

export function cleanMark(raw) {
  const shape = finite(raw.box, 4) ? { box: [...raw.box] } : finite(raw.point, 2) ? { point: [...raw.point] } : null;
  if (!shape) return null;
  return Object.freeze({
    id: String(raw.id),
    label: String(raw.label),
    ...shape,
    origin: String(raw.origin || "human"),
    status: String(raw.status || "open"),
    score: Number.isFinite(raw.score) ? raw.score : null,
    ...(finite(raw.extent, 4) && shape.point ? { extent: [...raw.extent] } : {}),
    ...(Array.isArray(raw.outline) && raw.outline.length ? { outline: raw.outline } : {}),
    ...(raw.expert ? { expert: String(raw.expert) } : {}),
    ...(finite(raw.votes, 2) ? { votes: [...raw.votes] } : {}),
  });
}

const cleanMarks = (raw) => (raw || []).map(cleanMark).filter(Boolean);

function cleanCounts(raw) {
  const pairs = Object.entries(raw || {}).filter(([, n]) => Number.isFinite(n) && n >= 0);
  return Object.fromEntries(pairs.map(([label, n]) => [label, Math.round(n)]));
}

export const cleanState = ({ marks, stated, aside, complete }) => ({
  marks: cleanMarks(marks),
  stated: cleanCounts(stated),
  aside: { marks: cleanMarks(aside && aside.marks), stated: cleanCounts(aside && aside.stated) },
  complete: complete !== false,
});

export const sameQuestion = (a, b) => a.task === b.task && JSON.stringify([...a.labels].sort()) === JSON.stringify([...b.labels].sort());

export const EMPTY = cleanState({ marks: [], stated: {}, aside: {}, complete: true });
