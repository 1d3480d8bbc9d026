// The rows of the worklist: thousands of images, of which only those in sight are in the page.

import { html, set, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const HEIGHT = 50;
const SPARE = 6;

// A list that takes the focus shows its active row: it would scroll away under the pointer before the button is up.
const keepFocus = (event) => event.preventDefault();

export class Rows {
  constructor(choose, retire) {
    this.choose = choose;
    this.retire = retire;
    this.rows = [];
    this.current = null;
    this.active = -1;
    this.space = html("div", { class: "pdc-space" });
    this.root = html("div", { class: "pdc-own", role: "listbox", "aria-label": "Images", tabindex: "0" }, this.space);
    this.nodes = new Map();
    this.root.addEventListener("scroll", () => this.render());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("focus", () => this.move(this.active < 0 ? Math.max(0, this.place(this.current)) : this.active));
    this.root.addEventListener("blur", () => { this.active = -1; this.render(); });
    new ResizeObserver(() => this.render()).observe(this.root);
  }

  place(sha) { return this.rows.findIndex((row) => row[0] === sha); }

  show(rows, current) {
    const held = this.active >= 0 && this.rows[this.active] ? this.rows[this.active][0] : null;
    const moved = current !== this.current;
    Object.assign(this, { rows, current });
    // Where the row under the keyboard is gone, the one in its place is it.
    if (held !== null) this.active = this.place(held) < 0 ? Math.min(this.active, rows.length - 1) : this.place(held);
    else if (document.activeElement === this.root && rows.length) this.active = 0;
    this.space.style.height = `${rows.length * HEIGHT}px`;
    this.render();
    if (moved) this.reveal(this.place(current));
  }

  reveal(at) {
    if (at < 0) return;
    const { scrollTop, clientHeight } = this.root;
    if (at * HEIGHT < scrollTop) this.root.scrollTop = (at - 1) * HEIGHT;
    else if ((at + 2) * HEIGHT > scrollTop + clientHeight) this.root.scrollTop = (at + 2) * HEIGHT - clientHeight;
    this.render();
  }

  render() {
    const first = Math.max(0, Math.floor(this.root.scrollTop / HEIGHT) - SPARE);
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
    set(node.root, "aria-posinset", at + 1);
    set(node.root, "aria-setsize", this.rows.length);
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
    this.render();
    this.reveal(this.active);
  }

  open(sha) {
    this.choose(sha);
    toImage();
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.root.clientHeight / HEIGHT) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length }[event.key];
    if (by !== undefined) this.move(this.active + by);
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
