// How the picture is shown: brightness, contrast, gamma, invert, and of more than 8 bits the window (deep.js). The stored image
// and the marks are never touched.

import { Auto } from "./auto.js";
import { html, set, svg } from "./core.js";
import { t } from "./words.js";

const PLAIN = { brightness: 1, contrast: 1, gamma: 1, invert: false };

export class Adjust {
  // `changed` is told when the picture is shown otherwise.
  constructor(picture, deep, changed) {
    this.picture = picture;
    this.deep = deep;
    this.changed = changed;
    this.id = `pdc-gamma-${Math.random().toString(36).slice(2)}`;
    const [linear, auto, own] = ["linear", "gamma", "gamma"].map((type) => ["R", "G", "B"].map((c) => svg(`feFunc${c}`, { type })));
    this.functions = { linear, auto, own };
    this.defs = svg("svg", { class: "pda-defs", "aria-hidden": "true" },
      svg("filter", { id: this.id, "color-interpolation-filters": "sRGB" }, ...[linear, auto, own].map((each) => svg("feComponentTransfer", {}, ...each))));
    this.inputs = {};
    this.root = html("div", { class: "pda-adjust", role: "group", "aria-label": "How the image is shown", "data-overlay": "", hidden: "" },
      deep.root, this.switch("auto", "Auto", (on) => this.auto.turn(on)), this.slider("brightness", "Brightness", 0.2, 3), this.slider("contrast", "Contrast", 0.2, 3),
      this.slider("gamma", "Gamma", 0.3, 3), this.switch("invert", "Invert", (on) => this.show({ ...this.now, invert: on })),
      html("button", { type: "button", class: "pda-close", on: { click: () => this.stored() } }, "As stored"));
    this.now = { ...PLAIN };
    this.inputs.auto.parentElement.title = t("A dark or flat picture is shown brighter. The stored one and what the model sees stay as they are.");
    this.auto = new Auto(picture, () => this.show(this.now));
  }

  slider(name, title, min, max) {
    const run = () => this.show({ ...this.now, [name]: Number(input.value) });
    const input = html("input", { type: "range", min, max, step: "0.05", value: "1", "aria-label": title, on: { input: run } });
    this.inputs[name] = input;
    return html("label", {}, html("span", {}, title), input);
  }

  switch(name, title, run) {
    const input = html("input", { type: "checkbox", on: { change: () => run(input.checked) } });
    this.inputs[name] = input;
    return html("label", {}, html("span", {}, title), input);
  }

  stored() {
    if (this.auto.now) this.auto.turn(false);
    this.show({ ...PLAIN });
  }

  show(values) {
    this.now = values;
    const auto = this.deep.own ? null : this.auto.now;
    const { slope, intercept, exponent } = auto || { slope: 1, intercept: 0, exponent: 1 };
    for (const name of ["brightness", "contrast", "gamma"]) this.inputs[name].value = String(values[name]);
    this.inputs.invert.checked = values.invert;
    this.inputs.auto.checked = this.auto.on;
    for (const node of this.functions.linear) for (const [key, value] of Object.entries({ slope, intercept })) set(node, key, value);
    for (const node of this.functions.auto) set(node, "exponent", exponent);
    for (const node of this.functions.own) set(node, "exponent", 1 / values.gamma);
    this.picture.style.filter = this.filter(values, auto);
    this.changed();
  }

  filter(values, auto) {
    const plain = Object.keys(PLAIN).every((key) => values[key] === PLAIN[key]);
    const curves = auto || values.gamma !== 1 ? `url(#${this.id}) ` : "";
    return plain ? curves.trim() : `${curves}brightness(${values.brightness}) contrast(${values.contrast}) invert(${values.invert ? 1 : 0})`;
  }

  // Between what the model saw and how the reader looks at it: by a window of their own where the file holds more than its picture.
  compare() { return this.deep.view ? this.deep.toggle() : this.auto.compare(); }

  get open() { return !this.root.hidden; }
  toggle(on = !this.open) {
    this.root.hidden = !on;
    if (on) this.deep.load();
  }
}
