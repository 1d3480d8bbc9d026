// The rows of the list of images: of any number only those near what is in sight are here, and only those in sight are in the page.

import { html, set, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { Pages, found } from "./pages.js";

const HEIGHT = 50;
const SPARE = 6;

// A list that takes the focus shows its active row: it would scroll away under the pointer before the button is up.
const keepFocus = (event) => event.preventDefault();

export class Rows {
  // `lost()` is called when a part could not be loaded.
  constructor(choose, retire, lost) {
    this.choose = choose;
    this.retire = retire;
    this.lost = lost;
    this.pages = new Pages();
    this.current = null;
    this.active = -1;
    this.space = html("div", { class: "pdc-space" });
    this.root = html("div", { class: "pdc-own", role: "listbox", "aria-label": "Images", tabindex: "0" }, this.space);
    this.nodes = new Map();
    this.root.addEventListener("scroll", () => this.render());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("focus", () => this.move(this.active < 0 ? this.start() : this.active));
    this.root.addEventListener("blur", () => { this.active = -1; this.render(); });
    new ResizeObserver(() => this.render()).observe(this.root);
  }

  get rows() { return this.pages.rows; }
  get top() { return Math.floor(this.root.scrollTop / HEIGHT); }

  place(sha) { return this.rows.findIndex((row) => row[0] === sha); }

  // Where the keyboard begins: at the open image, else at the first row in sight.
  start() { return Math.max(0, this.place(this.current) < 0 ? this.top : this.place(this.current)); }

  // The image that stands for what is in sight.
  get anchor() { return this.rows[this.top] ? this.rows[this.top][0] : null; }

  // Other rows, of which the one that was in sight stays where it was; or, `anew`, from their first on. `reveal`: the open image
  // is brought into sight, unless the list was scrolled since its part was asked for, when `anchor` was in sight.
  show(part, current, load = null, { anew = false, reveal = current !== this.current, anchor = this.anchor } = {}) {
    const [before, { scrollTop }, scrolled] = [this.rows, this.root, this.anchor !== anchor];
    this.pages = new Pages(part, load);
    this.current = current;
    const held = anew ? null : found(before, this.active, this.rows);
    // Where the row under the keyboard is gone, the one in its place is it.
    if (this.active >= 0 && held) this.active = held.is;
    else if (document.activeElement === this.root && this.rows.length) this.active = 0;
    else this.active = Math.min(this.active, this.rows.length - 1);
    this.stretch();
    const seen = anew ? null : found(before, this.top, this.rows);
    this.root.scrollTop = seen ? scrollTop + (seen.is - seen.was) * HEIGHT : 0;
    if (reveal && !(scrolled && seen)) this.scroll(this.place(current));
    this.render();
  }

  stretch() { this.space.style.height = `${this.rows.length * HEIGHT}px`; }

  // As far as a row needs to be in sight.
  scroll(at) {
    if (at < 0) return;
    const { scrollTop, clientHeight } = this.root;
    if (at * HEIGHT < scrollTop) this.root.scrollTop = (at - 1) * HEIGHT;
    else if ((at + 2) * HEIGHT > scrollTop + clientHeight) this.root.scrollTop = (at + 2) * HEIGHT - clientHeight;
  }

  render() {
    const first = Math.max(0, this.top - SPARE);
    const last = Math.min(this.rows.length, Math.ceil((this.root.scrollTop + this.root.clientHeight) / HEIGHT) + SPARE);
    const wanted = new Set();
    for (let at = first; at < last; at += 1) {
      const sha = this.rows[at][0];
      wanted.add(sha);
      if (!this.nodes.has(sha)) this.nodes.set(sha, this.make(sha));
      this.fill(this.nodes.get(sha), this.rows[at], at);
    }
    for (const [sha, node] of this.nodes) {
      if (wanted.has(sha)) continue;
      node.root.remove();
      this.nodes.delete(sha);
    }
    const active = this.rows[this.active];
    if (active) this.root.setAttribute("aria-activedescendant", `pdc-row-${active[0]}`);
    else this.root.removeAttribute("aria-activedescendant");
    const side = last > first && this.pages.missing(first, last);
    if (side) this.more(side);
  }

  // More rows at an end; what is in sight stays where it is.
  async more(side) {
    const { pages } = this;
    try {
      const moved = await pages.more(side);
      if (pages !== this.pages) return;
      const top = this.root.scrollTop + moved * HEIGHT;
      this.stretch();
      this.root.scrollTop = top;
      if (this.active >= 0) this.active = Math.max(0, this.active + moved);
      this.render();
    } catch (error) {
      if (pages === this.pages) this.lost(error);
    }
  }

  // The first part of the list, or its last.
  async jump(end) {
    const { pages } = this;
    pages.jumping = pages.busy = true;
    try {
      const part = await pages.load(end ? { before: "end" } : {});
      if (pages !== this.pages) return;
      this.pages = new Pages(part, pages.load);
      this.stretch();
      this.move(end ? this.rows.length - 1 : 0);
    } catch (error) {
      pages.jumping = pages.busy = false;
      if (pages === this.pages) this.lost(error);
    }
  }

  make(sha) {
    const parts = { name: html("span", { class: "pdc-item-name" }), stage: html("span", { class: "pdc-item-state" }) };
    const picture = html("img", { src: `thumbnails/${sha}.jpg`, alt: "", width: 42, height: 42, decoding: "async" });
    const away = (event) => { event.stopPropagation(); this.retire(this.rows[this.place(sha)]); };
    parts.away = html("span", { class: "pdc-away", "aria-hidden": "true", on: { click: away } });  // the keyboard has Del
    parts.root = html("div", { class: "pdc-item", role: "option", id: `pdc-row-${sha}`, on: { mousedown: keepFocus, click: () => this.open(sha) } },
      picture, parts.name, parts.stage, parts.away);
    this.space.append(parts.root);
    return parts;
  }

  fill(node, [sha, name, stage, detail, reader], at) {
    node.root.style.transform = `translateY(${at * HEIGHT}px)`;
    set(node.root, "data-stage", stage);
    set(node.root, "aria-selected", String(sha === this.current));
    if (this.pages.above === null) node.root.removeAttribute("aria-posinset");
    else set(node.root, "aria-posinset", this.pages.above + at + 1);
    set(node.root, "aria-setsize", this.pages.capped ? -1 : this.pages.total);
    node.root.toggleAttribute("data-current", sha === this.current);
    node.root.toggleAttribute("data-active", at === this.active);
    set(node.root, "title", reader ? t("{name}, for {reader}", { name, reader }) : name);
    const again = stage === "retired";
    text(node.away, again ? "↺" : "×");
    set(node.away, "title", t(again ? "Restore (Del)" : "Retire (Del)"));
    text(node.name, name);
    text(node.stage, [t(stage), detail, reader && `@${reader}`].filter(Boolean).join(" · "));
  }

  move(at) {
    this.active = Math.min(Math.max(at, 0), this.rows.length - 1);
    this.scroll(this.active);
    this.render();
  }

  open(sha) {
    this.choose(sha);
    toImage();
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.root.clientHeight / HEIGHT) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length }[event.key];
    const beyond = { Home: this.pages.first, End: this.pages.last }[event.key];
    if (this.pages.jumping && event.key !== "Escape") event.preventDefault(); // what is under the keyboard is about to change
    else if (beyond) this.jump(event.key === "End");
    else if (by !== undefined) this.move(this.active + by);
    else if ((event.key === "Enter" || event.key === " ") && this.rows[this.active]) {
      this.open(this.rows[this.active][0]);
    } else if (event.key === "Delete" && this.rows[this.active]) this.retire(this.rows[this.active]);
    else if (event.key === "Escape") toImage();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// The keyboard goes back to the image.
export const toImage = () => {
  /** @type {SVGElement | null} */
  const canvas = document.querySelector(".pda-canvas");
  if (canvas) canvas.focus({ preventScroll: true });
};
