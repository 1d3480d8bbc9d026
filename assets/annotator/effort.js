// What an image takes its reader: active seconds, moves of the pointer (a click is one, a drag two) and keys. Nothing is counted
// unless this server keeps it (PDC_TIMING). It is sent once, when the reader goes on, and kept only if something was saved.

import { inSight } from "./keys.js";

const IDLE = 30000; // ms: a longer pause is no work
const SLIP = 6; // pixels
const WHERE = new URL("api/effort", document.baseURI);

let visit = null; // {image, opened, last, active, moves, keys}
let pressed = null;

const begin = (image) => ({ image, opened: performance.now(), last: performance.now(), active: 0, moves: 0, keys: 0 });

function active() {
  const now = performance.now();
  if (now - visit.last <= IDLE) visit.active += now - visit.last;
  visit.last = now;
}

function leave() {
  if (visit && visit.moves + visit.keys > 0) {
    const { image, opened, active: spent, moves, keys } = visit;
    const said = { image, elapsed: (performance.now() - opened) / 1000, seconds: spent / 1000, moves, keys };
    navigator.sendBeacon(WHERE, new Blob([JSON.stringify(said)], { type: "application/json" }));
  }
  visit = null;
}

// Another image on the screen, or none.
function follow() {
  const editor = inSight();
  const [image] = (editor && /[0-9a-f]{64}/.exec(editor.doc.head.image.url)) || [null];
  if (image === (visit && visit.image)) return;
  leave();
  if (image) visit = begin(image);
}

function worked(event) {
  if (!visit || !inSight()) return;
  active();
  if (event.type === "keydown" && !event.repeat) visit.keys += 1;
  if (event.type === "pointerdown") {
    visit.moves += 1;
    pressed = [event.clientX, event.clientY];
  }
  if (event.type === "pointerup" && pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > SLIP) visit.moves += 1;
}

let asked = false;

export const watchEffort = async () => {
  if (asked) return;
  asked = true;
  const answer = await fetch(WHERE).catch(() => null);
  if (!answer || !answer.ok || !(await answer.json()).on) return;
  for (const type of ["keydown", "pointerdown", "pointerup", "pointermove", "wheel"]) document.addEventListener(type, worked, { capture: true, passive: true });
  document.addEventListener("pdc-document", follow);
  window.addEventListener("pagehide", leave);
  follow();
};
