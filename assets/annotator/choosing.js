// Which marks are selected together: by a press with Shift or Ctrl, a region, all of them, or the rows up to here.

import * as shapes from "./shapes.js";

export const choose = (editor, ids, first) => {
  editor.doc.selection.take(ids, first);
  editor.showChosen();
};

export const toggle = (editor, id) => {
  editor.doc.selection.toggle(id);
  editor.showChosen();
};

// Every mark in sight that nobody rejected, or those that a region touches; `adds` keeps what is selected.
export const chooseIn = (editor, region = null, adds = false) => {
  const { selection, shown } = editor.doc;
  const found = shown.filter((mark) => mark.status !== "rejected" && (!region || shapes.touches(region, mark))).map((mark) => mark.id);
  choose(editor, adds ? [...selection.ids, ...found] : found, found[0]);
};

// From the selected mark to this one, in the order of the list.
export const chooseTo = (editor, id) => {
  const { shown, selected } = editor.doc;
  const [from, to] = [selected, id].map((which) => shown.findIndex((mark) => mark.id === which));
  if (from < 0) return editor.select(id);
  choose(editor, shown.slice(Math.min(from, to), Math.max(from, to) + 1).map((mark) => mark.id), selected);
};
