// A page with fields and buttons, built from the tree that the server sends. What is pressed or filled in goes back in one piece.

import { build } from "./view.js";

// The filters that the list of images stands at.
const filters = () => {
  const fields = [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".pdc-worklist [data-name]"))];
  return Object.fromEntries(fields.filter((field) => field.value).map((field) => [field.dataset.name, field.value]));
};

const isChoice = (field) => field.type === "radio" || field.type === "checkbox";
const isLine = (field) => field.tagName === "INPUT" && !isChoice(field);
const named = (root) => [...root.querySelectorAll("[name]")];
const key = (field) => `${field.closest("[data-form]")?.dataset.form}\n${field.name}\n${isChoice(field) ? field.value : ""}`;
const original = (field) => (isChoice(field) ? field.defaultChecked : field.tagName === "SELECT" ? null : field.defaultValue);
const current = (field) => (isChoice(field) ? field.checked : field.value);

class Forms {
  constructor({ element, props, trigger, watch }) {
    this.props = props;
    this.trigger = trigger;
    this.stamp = null;
    this.building = false;
    this.turn = 0;
    this.latest = null;
    this.host = element.querySelector(".pdc-count");
    this.host.addEventListener("click", (event) => this.press(event.target.closest("[data-do]")));
    this.host.addEventListener("change", (event) => this.changed(event.target));
    this.host.addEventListener("focusout", (event) => this.left(event.target));
    this.host.addEventListener("input", (event) => this.find(event.target));
    this.host.addEventListener("keydown", (event) => this.key(event));
    watch("value", () => this.show(props.value));
    this.show(props.value);
  }

  press(pressed) {
    if (pressed && !pressed.disabled) this.send(pressed, pressed.dataset.do, pressed.dataset.event || "act");
  }

  changed(field) {
    if (field.dataset.change && !isLine(field)) this.send(field, field.dataset.change, "act");
  }

  // Not by "change": of a line that was built again while somebody typed the browser would not tell.
  left(field) {
    if (this.building || !isLine(field) || !field.dataset.change || field.value === (field.dataset.told ?? field.defaultValue)) return;
    field.dataset.told = field.value;
    this.send(field, field.dataset.change, "act");
  }

  // Enter in a line presses the form's own button, if it has one.
  key(event) {
    const { target } = event;
    if (event.key !== "Enter" || target.tagName !== "INPUT" || isChoice(target)) return;
    event.preventDefault();
    const main = target.closest("[data-form]")?.querySelector("[data-enter]");
    if (main) main.click();
    else target.blur();
  }

  // A search leaves only the rows that hold its words.
  find(field) {
    if (!field.dataset.finds) return;
    const words = field.value.trim().toLocaleLowerCase();
    for (const row of this.host.querySelectorAll(`[data-row="${field.dataset.finds}"]`)) row.hidden = !row.textContent.toLocaleLowerCase().includes(words);
  }

  send(from, act, event) {
    const form = from.closest("[data-form]");
    const on = form ? named(form).filter((field) => !isChoice(field) || field.checked) : [];
    this.turn += 1;
    const asked = { turn: this.turn, do: act, about: JSON.parse(from.dataset.about || "{}"), fields: Object.fromEntries(on.map((field) => [field.name, field.value])), shown: filters() };
    this.sent = new Map((form ? named(form) : []).map((field) => [key(field), current(field)]));
    this.latest = { ...this.latest, asked };
    this.props.value = this.latest;
    this.trigger(event);
  }

  // What was typed elsewhere and not sent yet stays, and so do the focus and what was unfolded.
  show(value) {
    if (!value || value.stamp === this.stamp) return;
    if ((value.turn ?? 0) < this.turn) {  // made before what was sent since: its answer is still to come, or is shown already
      this.props.value = this.latest;
      return;
    }
    this.latest = value;
    this.stamp = value.stamp;
    const before = (field) => this.sent?.get(key(field)) ?? original(field);
    const kept = named(this.host).filter((field) => before(field) !== null && current(field) !== before(field)).map((field) => [key(field), current(field)]);
    const unfolded = [...this.host.querySelectorAll("details[open]")].map((d) => d.dataset.row);
    const focused = this.host.contains(document.activeElement) && document.activeElement.getAttribute("name") ? key(document.activeElement) : null;
    this.sent = null;
    this.building = true;
    this.host.replaceChildren(...(value.page ? [build(value.page)] : []));
    this.building = false;
    const fields = new Map(named(this.host).map((field) => [key(field), field]));
    for (const [name, was] of kept) {
      const field = fields.get(name);
      if (field) field[isChoice(field) ? "checked" : "value"] = was;
    }
    for (const details of this.host.querySelectorAll("details")) details.open ||= unfolded.includes(details.dataset.row);
    for (const field of this.host.querySelectorAll("[data-finds]")) this.find(field);
    if (focused) fields.get(focused)?.focus();
  }
}

export const mountForms = (link) => void new Forms(link);
