// Tables and accounts of the data tab, built node by node; and how it asks the server.

import { html } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const ask = async (path, options = {}) => {
  const answer = await fetch(path, options);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error || t("That failed; try again."));
  return said;
};

const cell = (tag, value) => {
  const node = document.createElement(tag);
  node.textContent = String(value);
  if (typeof value === "number") node.className = "pdc-number";
  if (tag === "th") node.scope = "col";
  return node;
};

const sheet = (head, rows) => {
  const row = (tag, cells) => { const made = document.createElement("tr"); made.append(...cells.map((value) => cell(tag, value))); return made; };
  const made = document.createElement("table");
  made.createTHead().append(row("th", head));
  made.createTBody().append(...rows.map((cells) => row("td", cells)));
  return made;
};

// What was left out: how many, of what, which, and why.
const lines = (left) => {
  if (!left.length) return [];
  const list = document.createElement("ul");
  for (const { what, why, n, which } of left) {
    const item = document.createElement("li");
    const some = which.join(", ") + (n > which.length && which.length >= 5 ? " …" : "");
    item.textContent = t("{n} × {what} ({which}): {why}", { n, what: t(what), which: some || "–", why });
    list.append(item);
  }
  return [html("p", { class: "pdc-left-out" }, "Left out:"), list];
};

export { ask, lines, sheet };
