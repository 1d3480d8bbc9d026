// Window, level and channel of an image whose file holds more than its picture. They change what the screen shows and nothing
// else: marks, question and what the model sees stay.

import { clamp, html, text } from "./core.js";
import { Plane } from "./numbers.js";
import { t } from "./words.js";

const STEPS = 1000; // of a slider
const COLOURS = ["Red", "Green", "Blue"];

export class Deep {
  // `sight` gives the part of the image that is in sight, [x1, y1, x2, y2]; `changed` is told of every change of what is shown.
  constructor(picture, { sight, changed }) {
    this.picture = picture;
    this.sight = sight;
    this.changed = changed;
    this.level = this.slider("Level", () => this.slide());
    this.width = this.slider("Window", () => this.slide());
    this.channel = html("select", { "aria-label": "Channel", on: { change: () => this.choose() } });
    this.channelRow = html("label", {}, html("span", {}, "Channel"), this.channel);
    this.saw = html("p", { class: "pda-deep-saw" });
    this.now = html("p", { class: "pda-deep-now", role: "status" });
    const push = (words, title, run) => html("button", { type: "button", class: "pda-close", title, on: { click: run } }, words);
    this.root = html("div", { class: "pda-deep", role: "group", "aria-label": "Window and level", hidden: "" }, this.saw,
      this.channelRow, html("label", {}, html("span", {}, "Level"), this.level), html("label", {}, html("span", {}, "Window"), this.width),
      this.now, html("div", { class: "pda-deep-buttons" }, push("Auto", "by what is in sight", () => this.auto()),
        push("As the model saw it", "back to the stored picture (Y)", () => this.model())));
    this.open(null);
  }

  slider(name, run) {
    return html("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": name, on: { input: run } });
  }

  // Another image, shown as the model saw it; null when none is open.
  open(image) {
    this.image = image;
    this.view = (image && image.view) || null;
    this.planes = new Map();
    this.plane = null;
    this.own = null; // {low, high} of the reader's own window, or null
    this.last = null;
    this.drop();
    this.root.hidden = !this.view;
    this.place(); // a slider that is moved before the numbers are here would show nothing
    if (this.view) this.offer();
  }

  offer() {
    const { view } = this;
    const channels = view.channel === null ? COLOURS : Array.from({ length: view.channels }, (_, i) => t("Channel {n}", { n: i + 1 }));
    const option = (value, words) => html("option", { value }, words);
    this.channel.replaceChildren(...(view.channel === null ? [option("all", "All colours")] : []), ...channels.map((words, i) => option(i, words)));
    this.channel.value = this.modelChannel;
    this.channelRow.hidden = view.channels < 2;
    text(this.saw, this.sawWords());
    this.tell();
  }

  get modelChannel() { return this.view.channel === null ? "all" : String(this.view.channel); }

  sawWords() {
    const { low, high, white, channel, channels } = this.view;
    const values = { low: shortly(low), high: shortly(high), white };
    const seen = white === null ? t("The model saw brightness {low} to {high}.", values) : t("The model saw brightness {low} to {high} of {white}.", values);
    return channel === null || channels < 2 ? seen : `${t("The model saw channel {n} of {all}.", { n: channel + 1, all: channels })} ${seen}`;
  }

  // The numbers of the chosen channel; null when another image was opened meanwhile, or they cannot be had.
  async load() {
    const { image, view, planes } = this;
    const channel = this.channel.value;
    if (!view) return null;
    if (!planes.has(channel)) planes.set(channel, Plane.load(`${view.url}/${channel}`, image));
    try {
      const plane = await planes.get(channel);
      if (image !== this.image || channel !== this.channel.value) return null;
      if (plane !== this.plane) this.take(plane);
      return plane;
    } catch (error) {
      planes.delete(channel);
      if (image === this.image) text(this.now, error.message || t("The numbers of this image could not be loaded; try again."));
      return null;
    }
  }

  // What the sliders reach: three widths of what is there around it, and as wide as everything.
  take(plane) {
    const [least, low, high, greatest] = plane.spread([0, 0, plane.width, plane.height]);
    const span = Math.max(high - low, plane.step);
    this.plane = plane;
    this.reach = [Math.max(least, low - 3 * span), Math.min(greatest, high + 3 * span)];
    this.widths = [Math.max(span / 200, plane.step), Math.max(greatest - least, 2 * plane.step)];
    this.place();
  }

  async choose() {
    this.own = null;
    if (this.channel.value === this.modelChannel) return this.model();
    await this.auto([0, 0, this.image.width, this.image.height]);
  }

  // From the 0.1st to the 99.9th percentile of what is in sight.
  async auto(part = this.sight()) {
    const plane = await this.load();
    if (!plane) return;
    const [least, low, high, greatest] = plane.spread(part);
    this.show(high > low ? { low, high } : { low: least, high: greatest > least ? greatest : least + plane.step });
  }

  slide() {
    if (!this.plane) return;
    const [from, to] = this.reach;
    const [narrow, wide] = this.widths;
    const level = from + ((to - from) * Number(this.level.value)) / STEPS;
    const width = narrow * (wide / narrow) ** (Number(this.width.value) / STEPS);
    this.show({ low: level - width / 2, high: level + width / 2 }, false);
  }

  // As the model saw it: the stored picture.
  model() {
    if (!this.view) return;
    if (this.own) this.last = { ...this.own, channel: this.channel.value };
    this.own = null;
    this.channel.value = this.modelChannel;
    this.drop();
    this.picture.put(null);
    this.place();
    this.load();
    this.tell();
  }

  // Between the reader's own window and what the model saw.
  async toggle() {
    if (!this.view) return false;
    if (this.own) return this.model();
    if (!this.last) return this.auto();
    this.channel.value = this.last.channel;
    if (await this.load()) this.show(this.last);
    return true;
  }

  show({ low, high }, place = true) {
    this.own = { low, high };
    if (place) this.place();
    this.draw();
    this.tell();
  }

  // One picture at a time: while one is being shown, the next waits for it.
  draw() {
    if (this.drawing) {
      this.again = true;
      return;
    }
    const { img } = this.picture;
    const old = this.blob;
    this.drawing = true;
    this.again = false;
    const ready = () => {
      for (const event of ["load", "error"]) img.removeEventListener(event, ready);
      if (old) URL.revokeObjectURL(old);
      this.drawing = false;
      if (this.again && this.own) this.draw();
    };
    for (const event of ["load", "error"]) img.addEventListener(event, ready);
    this.blob = URL.createObjectURL(this.plane.picture(this.own.low, this.own.high));
    this.picture.put(this.blob);
  }

  drop() {
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = null;
    this.again = false;
  }

  place() {
    this.level.disabled = this.width.disabled = !this.plane;
    if (!this.plane) return;
    const { low, high } = this.own || this.view;
    const [from, to] = this.reach;
    const [narrow, wide] = this.widths;
    this.level.value = String(clamp((((low + high) / 2 - from) / (to - from || 1)) * STEPS, 0, STEPS));
    this.width.value = String(clamp((Math.log(Math.max(high - low, narrow) / narrow) / Math.log(wide / narrow)) * STEPS, 0, STEPS));
  }

  tell() {
    const { own } = this;
    text(this.now, own ? t("Shown here: {low} to {high}.", { low: shortly(own.low), high: shortly(own.high) }) : "");
    this.changed();
  }
}

const shortly = (value) => String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
