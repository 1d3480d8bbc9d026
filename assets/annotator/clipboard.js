// Marks are copied and pasted, here or in another image or tab: as text on the computer's clipboard, so that what was copied last,
// there or here, is what is pasted.

import { offered } from "./asks.js";
import { asKind } from "./carry.js";
import * as shapes from "./shapes.js";
import { cleanMark } from "./state.js";
import { t } from "./words.js";

const KIND = "pdc-marks";
const ASIDE = 10; // screen pixels: where a mark would lie on its own copy, all of them lie beside

let copied = null; // what was copied on this page: a menu may not read the computer's clipboard

const plain = ({ label, box, point, extent, outline }) => ({ label, box, point, extent, outline });
const put = (event) => {
  event.clipboardData.setData("text/plain", copied);
  event.preventDefault();
};

// False where there is nothing to copy, or a text is selected that the reader means.
export const copy = (editor) => {
  const marks = editor.doc.chosen.filter((mark) => mark.status !== "rejected");
  if (!marks.length || String(window.getSelection())) return false;
  copied = JSON.stringify({ [KIND]: marks.map(plain) });
  document.addEventListener("copy", put, { once: true });
  document.execCommand("copy");
  document.removeEventListener("copy", put);
  editor.line.say(marks.length === 1 ? t("1 mark copied.") : t("{n} marks copied.", { n: marks.length }));
  return true;
};

// The marks in a text from the clipboard, or null where it holds none.
function marksIn(text) {
  try {
    return JSON.parse(text)[KIND].map((mark) => cleanMark({ ...mark, id: "" })).filter(Boolean);
  } catch (other) {
    return null;
  }
}

// In their places, but whole inside the image, and not on marks that are there already.
function placed(marks, doc, scale) {
  const inside = marks.map((mark) => ({ ...mark, ...moved(mark, 0, 0, doc.size) }));
  const lies = (mark, by) => doc.marks.some((other) => Boolean(other.box) === Boolean(mark.box) && shapes.same(other, moved(mark, by, by, doc.size)));
  const step = ASIDE / scale;
  let by = 0;
  while (by < Math.max(doc.size.width, doc.size.height) && inside.some((mark) => lies(mark, by))) by += step;
  return inside.map((mark) => ({ ...mark, ...moved(mark, by, by, doc.size) }));
}

// As far as it stays whole inside the image; one larger than the image is cut to it.
function moved(mark, dx, dy, size) {
  const [x1, y1, x2, y2] = shapes.bounds(mark);
  const within = (by, from, to, room) => Math.max(Math.min(by, room - to), -from);
  const shape = shapes.move(mark, within(dx, x1, x2, size.width), within(dy, y1, y2, size.height), size);
  const kept = shape.box ? shapes.span(...shape.box, size) : shape;
  return { ...kept, ...shapes.carried(mark, kept) };
}

export const paste = (editor, text = copied) => {
  const { doc } = editor;
  const marks = text && marksIn(text);
  if (!marks || !marks.length || !doc.open) return false;
  if (doc.readonly) editor.line.say(t("Nothing is pasted: this image is read only."));
  else if (doc.kind === "count") editor.line.say(t("Nothing is pasted: this question asks for a count and shows no marks."));
  else add(editor, marks);
  return true;
};

// Marks of a label that is not asked for are put aside, and come into sight with its answer.
function add(editor, marks) {
  const { doc, view } = editor;
  const other = [...new Set(marks.map((mark) => mark.label))].filter((label) => !doc.labels.includes(label));
  const { taken, ask } = offered(other);
  const kept = placed(marks.map((mark) => asKind(mark, doc.kind)), doc, view.scale).filter(({ label }) => !other.includes(label) || taken.includes(label));
  doc.paste(kept);
  editor.showChosen();
  editor.link.flush();
  if (taken.length) ask();
  editor.line.say(told(kept.length, marks.length - kept.length, taken, other.filter((label) => !taken.includes(label))));
}

function told(n, left, taken, refused) {
  const done = n === 1 ? t("1 mark pasted.") : t("{n} marks pasted.", { n });
  const now = taken.length ? t("Looked for from now on: {labels}.", { labels: taken.join(", ") }) : "";
  const out = left ? t("Left out: {n}, for this image is not asked for {labels}. Add the label above the image, then paste again.", { n: left, labels: refused.join(", ") }) : "";
  return [n ? done : "", now, out].filter(Boolean).join(" ");
}

const FIELD = "input, textarea, select, [contenteditable]";

// Files and other texts are somebody else's.
export const pasted = (editor, event) => {
  const { target } = event;
  if (event.defaultPrevented || (target instanceof Element && target.closest(FIELD))) return;
  if (event.clipboardData.files.length === 0 && paste(editor, event.clipboardData.getData("text/plain"))) event.preventDefault();
};

export const canPaste = () => copied !== null;
