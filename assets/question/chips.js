// One chip for each label that is asked for, and for others that the model knows; a press asks for it, or no longer.

import { colorOf, html, set, svg } from "../annotator/core.js";
import { t } from "../annotator/words.js";

const MOST = 8; // chips in all, as long as not more labels are asked for; the rest stand under "another label"
const TAUGHT = "M8 1.5 9.6 6.4 14.5 8 9.6 9.6 8 14.5 6.4 9.6 1.5 8 6.4 6.4Z";
const BY_HAND = "M3 13l.8-3.2 7-7 2.4 2.4-7 7Z";

export class Chips {
  constructor(toggle) {
    this.toggle = toggle;
    this.root = html("div", { class: "pdc-chips", role: "group", "aria-label": "Look for" });
    this.nodes = new Map();
  }

  make(label) {
    const run = () => this.toggle(label);
    const chip = {
      swatch: html("i", { class: "pdc-swatch", "aria-hidden": "true" }),
      who: svg("path"),
      off: html("button", { type: "button", class: "pdc-off", tabindex: "-1", "aria-label": t("Remove {label}", { label }), on: { click: run } }, "×"),
    };
    chip.name = html("button", { type: "button", class: "pdc-name", on: { click: run } },
      chip.swatch, html("span", { translate: "no" }, label), svg("svg", { class: "pdc-who", viewBox: "0 0 16 16", "aria-hidden": "true" }, chip.who));
    chip.root = html("span", { class: "pdc-chip", "data-label": label }, chip.name, chip.off);
    return chip;
  }

  fill(chip, label, { asked, taught, open }) {
    const on = asked.includes(label);
    chip.root.toggleAttribute("data-on", on);
    chip.root.toggleAttribute("data-by-hand", taught === false);
    chip.swatch.style.background = on ? colorOf(asked, label) : "";
    chip.off.hidden = !on;
    chip.name.disabled = chip.off.disabled = !open;
    set(chip.name, "aria-pressed", String(on));
    set(chip.name, "title", taught === null ? "" : t(taught ? "The model knows this label" : "The model does not know this label: mark it by hand"));
    set(chip.who, "d", taught === null ? "" : taught ? TAUGHT : BY_HAND);
  }

  render({ known, taught }, question) {
    const asked = question ? question.labels : [];
    const spare = Math.max(0, MOST - asked.length);
    const more = known.filter((label) => !asked.includes(label)).slice(0, spare);
    const shown = [...known.filter((label) => asked.includes(label) || more.includes(label)), ...asked.filter((label) => !known.includes(label))];
    const held = document.activeElement;
    for (const [label, chip] of this.nodes) {
      if (shown.includes(label)) continue;
      chip.root.remove();
      this.nodes.delete(label);
    }
    shown.forEach((label, at) => {
      if (!this.nodes.has(label)) this.nodes.set(label, this.make(label));
      const chip = this.nodes.get(label);
      this.fill(chip, label, { asked, taught: taught && taught.includes(label), open: question !== null });
      if (this.root.children[at] !== chip.root) this.root.insertBefore(chip.root, this.root.children[at] || null);
    });
    if (held instanceof HTMLElement && held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
  }
}
