// Aids that follow the pointer: a crosshair over the whole stage, and a loupe in the corner away from the pointer.

import { html, svg } from "./core.js";
import { Ink } from "./ink.js";
import * as shapes from "./shapes.js";

const SIDE = 208; // screen pixels, at most; less on a small stage
const POWER = 3; // how much larger than on the stage

export class Lens {
  constructor(editor) {
    this.editor = editor;
    this.cross = false;
    this.loupe = false;
    this.place = null;
    this.across = html("i", { class: "pda-cross", "data-axis": "x" });
    this.down = html("i", { class: "pda-cross", "data-axis": "y" });
    this.picture = html("img", { class: "pda-glass-picture", alt: "", draggable: "false" });
    this.ink = new Ink("pda-ink");
    this.marks = svg("svg", { class: "pda-glass-marks" }, this.ink.root);
    this.glass = html("div", { class: "pda-loupe" }, this.marks);
    this.root = html("div", { class: "pda-lens", "aria-hidden": "true" }, this.across, this.down, this.glass);
    const { stage } = editor;
    stage.addEventListener("pointermove", (event) => this.follow(event));
    stage.addEventListener("pointerleave", () => this.leave());
  }

  toggle(which) {
    this[which] = !this[which];
    this.editor.render();
  }

  follow({ clientX, clientY }) {
    const rect = this.editor.stage.getBoundingClientRect();
    this.place = [clientX - rect.left, clientY - rect.top];
    if (this.cross || this.loupe) this.render();
  }

  leave() {
    this.place = null;
    this.render();
  }

  render() {
    const shown = this.place !== null && this.editor.doc.open;
    for (const node of [this.across, this.down]) node.hidden = !(shown && this.cross);
    this.glass.hidden = !(shown && this.loupe);
    if (!this.glass.hidden && !this.picture.isConnected) this.glass.prepend(this.picture);
    if (!shown) return;
    const [x, y] = this.place;
    this.across.style.transform = `translateY(${Math.round(y)}px)`;
    this.down.style.transform = `translateX(${Math.round(x)}px)`;
    if (this.loupe) this.magnify(x, y);
  }

  magnify(x, y) {
    const { view, picture, root } = this.editor;
    const scale = view.scale * POWER;
    const [cx, cy] = [view.x + x / view.scale, view.y + y / view.scale];
    const wide = Math.min(SIDE, Math.round(Math.min(view.width, view.height) * 0.4));
    const [left, top] = [cx - wide / 2 / scale, cy - wide / 2 / scale];
    this.glass.style.width = this.glass.style.height = `${wide}px`;
    this.glass.toggleAttribute("data-left", x > view.width - wide - 40 && y < wide + 40);
    if (this.picture.getAttribute("src") !== picture.getAttribute("src")) this.picture.setAttribute("src", picture.getAttribute("src") || "");
    Object.assign(this.picture.style, {
      width: picture.style.width, height: picture.style.height, filter: picture.style.filter,
      imageRendering: scale >= 6 ? "pixelated" : "auto", transform: `matrix(${scale},0,0,${scale},${-left * scale},${-top * scale})`,
    });
    const side = wide / scale;
    this.marks.setAttribute("viewBox", `${left} ${top} ${side} ${side}`);
    this.ink.draw(root.hasAttribute("data-hidden") ? [] : this.inside([left, top, left + side, top + side]), this.editor.doc.labels);
  }

  inside([x1, y1, x2, y2]) {
    return this.editor.doc.shown.filter((mark) => {
      const b = shapes.bounds(mark);
      return b[2] >= x1 && b[0] <= x2 && b[3] >= y1 && b[1] <= y2 && mark.status !== "rejected";
    });
  }
}
