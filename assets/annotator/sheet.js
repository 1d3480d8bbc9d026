// The contact sheet: every mark as a small picture, the doubtful first. A click says that one is wrong, a second takes it back.

import { button, clamp, colorOf, counted, html, icon, set, svg, text } from "./core.js";
import { notCounted, tallyOf } from "./counting.js";
import { drawLines, drawPixels, pieceOf } from "./crops.js";
import { t } from "./words.js";

const SIDES = [84, 112, 152, 208]; // pixels of a tile's picture, at least: a row of them fills the width
const [GAP, CAPTION, SPARE] = [6, 24, 1]; // pixels, pixels, rows
const THROUGH = ["s", "j", "k", "h", "?"]; // the editor's own keys that mean the same here, and with Ctrl
const WITH_CTRL = ["z", "y", "s"];
const WORDS = Object.fromEntries(["open", "accepted", "rejected", "doubtful"].map((word) => [word, t(word)]));

// Doubtful marks first, then by score; what nobody scored is a person's own, and last.
const rank = (mark) => (mark.status === "doubtful" ? 0 : 10) + (mark.score === null ? 2 : mark.score);

export class Sheet {
  constructor(editor) {
    this.editor = editor;
    this.on = false;
    this.case = null;
    this.order = [];
    this.shown = [];
    this.at = 0;
    this.least = SIDES[1];
    this.columns = 1;
    this.relabelled = null;
    this.tiles = new Map();
    this.top = 0;
    this.build();
    editor.picture.addEventListener("load", () => this.redraw());
    new ResizeObserver(() => this.measured()).observe(this.grid);
    document.addEventListener("pdc-sheet", () => this.toggle(true));
  }

  build() {
    const { doc } = this.editor;
    this.number = html("span", {});
    this.way = html("div", { class: "pda-sheet-way", hidden: "" }, this.number, html("button", { type: "button", class: "pda-order", title: "Every mark as a picture, the doubtful first (Shift G)",
      on: { click: () => this.toggle() } }, "Contact sheet"));
    this.label = html("select", { "aria-label": "Only this label", on: { change: () => { this.at = 0; this.grid.scrollTop = 0; this.render(); this.grid.focus(); } } });
    this.said = html("span", { class: "pda-sheet-said", role: "status" });
    this.rest = html("button", { type: "button", class: "pda-close", title: "Accept all open marks that are not rejected (Shift A)", on: { click: () => this.run(() => this.acceptRest()) } }, "Accept the rest");
    this.finish = html("button", { type: "button", class: "pda-close", title: "Save, next image (Ctrl Enter)", on: { click: () => document.dispatchEvent(new CustomEvent("pdc-finish")) } }, "Save, next image");
    this.space = html("div", { class: "pda-sheet-space", role: "presentation" });
    this.grid = html("div", { class: "pda-sheet-grid", role: "listbox", "aria-label": "Marks", tabindex: "0",
      on: { scroll: () => this.measured(), click: (event) => this.clicked(event) } }, this.space);
    this.root = html("div", { class: "pda-sheet", role: "dialog", "aria-label": "Contact sheet", hidden: "" },
      html("div", { class: "pda-sheet-bar" }, this.label, this.rest, this.finish, html("span", { class: "pda-sheet-sizes" },
        button("minus", "Smaller pictures (−)", () => this.run(() => this.resize(-1))), button("plus", "Larger pictures (+)", () => this.run(() => this.resize(1))),
        button("reject", "Close (Esc)", () => this.toggle(false)))),
      this.grid, html("div", { class: "pda-sheet-foot" }, html("span", {}, "Click what is wrong, again to take it back. Arrows, then R, A or 1 – 9; Enter or Esc closes."), this.said));
    this.doc = doc;
  }

  get open() { return !this.root.hidden; }

  // It stays on from image to image until it is closed.
  toggle(on = !this.on) {
    this.on = on;
    if (on) this.case = null;
    else if (this.shown[this.at]) this.editor.select(this.shown[this.at].id);
    this.render();
    if (this.open) this.grid.focus();
    else this.editor.focus();
  }

  // A button's deed; the keyboard goes back to the tiles.
  run(deed) {
    deed();
    this.grid.focus();
  }

  render() {
    const { doc } = this;
    const there = doc.open && doc.kind !== "count" && doc.shown.length > 0;
    this.way.hidden = !there;
    text(this.number, there ? t(doc.shown.length === 1 ? "1 mark" : "{n} marks", { n: doc.shown.length }) : "");
    const was = this.open;
    this.root.hidden = !(this.on && there);
    this.editor.root.toggleAttribute("data-sheet", this.open);
    if (!this.open) return this.clear();
    this.arrange();
    this.labels();
    this.tell();
    if (!was) this.measured();
    else this.window();
    return undefined;
  }

  // Tiles stay where they are while the reader works; only another case, or an answer that is still coming, sorts them.
  arrange() {
    const { doc } = this;
    const ids = new Map(doc.shown.map((mark) => [mark.id, mark]));
    if (this.case !== doc.head.case || doc.head.answering) {
      if (this.case !== doc.head.case) this.restart();
      this.order = [...doc.shown].sort((a, b) => rank(a) - rank(b)).map((mark) => mark.id);
    } else {
      const known = new Set(this.order);
      this.order = [...this.order.filter((id) => ids.has(id)), ...[...ids.keys()].filter((id) => !known.has(id))];
    }
    const wanted = doc.labels.includes(this.label.value) ? this.label.value : "";
    this.shown = this.order.map((id) => ids.get(id)).filter((mark) => !wanted || mark.label === wanted || this.relabelled === mark.id);
    this.at = clamp(this.at, 0, Math.max(this.shown.length - 1, 0));
  }

  restart() {
    this.case = this.doc.head.case;
    this.at = 0;
    this.label.value = "";
    this.relabelled = null;
    this.grid.scrollTop = this.top = 0;
    this.clear();
    if (document.activeElement === document.body) this.grid.focus();
  }

  labels() {
    const { doc } = this;
    const n = (label) => doc.shown.filter((mark) => !label || mark.label === label).length;
    const options = [["", t("all labels")], ...doc.labels.map((label) => [label, label])].map(([value, words]) => [value, `${words} (${n(value)})`]);
    const kept = this.label.value;
    if ([...this.label.options].map((o) => o.textContent).join("\n") === options.map(([, words]) => words).join("\n")) return;
    this.label.replaceChildren(...options.map(([value, words]) => html("option", { value, translate: "no" }, words)));
    this.label.value = kept;
  }

  tell() {
    const { marks, readonly } = this.doc;
    const n = (status) => marks.filter((mark) => mark.status === status).length;
    text(this.said, t("{n} counted, {accepted} accepted, {rejected} rejected", { n: marks.filter(counted).length, accepted: n("accepted"), rejected: n("rejected") }));
    this.rest.disabled = readonly || !this.shown.some((mark) => mark.status === "open");
    this.finish.disabled = readonly;
  }

  // Tiles

  get row() { return this.side + CAPTION + GAP; }

  // Read here and not while drawing, as in the list.
  measured() {
    if (!this.open) return;
    this.top = this.grid.scrollTop;
    this.height = this.grid.clientHeight;
    this.fit(this.space.clientWidth);
    this.window();
  }

  fit(width) {
    this.columns = Math.max(Math.floor((width + GAP) / (this.least + GAP)), 1);
    this.side = Math.floor((width + GAP) / this.columns) - GAP;
    this.root.style.setProperty("--pda-side", `${this.side}px`);
  }

  // Only the tiles in sight exist, so 2,000 marks cost as much as 60.
  window() {
    const { columns, row } = this;
    this.space.style.height = `${Math.ceil(this.shown.length / columns) * row}px`;
    const first = Math.max(Math.floor(this.top / row) - SPARE, 0) * columns;
    const last = Math.min((Math.ceil((this.top + this.height) / row) + SPARE) * columns, this.shown.length);
    const gone = new Set(this.tiles.keys());
    for (let at = first; at < last; at += 1) {
      gone.delete(this.shown[at].id);
      this.fill(this.shown[at], at);
    }
    for (const id of gone) this.drop(id);
    const active = this.shown[this.at];
    if (active && this.tiles.has(active.id)) set(this.grid, "aria-activedescendant", `pda-tile-${active.id}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  drop(id) {
    this.tiles.get(id).root.remove();
    this.tiles.delete(id);
  }

  clear() { for (const id of [...this.tiles.keys()]) this.drop(id); }

  redraw() {
    for (const tile of this.tiles.values()) tile.mark = null;
    if (this.open) this.window();
  }

  make(id) {
    const tile = {
      canvas: html("canvas", {}),
      lines: svg("svg", { class: "pda-ink", "aria-hidden": "true" }),
      swatch: html("i", { class: "pda-swatch", "aria-hidden": "true" }),
      name: html("span", { class: "pda-name", translate: "no" }),
      score: html("span", { class: "pda-score" }),
    };
    tile.root = html("div", { class: "pda-tile", role: "option", id: `pda-tile-${id}`, "data-id": id },
      html("span", { class: "pda-piece" }, tile.canvas, tile.lines, icon("accept"), icon("reject")), html("span", { class: "pda-caption" }, tile.swatch, tile.name, tile.score));
    this.tiles.set(id, tile);
    this.space.append(tile.root);
    return tile;
  }

  fill(mark, at) {
    const tile = this.tiles.get(mark.id) || this.make(mark.id);
    const [x, y] = [(at % this.columns) * (this.side + GAP), Math.floor(at / this.columns) * this.row];
    tile.root.style.transform = `translate(${x}px, ${y}px)`;
    set(tile.root, "aria-selected", String(at === this.at));
    set(tile.root, "aria-posinset", at + 1);
    set(tile.root, "aria-setsize", this.shown.length);
    tile.canvas.style.filter = this.editor.picture.style.filter;
    const why = tallyOf(this.doc).why.get(mark.id);
    if (tile.mark !== mark || tile.side !== this.side || tile.why !== why) this.draw(tile, mark, why);
  }

  draw(tile, mark, why) {
    const { doc, editor } = this;
    const piece = pieceOf(mark, doc.marks, doc.size);
    drawPixels(tile.canvas, editor.picture, piece, doc.size);
    drawLines(tile.lines, mark, doc.labels, piece);
    const score = mark.score === null ? "" : mark.score.toFixed(2);
    set(tile.root, "data-status", mark.status);
    set(tile.root, "data-out", why || "");
    set(tile.root, "title", mark.label);
    set(tile.root, "aria-label", [mark.label, score, WORDS[mark.status], why && notCounted(why)].filter(Boolean).join(", "));
    tile.swatch.style.background = colorOf(doc.labels, mark.label);
    text(tile.name, mark.label);
    text(tile.score, why ? t("not counted") : score);
    Object.assign(tile, { mark, why, side: this.side });
  }

  resize(by) {
    this.least = SIDES[clamp(SIDES.indexOf(this.least) + by, 0, SIDES.length - 1)];
    this.measured();
    this.move(this.at);
  }

  // Deeds

  clicked(event) {
    const tile = event.target.closest(".pda-tile");
    const at = tile ? this.shown.findIndex((mark) => mark.id === tile.getAttribute("data-id")) : -1;
    if (at < 0) return;
    this.at = at;
    this.judge("rejected");
    this.window();
  }

  judge(status) {
    const mark = this.shown[this.at];
    if (mark) this.doc.setStatus(mark.id, status);
  }

  // All of them, or those of the label that is shown; one step.
  acceptRest() {
    const open = this.shown.filter((mark) => mark.status === "open");
    if (open.length) this.doc.judge(open, "accepted");
  }

  relabel(n) {
    const [mark, label] = [this.shown[this.at], this.doc.labels[n - 1]];
    if (!mark || label === undefined || this.doc.readonly) return;
    this.relabelled = mark.id; // stays in sight, whatever label is shown
    this.doc.relabel(mark.id, label);
  }

  move(at) {
    this.at = clamp(at, 0, Math.max(this.shown.length - 1, 0));
    this.reveal();
  }

  reveal() {
    const top = Math.floor(this.at / this.columns) * this.row;
    if (top < this.top) this.grid.scrollTop = top;
    else if (top + this.row > this.top + this.height) this.grid.scrollTop = top + this.row - this.height;
    this.measured();
  }

  // A key while the sheet is open: true when it meant something here, undefined where the editor is to look at it.
  press(event, key) {
    if (event.ctrlKey || event.metaKey) return WITH_CTRL.includes(key) ? undefined : false;
    if (event.altKey || THROUGH.includes(key)) return undefined;
    if (event.target.closest("button, select") && (key === "enter" || key === " ")) return false;
    if (/^[1-9]$/.test(key)) return this.relabel(Number(key)), true;
    const deed = this.deeds[event.shiftKey ? `shift+${key}` : key] || this.deeds[key];
    if (!deed) return key.length === 1 ? true : undefined; // other letters are about the stage behind
    deed();
    return true;
  }

  get deeds() {
    const { at, columns } = this;
    const page = Math.max(Math.floor(this.height / this.row), 1) * columns;
    const next = (status) => () => { this.judge(status); this.move(at + 1); };
    const close = () => this.toggle(false);
    return {
      arrowleft: () => this.move(at - 1), arrowright: () => this.move(at + 1), arrowup: () => this.move(at - columns < 0 ? at : at - columns), arrowdown: () => this.move(at + columns),
      home: () => this.move(0), end: () => this.move(this.shown.length - 1), pageup: () => this.move(at - page), pagedown: () => this.move(at + page),
      r: next("rejected"), a: next("accepted"), " ": () => { this.judge("rejected"); this.window(); }, "shift+a": () => this.acceptRest(),
      enter: close, escape: close, "shift+g": close, "+": () => this.resize(1), "=": () => this.resize(1), "-": () => this.resize(-1),
    };
  }
}
