// The panel of the counting area: the ways to set it, its size in words, and what ends it.

import { html, text } from "./core.js";
import { shapeOf } from "./counting.js";
import { t } from "./words.js";

export const MICRO = 1000; // micrometres in a millimetre
const PARTS = [["360", "the whole dish"], ["180", "a half"], ["90", "a quarter"], ["45", "an eighth"]];
const ASK = ["Click a corner of the grid, on its lines.", "Click the corner along one side.", "Click the corner along the next side."];
const number = (value) => Number(value.toPrecision(3)).toString();
const volume = (ul) => (ul < 0.1 ? `${number(ul * 1000)} nL` : `${number(ul)} µL`);
const press = (words, title, run) => html("button", { type: "button", class: "pda-close", title, on: { click: run } }, words);
const line = (words, input) => html("label", { class: "pda-area-line" }, html("span", {}, words), input);

// Pixels of the image under a shape.
export const pixelsOf = (shape, { width, height }) => {
  if (shape.kind === "rectangle") return shape.width * shape.height;
  if (shape.kind === "disc") return (Math.PI * shape.radius ** 2 * (shape.span || 360)) / 360;
  if (shape.kind !== "polygon") return width * height;
  const next = (at) => shape.corners[(at + 1) % shape.corners.length];
  return Math.abs(shape.corners.reduce((sum, [x, y], at) => sum + x * next(at)[1] - next(at)[0] * y, 0)) / 2;
};

export class AreaPanel {
  constructor(area) {
    this.area = area;
    this.findGrid = press("Find the grid", "Look for the lines of the chamber in the image", () => void area.find("grid"));
    this.clicks = press("Three clicks", "Set three corners of squares on the lines of the chamber", () => area.ask("corners"));
    this.ways = html("div", { class: "pda-area-ways", role: "group", "aria-label": "Set the area" }, this.findGrid, this.clicks,
      press("Rectangle", "A rectangle to drag to size", () => area.rectangle()),
      press("Polygon", "Click its corners, and the first one again", () => area.ask("polygon")),
      press("Dish", "Find the rim of a dish, or the edge of a round field", () => void area.find("dish")),
      press("Whole image", "Count the whole image", () => area.whole()));
    this.buildSizes();
    this.aside = press("⇄", "Move this panel to the other side", () => this.root.toggleAttribute("data-right"));
    this.aside.setAttribute("aria-label", this.aside.title);
    this.said = html("p", { class: "pda-area-said", role: "status" });
    this.same = html("input", { type: "checkbox" });
    this.undo = press("Undo", "Undo the last change of the area (Ctrl Z)", () => area.undo());
    this.use = html("button", { type: "button", class: "pda-close pda-area-use", on: { click: () => void area.keep() } }, "Use it");
    this.root = html("div", { class: "pda-area", role: "group", "aria-label": "Counting area", "data-overlay": "", hidden: "" },
      html("div", { class: "pda-area-head" }, html("strong", {}, "Counting area"), this.aside), this.ways, this.between, this.parts, this.microLine, this.squaresLine, this.said,
      html("label", { class: "pda-area-same" }, this.same, html("span", {}, "the same for all fields of this replicate")),
      html("div", { class: "pda-area-end" }, this.undo, press("Cancel", "Leave the area as it was (Esc)", () => area.toggle(false)), this.use));
    this.told = [];
  }

  buildSizes() {
    const { area } = this;
    const count = (words) => html("input", { type: "number", min: 1, max: 99, value: 4, "aria-label": words });
    this.across = count("Squares along the first side");
    this.down = count("Squares along the next side");
    this.between = html("div", { class: "pda-area-line", hidden: "" }, html("span", {}, "Squares between the corners"), this.across, html("span", { translate: "no" }, "×"), this.down);
    this.part = html("select", { "aria-label": "Counted", on: { change: () => area.sector(Number(this.part.value)) } }, ...PARTS.map(([value, words]) => html("option", { value }, words)));
    this.parts = line("Counted", this.part);
    this.micro = html("input", { type: "number", min: 0, step: "any", on: { change: () => area.typed("mm_per_pixel", Number(this.micro.value) / MICRO) } });
    this.squares = html("input", { type: "number", min: 1, step: 1, on: { change: () => area.typed("squares", Math.round(Number(this.squares.value))) } });
    this.microLine = line("Micrometres per pixel", this.micro);
    this.squaresLine = line("Squares of the chamber", this.squares);
  }

  // A sentence that stays until the area is changed.
  say(words) { text(this.said, words); }

  render() {
    const { on, counted, shape, chamber, wants, places, past } = this.area;
    this.root.hidden = !on;
    if (!on) return;
    this.findGrid.hidden = !chamber || !chamber.found;
    this.clicks.hidden = this.squaresLine.hidden = !chamber;
    this.between.hidden = wants !== "corners";
    this.parts.hidden = shape.kind !== "disc";
    if (shape.kind === "disc") this.part.value = String(shape.span || 360);
    this.show(this.micro, counted && counted.mm_per_pixel ? number(counted.mm_per_pixel * MICRO) : "");
    this.show(this.squares, counted && counted.squares ? String(counted.squares) : "");
    this.undo.disabled = !past.length && !wants;
    this.use.disabled = Boolean(wants);
    const told = [counted, chamber, wants, places && places.length];
    if (told.some((each, at) => each !== this.told[at])) this.say(this.words());
    this.told = told;
  }

  show(input, value) {
    if (document.activeElement !== input && input.value !== value) input.value = value;
  }

  // What the next click is, or how large the area is and how that is known.
  words() {
    const { counted, chamber, wants, places } = this.area;
    if (wants === "corners") return t(ASK[Math.min(places.length, 2)]);
    if (wants === "polygon") return t(places.length > 2 ? "Click the next corner; click the first one to close it." : "Click the corners of the polygon.");
    const known = this.mm2();
    if (known === null) return t(chamber ? "No size is known, so the result gets no unit. Find the grid, or set it by three clicks." : "No size is known, so the result gets no unit. Type the size of a pixel.");
    const size = { mm2: number(known), source: t(counted.source) };
    if (!chamber) return t("{mm2} mm²; {source}.", size);
    const liquid = { ...size, volume: volume(known * chamber.depth_mm) };
    return counted.squares ? t("{n} squares, {mm2} mm², {volume}; {source}.", { n: counted.squares, ...liquid }) : t("{mm2} mm², {volume}; {source}.", liquid);
  }

  mm2() {
    const { counted, chamber, doc } = this.area;
    const { mm_per_pixel, squares } = counted || {};
    if (squares && chamber) return squares * chamber.width_mm * chamber.height_mm;
    return mm_per_pixel ? pixelsOf(shapeOf(counted), doc.size) * mm_per_pixel ** 2 : null;
  }
}
