// Auto brightness: a dark or a flat grey picture is stretched for the screen, so that what is in it can be seen. Nothing else
// changes: the stored picture, the marks and what the model sees are as they were.

import { clamp } from "./core.js";

const SIDE = 256; // pixels of the picture that are looked at
const DARK = { most: 48, bright: 128 }; // half of the picture is below `most`, and hardly anything reaches `bright`
const FLAT = { colour: 12, span: 100 }; // without colour, and hardly anything is further apart than this
const NOTHING = 6; // levels: less is noise
const SHOWN = 0.35; // of full brightness: what the brightest twentieth of a dark picture becomes at least
const GAMMA = 0.5; // no less than this, or noise comes up
const KEY = "pdc-auto-brightness";

// The levels that these shares of the numbers stay below.
const levels = (counts, shares) => {
  const n = counts.reduce((sum, c) => sum + c, 0);
  return shares.map((share) => {
    let [at, seen] = [0, counts[0]];
    while (seen < share * n && at < 255) seen += counts[(at += 1)];
    return at;
  });
};

// {slope, intercept, exponent} of a picture that needs it, on brightness from 0 to 1; null for one that shows well as it is.
export const stretch = (rgba) => {
  const [lows, highs, colours] = [0, 1, 2].map(() => new Uint32Array(256));
  for (let at = 0; at < rgba.length; at += 4) {
    const [r, g, b] = [rgba[at], rgba[at + 1], rgba[at + 2]];
    const [low, high] = [Math.min(r, g, b), Math.max(r, g, b)];
    lows[low] += 1;
    highs[high] += 1;
    colours[high - low] += 1;
  }
  const [low] = levels(lows, [0.005]);
  const [half, object, bright, high] = levels(highs, [0.5, 0.95, 0.98, 0.998]);
  const [colour] = levels(colours, [0.5]);
  const dark = half < DARK.most && bright < DARK.bright;
  const flat = colour < FLAT.colour && bright - low < FLAT.span;
  if (!(dark || flat) || high - low < NOTHING) return null;
  const reached = clamp((object - low) / (high - low), 0.01, 0.99);
  const exponent = dark ? clamp(Math.log(SHOWN) / Math.log(reached), GAMMA, 1) : 1;
  return { slope: 255 / (high - low), intercept: -low / (high - low), exponent };
};

const storage = () => {
  try {
    return window.localStorage;
  } catch (blocked) {
    return null;
  }
};

const pixels = (img) => {
  const scale = Math.min(1, SIDE / Math.max(img.naturalWidth, img.naturalHeight));
  const [width, height] = [img.naturalWidth, img.naturalHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const drawn = canvas.getContext("2d");
  drawn.drawImage(img, 0, 0, width, height);
  return drawn.getImageData(0, 0, width, height).data;
};

export class Auto {
  // `changed` is told whenever the picture is to be shown otherwise.
  constructor(img, changed) {
    this.found = null;
    this.on = !storage() || storage().getItem(KEY) !== "off";
    this.seen = false; // the reader looks at the stored picture for a moment
    img.addEventListener("load", () => {
      this.found = img.naturalWidth ? stretch(pixels(img)) : null;
      this.seen = false;
      changed();
    });
    this.changed = changed;
  }

  // What is in force for the picture on the screen, or null.
  get now() { return this.on && !this.seen ? this.found : null; }

  // Remembered for every image of this browser.
  turn(on) {
    this.on = on;
    this.seen = false;
    if (storage()) storage().setItem(KEY, on ? "on" : "off");
    this.changed();
  }

  // Between this picture as it is stored, which is what the model saw, and as it shows well. False where both are one.
  compare() {
    if (!this.found) return false;
    this.seen = this.on && !this.seen;
    this.on = true;
    this.changed();
    return true;
  }
}
