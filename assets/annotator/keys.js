// The keyboard. One table makes both the bindings and the help that `?` shows (help.js).

import { chooseIn } from "./choosing.js";
import { copy, pasted } from "./clipboard.js";

// Title, then rows of: keys as they are shown, what they do, and key -> run(editor). A run that returns false did nothing.
export const BINDINGS = [
  ["Marks", [
    ["N / P", "next / previous mark, brought into sight", { n: (e) => e.pointer.turn(1) || e.walk.step(1), p: (e) => e.pointer.turn(-1) || e.walk.step(-1) }],
    ["A", "accept, and go on to the next open mark", { a: (e) => e.judge("accepted") }],
    ["Shift A", "accept all open marks in sight", { "shift+a": (e) => e.doc.acceptAll() }],
    ["R", "reject, and go on; or take it back", { r: (e) => e.judge("rejected") }],
    ["Shift R", "reject all marks that their score hides", { "shift+r": (e) => e.doc.rejectHidden() }],
    ["Shift G", "contact sheet: every mark as a picture, the doubtful first", { "shift+g": (e) => e.sheet.toggle() }],
    ["Del", "delete (the model's marks become rejected)", { delete: (e) => e.remove(), backspace: (e) => e.remove() }],
    ["1 – 9", "label of the selected marks, else of the next one drawn; when counting, type its number", {}],
    ["Arrows", "move 1 pixel, with Shift 10", {}],
    ["Ctrl A", "select all; Shift click adds a mark or takes it away, a drag beside the marks selects what it touches", { "ctrl+a": (e) => chooseIn(e) }],
    ["Ctrl C / Ctrl V", "copy the selected marks / paste them, in the next image too", { "ctrl+c": (e) => copy(e), "ctrl+v": () => false }], // "paste" follows
    ["Shift F10", "menu of the selected marks, as by the right button", { "shift+f10": (e) => e.menu.atMark(), contextmenu: (e) => e.menu.atMark() }],
    ["F", "next mark that may be wrong; next object to decide", { f: (e) => e.readers.next() || e.hints.next() }],
    ["Shift F", "fit the selected boxes to their objects; without any, all loose ones", { "shift+f": (e) => void e.fit.key() }],
    ["Ctrl Z / Ctrl Y", "undo / redo", {
      "ctrl+z": (e) => e.area.undo() || e.doc.undo(), "ctrl+y": (e) => e.doc.redo(), "ctrl+shift+z": (e) => e.doc.redo(),
    }],
  ]],
  ["Consensus of several readers", [
    ["Shift E", "accept what everybody marked alike", { "shift+e": (e) => e.readers.acceptAgreed() }],
    ["Shift V", "take the version of the next reader", { "shift+v": (e) => e.readers.takeNext() }],
  ]],
  ["Tools", [
    ["B or D", "draw; a click makes the box that is shown where the pointer rests", { b: (e) => e.setTool("draw"), d: (e) => e.setTool("draw") }],
    ["Shift / Ctrl", "hold: draw over the mark just drawn / from the middle of an object to its corner", {}],
    ["E", "look closer: drag a region, the model is asked again about it", { e: (e) => e.setTool("closer") }],
    ["Shift D", "edges: press where an edge or corner of a box belongs; N: another one", { "shift+d": (e) => e.setTool("edges") }],
    ["V or Esc", "select; click again for the mark below", { v: (e) => e.setTool("select"), escape: (e) => e.escape() }],
  ]],
  ["Scores", [
    [", / .", "hide fewer / more marks by their score, first the doubtful ones", { ",": (e) => e.confidence.step(-0.05), ".": (e) => e.confidence.step(0.05) }],
    ["U", "unsure marks first", { u: (e) => e.confidence.toggleOrder() }],
    ["X or Esc", "stop the model's answer", { x: (e) => e.notices.stop() }],
  ]],
  ["View", [
    ["+ / −", "zoom; the wheel or two fingers too", { "+": (e) => e.view.zoom(1.25), "=": (e) => e.view.zoom(1.25), "-": (e) => e.view.zoom(0.8) }],
    ["0", "whole image", { 0: (e) => e.view.fit() }],
    ["Z", "zoom to the selected marks", { z: (e) => e.zoomToMark() }],
    ["Space", "hold and drag to pan; the middle button too", {}],
    ["H", "hide or show all marks", { h: (e) => e.toggle("hidden") }],
    ["O", "outlines only", { o: (e) => e.toggle("plain") }],
    ["C", "crosshair", { c: (e) => e.lens.toggle("cross") }],
    ["L", "loupe", { l: (e) => e.lens.toggle("loupe") }],
    ["I", "brightness, contrast, gamma, invert; window and level", { i: (e) => e.adjust.toggle() }],
    ["Y", "as the model saw it, or as you look at it", { y: (e) => void e.adjust.compare() }],
    ["Shift S", "similar cases: reviewed images like this one", { "shift+s": (e) => e.similar.toggle() }],
    ["?", "these keys", { "?": (e) => e.help.toggle() }],
  ]],
  ["Counting", [
    ["G", "grid", { g: (e) => e.grid.toggle() }],
    ["T", "this cell is done, go to the next", { t: (e) => e.grid.advance() }],
    ["Shift B", "the counting area of a field: found, three clicks, rectangle, polygon, dish", { "shift+b": (e) => e.area.toggle() }],
    ["Shift K", "differential keyboard: one key says what a cell is, and the next one comes up", { "shift+k": (e) => e.differential.toggle() }],
    ["Space / Backspace", "in the differential keyboard: skip the cell / take the last key back", {}],
  ]],
  ["Image", [
    ["Q", "look for another label", { q: () => void document.dispatchEvent(new CustomEvent("pdc-another")) }],
    ["Shift Q", "ask the model again: four looks at the image, which vote", { "shift+q": () => void document.dispatchEvent(new CustomEvent("pdc-looks")) }],
    ["M", "there may be more than is marked, or: this is all", { m: (e) => e.doc.setComplete(!e.doc.complete) }],
    ["S or Ctrl S", "save", { s: (e) => e.send("save"), "ctrl+s": (e) => e.send("save") }],
    ["J or PgDn", "next image", { j: (e) => e.send("next"), pagedown: (e) => e.send("next") }],
    ["K or PgUp", "previous image", { k: (e) => e.send("previous"), pageup: (e) => e.send("previous") }],
  ]],
];

// The list's keys, as they are shown, and what the list runs (worklist.js).
export const WORKLIST = [
  ["Enter", "save, next image", "finish"],
  ["Shift Enter", "skip this image", "skip"],
  ["Shift Backspace", "send back", "back"],
  ["W", "to this list; arrows, then Enter", "list"],
  ["/", "search", "search"],
  ["Del", "in this list: retire", "list"],
];

const RUN = {};
for (const [, rows] of BINDINGS) for (const row of rows) Object.assign(RUN, row[2]);
const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const SHIFTED = ["a", "b", "d", "e", "f", "g", "k", "q", "r", "s", "v", "f10"]; // keys that mean something else with Shift
const TYPING = "input, textarea, select, [contenteditable=''], [contenteditable=true]";
const SLIDING = /^(arrow|home|end|page|escape)/;

// What a key means on this keyboard: the letter printed on it where the layout is Latin (Dvorak, QWERTZ), else the letter at its
// place (Russian, Greek, Hebrew). The keys of the digits mean digits where a digit takes Shift (AZERTY).
let latin = null; // whether the last letter typed was a Latin one; null before the first
const AT_PLACE = { Comma: ",", Period: "." };
const LETTER = /\p{L}/u;
const LATIN = /\p{Script=Latin}/u;

export const meant = ({ key, code = "", shiftKey }) => {
  const lower = key.toLowerCase();
  if (key.length !== 1) return lower; // named keys: Enter, ArrowLeft
  const [, kind, name] = /^(Key|Digit)(.)$/.exec(code) || [];
  const letter = LETTER.test(key);
  if (kind === "Key" && letter) latin = LATIN.test(key);
  if (/[a-z0-9]/.test(lower)) return lower;
  if (kind === "Digit" && !shiftKey) return name;
  if (kind === "Key" && (letter || (latin === null ? !(lower in RUN) : !latin))) return name.toLowerCase();
  return letter && !LATIN.test(key) && code in AT_PLACE ? AT_PLACE[code] : lower;
};

function chord(event, key = meant(event)) {
  const ctrl = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (ctrl || SHIFTED.includes(key));
  return `${ctrl ? "ctrl+" : ""}${shift ? "shift+" : ""}${key}`;
}

// Runs a key on the editor; true when it meant something.
export const press = (editor, event) => {
  const key = meant(event);
  const taker = editor.sheet.open ? editor.sheet : editor.area.on ? editor.area : editor.differential;
  const said = taker.press(event, key);
  if (said !== undefined) return said;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && key in ARROWS) return editor.nudge(...ARROWS[key].map((d) => d * (event.shiftKey ? 10 : 1)));
  if (plain && /^[1-9]$/.test(key) && editor.digit(Number(key))) return true;
  if (plain && key === "tab" && editor.focused()) return editor.walk.tab(event.shiftKey ? -1 : 1);
  if (plain && (key === "enter" || key === " ") && event.target.closest("button, a, summary")) return false;
  if (plain && key === " ") return editor.pointer.holdPan(true);
  const run = event.altKey ? null : RUN[chord(event, key)] || RUN[chord(event, event.key.toLowerCase())];
  if (!run) return false;
  return run(editor) !== false;
};

const editors = new Set();

// The editor keys go to: the one in sight.
export function inSight() {
  for (const editor of editors) {
    if (!editor.root.isConnected) editors.delete(editor);
    else if (editor.root.getClientRects().length && editor.doc.open) return editor;
  }
  return null;
}

// Whether a key belongs to the field that has the focus: a slider takes the arrows, a box to tick the space bar too, and any other
// field all that is typed.
const typing = (event) => {
  const [target] = event.composedPath();
  const field = target instanceof Element ? target.closest(TYPING) : null;
  if (!(field instanceof HTMLInputElement)) return field !== null;
  if (field.type === "range") return SLIDING.test(event.key.toLowerCase());
  if (field.type === "checkbox" || field.type === "radio") return event.key === " " || SLIDING.test(event.key.toLowerCase());
  return true;
};

// Whether the editor in sight has a use of its own for a key that other parts of the page listen for too.
export const claimed = (event) => {
  const editor = inSight();
  return editor !== null && [editor.area, editor.differential].some((panel) => panel.claims(event, meant(event)));
};

function onKeyDown(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const editor = inSight();
  if (!editor || (typing(event) && chord(event) !== "ctrl+s")) return;
  if (press(editor, event)) event.preventDefault();
  else editor.link.flush();
}

function onPaste(event) {
  const editor = inSight();
  if (editor) pasted(editor, event);
}

function onKeyUp(event) {
  if (event.key === " ") for (const editor of editors) editor.pointer.holdPan(false);
}

let listening = false;

export const listen = (editor) => {
  if (!listening) {
    document.addEventListener("keydown", onKeyDown);
    document.addEventListener("keyup", onKeyUp);
    document.addEventListener("paste", onPaste);
    window.addEventListener("blur", () => onKeyUp({ key: " " }));
    listening = true;
  }
  editors.add(editor);
};
