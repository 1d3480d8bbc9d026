// The keyboard belongs to the image: whoever is done with a field, a slider or a button of the page has it back without a click.

import { inSight } from "./keys.js";

const KEEPS = "[role=dialog], [role=menu], [popover], .pdc-conflict"; // here the reader is asked something, or chooses
const PRESSED = "button, summary, a, input:is([type=range], [type=checkbox], [type=radio])";
const FIELD = "input, textarea, select";

let last = ""; // the key pressed last; "" after a press of the pointer

function home(from) {
  const editor = inSight();
  if (editor && from instanceof Element && !from.closest(KEEPS)) editor.focus();
}

// After the press has done what it does: where it put the focus into a field, the field keeps it. What was pressed may be gone.
function pressed(event) {
  if (event.detail === 0) return; // by a key, which goes on to mean the same button
  const path = event.composedPath().filter((node) => node instanceof Element);
  const gone = path.some((node) => node.matches(PRESSED)) && !path.some((node) => node.matches(KEEPS));
  setTimeout(() => {
    if (last === "Tab") return; // the reader has gone on by the keyboard meanwhile
    const held = document.activeElement;
    if (held && (held.matches(PRESSED) || (gone && held === document.body))) home(held);
  });
}

// The arrows change a list or a slider at every step, and go on.
function chosen({ target }) {
  const arrows = last !== "" && last !== "Enter" && last !== " ";
  if (!arrows && target instanceof Element && target.matches("select, input[type=range]")) home(target);
}

function key(event) {
  const { target } = event;
  last = event.key;
  if (event.defaultPrevented || event.isComposing || !(target instanceof Element) || !target.matches(FIELD)) return;
  if (event.key === "Escape" || (event.key === "Enter" && target.matches("input"))) home(target);
}

let watching = false;

export const watchFocus = () => {
  if (watching) return;
  watching = true;
  document.addEventListener("pointerdown", () => { last = ""; }, true);
  document.addEventListener("keydown", key);
  document.addEventListener("change", chosen);
  document.addEventListener("click", pressed);
};
