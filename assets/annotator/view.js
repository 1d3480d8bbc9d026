// The viewport: which part of the image is on the screen, and how large. The only place where screen pixels become image pixels.

import { clamp } from "./core.js";

const MARGIN = 10;
const MAX_SCALE = 40;
const LEGIBLE = 1 / 10; // of the stage: a mark this large is judged without zooming

export class View {
  constructor(stage, picture, svg, onChange) {
    this.stage = stage;
    this.picture = picture;
    this.svg = svg;
    this.onChange = onChange;
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.fitted = true;
    this.size = { width: 1, height: 1 };
    this.measure();
    new ResizeObserver(() => this.resized()).observe(stage);
  }

  measure() {
    this.width = this.stage.clientWidth || 1;
    this.height = this.stage.clientHeight || 1;
  }

  resized() {
    const middle = this.middle();
    this.measure();
    if (this.fitted) this.fit();
    else this.centre(...middle, this.scale);
  }

  open(size) {
    this.size = { width: size.width, height: size.height };
    this.measure();
    this.fit();
  }

  fitScale() {
    const room = (side) => Math.max(side - 2 * MARGIN, 20);
    return Math.min(room(this.width) / this.size.width, room(this.height) / this.size.height);
  }

  fit() {
    this.centre(this.size.width / 2, this.size.height / 2, this.fitScale());
    this.fitted = true;
  }

  // The part of the image that is in sight: [x1, y1, x2, y2] in its pixels, which may lie outside.
  sight() { return [this.x, this.y, this.x + this.width / this.scale, this.y + this.height / this.scale]; }

  // Whether all of the image is in sight.
  get whole() { return this.holds([0, 0, this.size.width, this.size.height]); }

  middle() { return [this.x + this.width / this.scale / 2, this.y + this.height / this.scale / 2]; }

  // Put the image place (cx, cy) in the middle of the stage at `scale` screen pixels per image pixel.
  centre(cx, cy, scale) {
    const fit = this.fitScale();
    this.scale = clamp(scale, fit / 2, Math.max(MAX_SCALE, fit));
    this.x = clamp(cx, 0, this.size.width) - this.width / this.scale / 2;
    this.y = clamp(cy, 0, this.size.height) - this.height / this.scale / 2;
    this.fitted = false;
    this.apply();
  }

  apply() {
    const { x, y, scale } = this;
    this.svg.setAttribute("viewBox", `${x} ${y} ${this.width / scale} ${this.height / scale}`);
    this.picture.style.transform = `matrix(${scale},0,0,${scale},${-x * scale},${-y * scale})`;
    this.picture.style.imageRendering = scale >= 6 ? "pixelated" : "auto";
    this.onChange();
  }

  toImage(clientX, clientY) {
    const rect = this.svg.getBoundingClientRect();
    return [(clientX - rect.left) / this.scale + this.x, (clientY - rect.top) / this.scale + this.y];
  }

  // Image place -> pixels from the stage's top left corner.
  toStage(ix, iy) { return [(ix - this.x) * this.scale, (iy - this.y) * this.scale]; }

  // Zoom so that the image place under the pointer stays there.
  zoomAt(clientX, clientY, factor) {
    const [ix, iy] = this.toImage(clientX, clientY);
    const fit = this.fitScale();
    const scale = clamp(this.scale * factor, fit / 2, Math.max(MAX_SCALE, fit));
    const [cx, cy] = this.middle();
    const keep = this.scale / scale;
    this.centre(ix + (cx - ix) * keep, iy + (cy - iy) * keep, scale);
  }

  zoom(factor) { this.centre(...this.middle(), this.scale * factor); }

  pan(dx, dy) {
    const [cx, cy] = this.middle();
    this.centre(cx - dx / this.scale, cy - dy / this.scale, this.scale);
  }

  // As `centre`, but no further than the image goes: nothing beside it comes into sight while it fills the stage.
  centreInside(cx, cy, scale) {
    const within = (c, side, room) => (side * scale <= room ? side / 2 : clamp(c, room / scale / 2, side - room / scale / 2));
    this.centre(within(cx, this.size.width, this.width - 2 * MARGIN), within(cy, this.size.height, this.height - 2 * MARGIN), scale);
  }

  // Whether all of it is in sight.
  holds([x1, y1, x2, y2]) {
    const [left, top, right, bottom] = this.sight();
    return x1 >= left && y1 >= top && x2 <= right && y2 <= bottom;
  }

  // Bring bounds into sight: when zoomed in, to the middle; when all is in sight, nothing moves.
  show(bounds) {
    if (!this.fitted) this.centreInside((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, this.scale);
  }

  // A mark to be judged. One that is in sight and large enough is left where it is; one that is too small, or larger than half of
  // the stage, becomes a quarter of it.
  visit(bounds) {
    const least = Math.min(this.size.width, this.size.height) / 16;
    const side = Math.max(bounds[2] - bounds[0], bounds[3] - bounds[1], least);
    const room = Math.min(this.width, this.height);
    const share = (side * this.scale) / room;
    const legible = share >= LEGIBLE && (this.fitted || share <= 1 / 2);
    if (legible && this.holds(bounds)) return;
    const scale = legible ? this.scale : room / (4 * side);
    if (scale <= this.fitScale()) this.fit();
    else this.centreInside((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, scale);
  }

  // Zoom to bounds, so that they fill about a third of the stage.
  zoomTo(bounds) {
    const side = Math.max(bounds[2] - bounds[0], bounds[3] - bounds[1], 8);
    const scale = Math.min(this.width, this.height) / (3 * side);
    this.centreInside((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, Math.max(scale, this.fitScale()));
  }
}
