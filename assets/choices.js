// Fields to choose from: made once, and given other choices without losing what was chosen.

import { html } from "./annotator/core.js";

const option = ([value, words, translate]) => html("option", { value, translate }, words);

export const select = (name, label, options, run) => html("select", { "aria-label": label, "data-name": name, on: { change: run } }, ...options.map(option));

export const choices = (field, options) => {
  if ([...field.options].map((o) => o.value).join("\n") === options.map(([value]) => value).join("\n")) return;
  const kept = field.value;
  field.replaceChildren(...options.map(option));
  field.value = options.some(([value]) => value === kept) ? kept : "";
};
