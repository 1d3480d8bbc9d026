// The counting area of a field: found, clicked, drawn or typed, and then dragged. What is tried out is drawn and counted at once;
// it is kept when the reader says so. Every change is a step, undone while the panel is open.

import { AreaPanel } from "./area_panel.js";
import { grips, moved, pitchOf, rectangleOf, squaresIn, wholeImage } from "./area_shapes.js";
import { html, set, svg } from "./core.js";
import { field, shapeOf } from "./counting.js";
import { t } from "./words.js";

const REACH = 12; // pixels of the screen around a handle
const CLOSE = 10; // pixels of the screen: a click so near the first corner closes a polygon
const [TYPED, FILE] = ["typed by the reader", "pixel size of the file"]; // sources, as in area.py

export class Area {
  constructor(editor) {
    this.editor = editor;
    this.on = false;
    this.known = null; // of the open field: chamber, pixel size of the file, replicate
    this.of = null;
    this.kept = null; // the area as it was when the panel opened
    this.past = [];
    this.places = null; // clicked so far, while places are asked for
    this.wants = null; // "corners" or "polygon" while places are asked for
    this.drag = null;
    this.build();
  }

  build() {
    this.panel = new AreaPanel(this);
    this.root = this.panel.root;
    this.button = html("button", { type: "button", class: "pda-close", title: "What of the image is counted, and how large it is (Shift B)", on: { click: () => this.toggle() } }, "Counting area");
    this.drawn = svg("g", { class: "pda-area-grips", "aria-hidden": "true" });
    const { stage } = this.editor;
    stage.append(this.root);
    stage.addEventListener("pointerdown", (event) => this.pressed(event), true);
    stage.addEventListener("pointermove", (event) => this.moved(event), true);
    stage.addEventListener("pointerup", (event) => this.released(event), true);
    stage.addEventListener("pointercancel", () => this.drop(), true);
  }

  get doc() { return this.editor.doc; }
  get counting() { return this.doc.open ? field(this.doc) : null; }
  get counted() { return this.counting && this.counting.area; }
  get chamber() { return this.known && this.known.chamber; }
  get shape() { return shapeOf(this.counted); }

  // Where the server knows of this image; nothing where it is not one of its own.
  get url() {
    const found = this.doc.open && /^(.*)images\/([0-9a-f]{64})\.png/.exec(this.doc.head.image.url);
    return found && `${found[1]}api/area/${found[2]}`;
  }

  toggle(on = !this.on) {
    if (on && (!this.counting || !this.url || this.doc.readonly)) return false;
    if (!on && this.on) this.put(this.kept);
    this.open(on);
    return true;
  }

  open(on) {
    const { counting } = this;
    this.on = on;
    this.of = on ? this.doc.head.case : null;
    this.stop();
    this.past = [];
    if (!on) {
      this.editor.render();
      return this.editor.focus();
    }
    [this.kept, this.known, this.now] = [counting.area, null, counting.area];
    this.panel.say("");
    this.editor.fit.say("");
    void this.learn();
    this.editor.render();
    this.panel.ways.querySelector("button").focus();
  }

  // Closes what is open here; false when nothing is.
  escape() {
    if (!this.on) return false;
    if (this.wants) this.stop();
    else this.toggle(false);
    this.editor.render();
    return true;
  }

  // Enter keeps the area, and does not go on to the next image.
  claims(event, key) {
    return this.on && key === "enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
  }

  press(event, key) {
    if (!this.claims(event, key) || event.target.closest("button, a, summary")) return undefined;
    if (!this.wants) void this.keep();
    return true;
  }

  stop() {
    this.wants = this.places = this.drag = null;
  }

  async learn() {
    const { of } = this;
    const known = await this.fetch(`?session=${encodeURIComponent(this.counting.session)}`);
    if (of !== this.of) return;
    this.known = known;
    if (known && known.mm_per_pixel && !this.counted) this.put({ ...wholeImage(this.doc.size), ...this.size() });
    this.render();
  }

  // What the server answers; a sentence of its own is shown, and nothing comes back.
  async fetch(path, body) {
    try {
      const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : undefined;
      const answer = await fetch(`${this.url}${path}`, options);
      const told = await answer.json();
      if (answer.ok) return told;
      this.panel.say(told.error || t("The server did not answer; try again."));
    } catch {
      this.panel.say(t("The server did not answer; try again."));
    }
    return null;
  }

  // Put an area on the screen; what is counted follows. Not a step.
  put(area) {
    this.now = area;
    this.doc.head.counting = { ...this.doc.head.counting, area };
    this.editor.render();
  }

  // Put an area on the screen as a step.
  change(area) {
    this.past.push(this.counted);
    this.put(area);
  }

  undo() {
    if (!this.on) return false;
    if (this.wants) this.stop();
    else if (this.past.length) this.put(this.past.pop());
    this.editor.render();
    return true;
  }

  // What is known of the size goes on with another shape; the number of squares does not.
  size() {
    const { mm_per_pixel, source, chamber } = this.counted || {};
    if (mm_per_pixel) return { mm_per_pixel, source, ...(chamber ? { chamber } : {}) };
    const file = this.known && this.known.mm_per_pixel;
    return file ? { mm_per_pixel: file, source: FILE } : { source: "none" };
  }

  whole() {
    this.stop();
    this.change({ ...wholeImage(this.doc.size), ...this.size() });
  }

  rectangle() {
    this.stop();
    this.change({ shape: rectangleOf(this.shape, this.doc.size), ...this.size() });
  }

  async find(what, more = {}) {
    const { of } = this;
    this.stop();
    this.editor.render();
    this.panel.say(t("Looking…"));
    const told = await this.fetch("/found", { session: this.counting.session, what, ...more });
    if (of !== this.of || !told) return;
    const { width, height } = this.doc.size;
    const round = { shape: { kind: "disc", x: width / 2, y: height / 2, radius: Math.min(width, height) * 0.45, start: 0, span: 360 }, ...this.size() };
    if (told.area) this.change(told.area);
    else if (what === "dish") this.change(round);
    if (told.said) this.panel.say(told.said);
  }

  ask(what) {
    this.wants = what;
    this.places = [];
    this.editor.render();
  }

  sector(span) {
    this.change({ ...this.counted, ...this.size(), shape: { ...this.shape, start: span === 360 ? 0 : 270, span } });
  }

  typed(name, value) {
    const rest = { ...(this.counted || wholeImage(this.doc.size)) };
    for (const known of ["mm_per_pixel", "squares", "source"]) delete rest[known];
    if (!(value > 0)) return this.change({ ...rest, source: "none" });
    const chamber = name === "squares" ? { chamber: this.chamber.name } : {};
    return this.change({ ...rest, ...chamber, [name]: value, source: TYPED });
  }

  async keep() {
    const { of } = this;
    const told = await this.fetch("", { session: this.counting.session, area: this.counted, same: this.panel.same.checked });
    if (of !== this.of || !told) return;
    this.kept = told.area;
    this.put(told.area);
    this.open(false);
    this.editor.fit.say(t("The counting area is kept"));
    void this.editor.running.refresh();
  }

  // The pointer, before it reaches the marks.

  /** @returns {[number, number]} */
  place(event) { return this.editor.view.toImage(event.clientX, event.clientY); }
  near([x, y], [u, v], reach) { return Math.hypot(x - u, y - v) * this.editor.view.scale <= reach; }

  pressed(event) {
    if (!this.on || event.button !== 0 || this.editor.pointer.panKey || event.target.closest("[data-overlay]")) return;
    const place = this.place(event);
    const grip = this.wants ? null : grips(this.shape, this.editor.view.scale).find(({ at }) => this.near(place, at, REACH));
    if (!this.wants && !grip) return;
    event.stopPropagation();
    event.preventDefault();
    if (this.wants) return this.placed(place);
    this.drag = { grip, from: this.counted, shape: this.shape, id: event.pointerId };
    this.editor.stage.setPointerCapture(event.pointerId);
  }

  moved(event) {
    if (!this.drag || event.pointerId !== this.drag.id) return;
    event.stopPropagation();
    const { shape, grip, from } = this.drag;
    const pitch = pitchOf(from, this.chamber);
    const next = moved(shape, grip.name, this.place(event), pitch);
    this.put({ ...from, shape: next, ...(pitch ? { squares: squaresIn(next, pitch) } : {}) });
  }

  released(event) {
    if (!this.drag || event.pointerId !== this.drag.id) return;
    event.stopPropagation();
    const { from } = this.drag;
    this.drag = null;
    if (this.counted !== from) this.past.push(from);
    this.editor.render();
  }

  drop() {
    if (!this.drag) return;
    this.put(this.drag.from);
    this.drag = null;
  }

  placed(place) {
    const { places, wants } = this;
    const closes = wants === "polygon" && places.length > 2 && this.near(place, places[0], CLOSE);
    if (!closes) places.push(place);
    if (closes) {
      this.stop();
      this.change({ shape: { kind: "polygon", corners: places }, ...this.size() });
    } else if (wants === "corners" && places.length === 3) {
      void this.find("corners", { corners: places, squares: [this.panel.across, this.panel.down].map((input) => Number(input.value) || 1) });
    }
    this.editor.render();
  }

  // The screen.

  render() {
    if (this.on && (!this.doc.open || this.of !== this.doc.head.case || !this.counting)) this.left();
    if (this.on && this.counted !== this.now) return this.put(this.now); // a value from the server holds what is kept
    this.button.setAttribute("aria-expanded", String(this.on));
    this.button.disabled = this.doc.readonly || !this.url;
    this.editor.root.toggleAttribute("data-area", this.on);
    this.editor.root.toggleAttribute("data-area-drag", Boolean(this.drag));
    this.panel.render();
    this.draw();
  }

  // Another image came while the panel was open.
  left() {
    this.on = false;
    this.stop();
    if (this.past.length && this.doc.open) this.editor.fit.say(t("The counting area of the image before was not kept: press Use it before you go on"));
  }

  // The handles, above the marks.
  draw() {
    const { canvas, view } = this.editor;
    if (this.on && canvas.lastElementChild !== this.drawn) canvas.append(this.drawn);
    /** @type {{ at: any, name: string }[]} */
    const clicked = this.wants && this.places.map((at) => ({ at, name: "place" }));
    const places = this.on ? clicked || grips(this.shape, view.scale) : [];
    while (this.drawn.children.length > places.length) this.drawn.lastElementChild.remove();
    while (this.drawn.children.length < places.length) this.drawn.append(svg("path", { class: "pda-area-grip" }));
    for (const [at, { at: [x, y], name }] of places.entries()) {
      set(this.drawn.children[at], "d", `M${x} ${y}h0`);
      set(this.drawn.children[at], "data-grip", name);
    }
  }
}
