// The counting grid: cells of the image that are checked off one by one, each with its own count.

import { clamp, counted, html, set, svg, text } from "./core.js";
import { keeper } from "./keeper.js";
import * as shapes from "./shapes.js";
import { t } from "./words.js";

const ACROSS = 4; // cells along the longer side

export class Grid {
  constructor(editor) {
    this.editor = editor;
    this.on = false;
    this.cells = [];
    this.at = 0;
    this.of = null;
    this.done = new Set();
    this.built = "";
    this.lines = svg("g", { class: "pda-grid", "aria-hidden": "true" });
    this.chips = html("div", { class: "pda-cells", role: "group", "aria-label": "Counting grid" });
    this.said = html("span", { class: "pda-cells-done", role: "status" });
  }

  // The cells the reader has been through in this case; this browser keeps them as it keeps copies of drafts.
  get checked() {
    const { head } = this.editor.doc;
    if (this.of !== head.case) Object.assign(this, { of: head.case, done: keeper.cells(head) });
    return this.done;
  }

  toggle(on = !this.on) {
    this.on = on;
    if (on && this.editor.doc.open) this.at = this.firstOpen(0);
    this.editor.render();
  }

  build() {
    const { doc } = this.editor;
    const { width, height } = doc.size;
    const key = JSON.stringify([doc.head.case, width, height]);
    if (this.built === key) return;
    this.built = key;
    const side = Math.max(width, height) / ACROSS;
    const [columns, rows] = [width, height].map((length) => Math.max(Math.round(length / side), 1));
    this.columns = columns;
    this.cells = Array.from({ length: columns * rows }, (_, at) => this.cell(at, width / columns, height / rows));
    this.lines.replaceChildren(...this.cells.flatMap((cell) => [cell.halo, cell.line]));
    this.chips.replaceChildren(...this.cells.map((cell) => cell.chip));
    this.at = this.firstOpen(0);
  }

  cell(at, wide, high) {
    const [column, row] = [at % this.columns, Math.floor(at / this.columns)];
    const box = [column * wide, row * high, (column + 1) * wide, (row + 1) * high];
    const place = { x: box[0], y: box[1], width: wide, height: high };
    const name = `${String.fromCharCode(65 + row)}${column + 1}`;
    const run = () => {
      this.tick(at);
      this.editor.focus();
    };
    const chip = html("button", { type: "button", class: "pda-cell", "data-overlay": "", "data-cell": name, on: { click: run } });
    return { box, name, chip, halo: svg("rect", { class: "pda-grid-halo", ...place }), line: svg("rect", { class: "pda-grid-line", ...place }) };
  }

  firstOpen(from) {
    const n = this.cells.length;
    for (let step = 0; step < n; step += 1) if (!this.checked.has(this.cells[(from + step) % n].name)) return (from + step) % n;
    return -1;
  }

  tick(at) {
    const { name } = this.cells[at];
    if (!this.checked.delete(name)) this.checked.add(name);
    keeper.tick(this.editor.doc.head, this.checked);
    this.at = this.firstOpen(at);
    this.render();
  }

  // The current cell is checked off and the next open one comes up, as large as the reader had this one.
  advance() {
    if (!this.on || this.at < 0) return false;
    this.tick(this.at);
    if (this.at >= 0) this.editor.view.show(this.cells[this.at].box);
    return true;
  }

  counts() {
    const counts = this.cells.map(() => 0);
    const { doc } = this.editor;
    const rows = this.cells.length / this.columns;
    for (const mark of doc.marks) {
      if (!counted(mark)) continue;
      const [x, y] = shapes.center(mark);
      const column = clamp(Math.floor((x / doc.size.width) * this.columns), 0, this.columns - 1);
      counts[clamp(Math.floor((y / doc.size.height) * rows), 0, rows - 1) * this.columns + column] += 1;
    }
    return counts;
  }

  render() {
    const on = this.on && this.editor.doc.open;
    this.editor.root.toggleAttribute("data-grid", on);
    this.chips.hidden = !on;
    text(this.said, "");
    if (!on) return;
    this.build();
    const counts = this.counts();
    this.cells.forEach((cell, at) => this.renderCell(cell, at, counts[at]));
    text(this.said, t("{n} of {all} cells checked", { n: this.checked.size, all: this.cells.length }));
    this.place();
  }

  renderCell({ name, chip, line, halo }, at, count) {
    const checked = this.checked.has(name);
    set(chip, "aria-pressed", checked);
    set(chip, "aria-label", t(checked ? "Cell {name}: {count}, checked" : "Cell {name}: {count}, not checked", { name, count }));
    chip.title = t(checked ? "Checked. Press to open it again" : "Press when every object in this cell is marked (T)");
    text(chip, `${checked ? "✓ " : ""}${name} · ${count}`);
    for (const node of [chip, line, halo]) {
      node.toggleAttribute("data-current", at === this.at);
      node.toggleAttribute("data-checked", checked);
    }
  }

  // Chips keep their size on the screen; each stays in its cell's corner, or at the stage's edge while the cell is in sight.
  place() {
    if (!this.on) return;
    const { view } = this.editor;
    for (const { box, chip } of this.cells) {
      const [x1, y1] = view.toStage(box[0], box[1]);
      const [x2, y2] = view.toStage(box[2], box[3]);
      chip.hidden = x2 < 70 || y2 < 26 || x1 > view.width - 20 || y1 > view.height - 20;
      chip.style.transform = `translate(${Math.round(Math.max(x1, 0) + 4)}px, ${Math.round(Math.max(y1, 0) + 4)}px)`;
    }
  }
}
