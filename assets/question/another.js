// "another label ...": a field that looks up what is typed. A label that nobody made before is made only by choosing to.

import { html, set, text } from "../annotator/core.js";
import { t } from "../annotator/words.js";
import { toImage } from "../rows.js";

const MOST = 12;
const fold = (name) => name.toLowerCase().trim();

// What the server's dictionary knows about a text: the name of the label that it means, or names that it may mean.
async function lookUp(typed) {
  try {
    const answer = await fetch(`api/labels?${new URLSearchParams({ text: typed })}`);
    if (answer.ok) return await answer.json();
  } catch (offline) { /* what the page knows will do */ }
  return { name: null, candidates: [] };
}

// How well a name suits what was typed: 0 is best, null not at all.
export const suits = ({ name, taught, asked }, typed) => {
  const is = fold(name);
  if (!typed) return asked ? null : taught ? 1 : 2;
  if (is === typed) return 0;
  if (is.startsWith(typed)) return taught ? 1 : 2;
  if (is.split(/[\s_-]+/).some((word) => word.startsWith(typed))) return 3;
  return is.includes(typed) ? 4 : null;
};

// Those that suit, the best first, and whether one of them suits better than any other.
export const found = (options, typed) => {
  const ranked = options.map((option) => ({ ...option, rank: suits(option, typed) })).filter(({ rank }) => rank !== null);
  ranked.sort((a, b) => a.rank - b.rank);
  const sure = typed !== "" && ranked.length > 0 && (ranked.length === 1 || ranked[0].rank < ranked[1].rank);
  return { options: ranked.slice(0, MOST), sure };
};

export class Another {
  constructor({ chosen, options }) {
    this.chosen = chosen;
    this.options = options;
    this.rows = [];
    this.at = -1;
    this.meant = Promise.resolve();
    this.button = html("button", { type: "button", class: "pdc-more-labels", "aria-haspopup": "listbox", "aria-expanded": "false", title: "Another label (Q)", on: { click: () => this.open() } }, "another label …");
    this.input = html("input", { type: "text", role: "combobox", class: "pdc-look", "aria-label": "Another label", "aria-autocomplete": "list", "aria-expanded": "true", "aria-controls": "pdc-labels",
      autocomplete: "off", spellcheck: "false", maxlength: 64, placeholder: "type a label", on: { input: () => this.look(), keydown: (event) => this.key(event) } });
    this.list = html("ul", { id: "pdc-labels", class: "pdc-found", role: "listbox", "aria-label": "Labels" });
    this.said = html("p", { class: "pdc-said", role: "status" });
    this.popup = html("div", { class: "pdc-popup", popover: "manual" }, this.input, this.list, this.said);
    this.popup.addEventListener("focusout", (event) => this.popup.contains(event.relatedTarget) || this.close());
    this.root = html("div", { class: "pdc-another" }, this.button, this.popup);
  }

  get shown() { return this.popup.matches(":popover-open"); }

  open() {
    if (this.button.disabled || this.shown) return;
    this.input.value = "";
    this.popup.showPopover();
    this.place();
    this.look();
    this.button.setAttribute("aria-expanded", "true");
    this.input.focus();
  }

  // Under its button, inside the window.
  place() {
    const { left, bottom } = this.button.getBoundingClientRect();
    this.popup.style.left = `${Math.max(8, Math.min(left, innerWidth - this.popup.offsetWidth - 8))}px`;
    this.popup.style.top = `${bottom + 4}px`;
  }

  close() {
    if (!this.shown) return;
    this.popup.hidePopover();
    this.button.setAttribute("aria-expanded", "false");
  }

  // The names that suit, at once; other spellings and languages when the server has answered.
  look() {
    const typed = this.input.value.trim();
    this.show(typed, { name: null, candidates: [] });
    this.meant = typed ? lookUp(typed).then((meant) => this.understood(typed, meant)) : Promise.resolve();
  }

  understood(typed, meant) {
    if (this.shown && this.input.value.trim() === typed && (meant.name || meant.candidates.length)) this.show(typed, meant);
  }

  show(typed, { name, candidates }) {
    const all = this.options();
    const of = (label) => all.find((option) => option.name === label) || { name: label, taught: null };
    const { options, sure } = found(all, fold(typed));
    const first = name === null ? [] : [of(name)];
    const rest = [...options, ...candidates.map(of)].filter((option, at, list) => option.name !== name && list.findIndex((o) => o.name === option.name) === at);
    const made = typed && name === null && !all.some((option) => fold(option.name) === fold(typed));
    this.rows = [...first, ...rest, ...(made ? [{ name: typed, made: true }] : [])];
    this.list.replaceChildren(...this.rows.map((row, at) => this.row(row, at)));
    text(this.said, t(first.length || rest.length || !typed ? "" : "No label is called that. Choose to make a new one, or type another."));
    this.move(first.length || sure ? 0 : -1);
  }

  row({ name, taught, asked, made }, at) {
    const words = made ? [t("make a new label “{label}”", { label: name })] : [html("span", { translate: "no" }, name), html("em", {}, asked ? "is asked for" : taught === null ? "" : taught ? "the model knows it" : "by hand")];
    const take = (event) => {
      event.preventDefault(); // the field keeps the focus until the label is taken
      this.take(at);
    };
    return html("li", { role: "option", id: `pdc-label-${at}`, "data-made": made ? "" : null, translate: "no", on: { pointerdown: take } }, ...words);
  }

  move(at) {
    this.at = at;
    [...this.list.children].forEach((node, i) => set(node, "aria-selected", String(i === at)));
    if (at < 0) return this.input.removeAttribute("aria-activedescendant");
    set(this.input, "aria-activedescendant", `pdc-label-${at}`);
    this.list.children[at].scrollIntoView({ block: "nearest" });
  }

  take(at) {
    const row = this.rows[at];
    this.close();
    toImage();
    this.chosen(row.name);
  }

  // Enter without a row chosen waits for what the server says, then goes to the first that is no new label: making one, or
  // choosing among several, needs a second word.
  async enter() {
    if (this.at < 0) await this.meant;
    if (!this.shown) return;
    if (this.at >= 0) this.take(this.at);
    else if (this.rows.length && !this.rows[0].made) this.move(0);
  }

  key(event) {
    const { key } = event;
    const n = this.rows.length;
    event.stopPropagation();
    if (event.isComposing) return;
    if (key === "ArrowDown" && n) this.move((this.at + 1) % n);
    else if (key === "ArrowUp" && n) this.move(this.at > 0 ? this.at - 1 : n - 1);
    else if (key === "Enter") this.enter();
    else if (key === "Tab" && this.at >= 0 && this.input.value.trim()) this.take(this.at);
    else if (key === "Escape") {
      this.close();
      toImage();
    } else return;
    event.preventDefault();
  }

  render(open) {
    this.button.disabled = !open;
    if (!open) this.close();
  }
}
