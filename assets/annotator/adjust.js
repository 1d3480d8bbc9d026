// How the picture is shown: brightness, contrast, gamma, invert, and of more than 8 bits the window (deep.js). The stored image
// and the marks are never touched.

import { html, svg } from "./core.js";

const PLAIN = { brightness: 1, contrast: 1, gamma: 1, invert: false };

export class Adjust {
  constructor(picture, deep) {
    this.picture = picture;
    this.deep = deep;
    this.id = `pdc-gamma-${Math.random().toString(36).slice(2)}`;
    this.functions = ["R", "G", "B"].map((c) => svg(`feFunc${c}`, { type: "gamma", exponent: "1" }));
    this.defs = svg("svg", { class: "pda-defs", "aria-hidden": "true" },
      svg("filter", { id: this.id, "color-interpolation-filters": "sRGB" }, svg("feComponentTransfer", {}, ...this.functions)));
    this.inputs = {};
    this.root = html("div", { class: "pda-adjust", role: "group", "aria-label": "How the image is shown", "data-overlay": "", hidden: "" },
      deep.root, this.slider("brightness", "Brightness", 0.2, 3), this.slider("contrast", "Contrast", 0.2, 3),
      this.slider("gamma", "Gamma", 0.3, 3), this.switch("invert", "Invert"),
      html("button", { type: "button", class: "pda-close", on: { click: () => this.show({ ...PLAIN }) } }, "As stored"));
    this.now = { ...PLAIN };
  }

  slider(name, title, min, max) {
    const run = () => this.show({ ...this.now, [name]: Number(input.value) });
    const input = html("input", { type: "range", min, max, step: "0.05", value: "1", "aria-label": title, on: { input: run } });
    this.inputs[name] = input;
    return html("label", {}, html("span", {}, title), input);
  }

  switch(name, title) {
    const input = html("input", { type: "checkbox", on: { change: () => this.show({ ...this.now, [name]: input.checked }) } });
    this.inputs[name] = input;
    return html("label", {}, html("span", {}, title), input);
  }

  show(values) {
    this.now = values;
    for (const name of ["brightness", "contrast", "gamma"]) this.inputs[name].value = String(values[name]);
    this.inputs.invert.checked = values.invert;
    for (const node of this.functions) node.setAttribute("exponent", String(1 / values.gamma));
    const gamma = values.gamma === 1 ? "" : `url(#${this.id}) `;
    const plain = Object.keys(PLAIN).every((key) => values[key] === PLAIN[key]);
    this.picture.style.filter = plain ? "" :
      `${gamma}brightness(${values.brightness}) contrast(${values.contrast}) invert(${values.invert ? 1 : 0})`;
  }

  get open() { return !this.root.hidden; }
  toggle(on = !this.open) {
    this.root.hidden = !on;
    if (on) this.deep.load();
  }
}
