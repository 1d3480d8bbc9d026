// The editor: one document, its view, layer, panels and tools, and the link to the Gradio component around it.

import { Adjust } from "./adjust.js";
import { Area } from "./area.js";
import { askFor } from "./asks.js";
import { Confidence } from "./confidence.js";
import { counted, html, svg } from "./core.js";
import { Counts } from "./counts.js";
import { Deep } from "./deep.js";
import { Differential } from "./differential.js";
import { Doc } from "./doc.js";
import { Fit } from "./fit.js";
import { Ghost } from "./ghost.js";
import { Grid } from "./grid.js";
import { Help, legend } from "./help.js";
import { Hints } from "./hints.js";
import { keeper } from "./keeper.js";
import { listen } from "./keys.js";
import { Layer } from "./layer.js";
import { Lens } from "./lens.js";
import { Line } from "./line.js";
import { Link } from "./link.js";
import { List } from "./list.js";
import { Menu } from "./menu.js";
import { Notices } from "./notices.js";
import { Picture } from "./picture.js";
import { Pointer } from "./pointer.js";
import { Readers } from "./readers.js";
import { Running } from "./running.js";
import * as shapes from "./shapes.js";
import { Sheet } from "./sheet.js";
import { Similar } from "./similar.js";
import { Toolbar } from "./toolbar.js";
import { View } from "./view.js";
import { Walk } from "./walk.js";

export class Editor {
  // The document that was shown last: it outlives the editor, which Gradio may build again.
  /** @type {Doc | null} */
  static kept = null;

  constructor(host, link) {
    this.link = new Link(link, host);
    this.tool = "select";
    this.hidden = this.plain = false;
    this.doc = new Doc(() => this.changed(), askFor);
    this.line = new Line();
    this.walk = new Walk(this);
    this.build(host);
    this.pointer = new Pointer(this);
    this.menu = new Menu(this);
    this.root.pdc = this;
    listen(this);
  }

  build(host) {
    this.shown = new Picture();
    this.picture = this.shown.img;
    this.canvas = svg("svg", { class: "pda-canvas", role: "group", "aria-label": "Marks on the image", tabindex: "0" });
    this.overlays = html("div", { class: "pda-overlays" });
    this.help = new Help();
    this.deep = new Deep(this.shown, { sight: () => this.view.sight(), changed: () => this.adjust && this.adjust.show(this.adjust.now) });
    this.adjust = new Adjust(this.picture, this.deep, () => this.toolbar.render());
    this.stage = html("div", { class: "pda-stage" }, this.adjust.defs, this.picture, this.canvas, this.overlays, this.shown.message);
    this.root = host;
    this.buildPanels();
    this.stage.append(this.fit.line, this.lens.root, this.adjust.root, this.line.root);
    this.root.replaceChildren(this.toolbar.root, this.notices.root, this.stage, this.sheet.root, this.similar.root, this.side, this.similar.look, this.help.root);
    this.view = new View(this.stage, this.picture, this.canvas, () => this.zoomed());
    this.layer = new Layer(this.doc, this.view, this.canvas, this.overlays);
    this.canvas.prepend(this.running.frame.root, this.grid.lines, this.readers.drawn);
    this.overlays.append(this.grid.chips);
    this.canvas.addEventListener("focusin", (event) => this.focusedMark(event));
  }

  buildPanels() {
    this.running = new Running(this);
    this.notices = new Notices(this, this.running.root);
    this.hints = new Hints(this);
    this.confidence = new Confidence(this);
    this.grid = new Grid(this);
    this.lens = new Lens(this);
    this.fit = new Fit(this);
    this.ghost = new Ghost(this);
    this.toolbar = new Toolbar(this);
    this.counts = new Counts(this, {
      below: [this.running.line, this.confidence.line, this.notices.answering, this.grid.said], hints: this.hints.root,
    });
    this.differential = new Differential(this);
    this.area = new Area(this);
    this.running.tools.append(this.differential.way, this.area.button);
    this.readers = new Readers(this);
    this.list = new List(this);
    this.sheet = new Sheet(this);
    this.similar = new Similar(this);
    this.panels = [this.running, this.counts, this.confidence, this.readers, this.hints, this.list, this.sheet, this.grid, this.lens, this.notices,
      this.fit, this.toolbar, this.similar, this.differential, this.area];
    this.side = html("aside", { class: "pda-side", "aria-label": "Count and marks" },
      this.counts.root, this.differential.pad.root, this.confidence.root, this.readers.root, this.sheet.way, this.list.root, this.similar.button, legend());
  }

  zoomed() {
    if (!this.layer) return;
    this.layer.overlays();
    this.toolbar.zoomed(this.view.scale);
    this.grid.place();
    this.running.frame.zoomed();
    this.area.draw();
    this.lens.render();
  }

  // A value from the server; what it says and what the reader did since never overwrite each other in silence.
  receive(value) {
    if (this.link.own(value)) return;
    if (this.link.waiting) {
      this.link.flush();
      this.link.put(value);
    }
    const before = this.doc.head;
    const outcome = this.doc.receive(value);
    if (outcome === "turned") keeper.acked({ ...before, acked: value.edits });
    if (this.doc.open) keeper.acked(this.doc.head);
    this.notices.render();
    if (outcome === "merged") this.render();
    if (["ignored", "late", "noted", "merged"].includes(outcome)) return this.insist(value, outcome);
    this.pointer.cancel();
    if (outcome === "opened") this.opened();
    else this.showPicture();
    if (!this.can(this.tool)) this.tool = "select";
    this.render();
    this.remember();
    if (outcome !== "opened" || this.doc.hidden.some(counted)) this.insist(value, outcome); // what the slider hides is not counted
  }

  // The component now holds a stale value: put ours back, and send it again if it holds more than the server saw.
  insist(value, outcome) {
    const ours = this.doc.value();
    if (JSON.stringify(ours) === JSON.stringify(value)) return;
    this.link.put(ours);
    if (outcome !== "noted" && ours.edits > (value.edits || 0)) this.link.tell("edit");
  }

  opened() {
    this.pointer.left();
    this.adjust.toggle(false);
    this.showPicture();
    this.view.open(this.doc.size);
    this.list.scroll(0);
    if (this.doc.open) this.notices.opened();
    this.differential.opened();
  }

  showPicture() {
    this.root.toggleAttribute("data-open", this.doc.open);
    const image = this.doc.open ? this.doc.head.image : null;
    if (this.shown.show(image)) this.deep.open(image);
  }

  changed() {
    this.remember();
    this.render();
    this.link.edited(() => this.kept());
  }

  // What is about to be sent, with a copy in this browser in case it does not arrive.
  kept() {
    const value = this.doc.value();
    this.notices.kept = keeper.keep(value);
    return value;
  }

  remember() { Editor.kept = this.doc; }

  render() {
    this.root.setAttribute("data-tool", this.tool);
    this.root.setAttribute("data-kind", this.doc.kind);
    this.root.toggleAttribute("data-hidden", this.hidden);
    this.root.toggleAttribute("data-readonly", this.doc.readonly);
    this.root.toggleAttribute("data-plain", this.plain);
    this.layer.render();
    for (const panel of this.panels) panel.render();
  }

  focus() { (this.sheet.open ? this.sheet.grid : this.canvas).focus({ preventScroll: true }); }
  focused() { return this.canvas.contains(document.activeElement); }

  focusedMark(event) {
    if (this.sheet.open) return this.focus(); // it lies over the image
    const id = event.target.getAttribute && event.target.getAttribute("data-id");
    if (id !== null && !this.doc.selection.ids.has(id)) this.select(id);
  }

  select(id, { reveal = true } = {}) {
    this.doc.selected = id;
    this.showChosen();
    if (this.doc.mark && reveal) this.view.show(shapes.bounds(this.doc.mark));
  }

  showChosen() {
    const { doc } = this;
    doc.lastMerge = null;
    this.walk.ahead = null;
    if (doc.mark) doc.cursor = doc.shown.indexOf(doc.mark);
    this.layer.showSelected(doc.selected);
    this.list.follow();
    this.list.window();
    this.toolbar.render();
    this.readers.render();
    this.layer.overlays();
  }

  goTo(id) {
    this.select(id, { reveal: false });
    this.view.visit(shapes.bounds(this.doc.mark));
  }

  // Whether a tool is of use for what is asked about this image.
  can(tool) { return tool === "select" || (!this.doc.readonly && (tool === "edges" ? this.doc.kind === "box" : this.doc.kind !== "count")); }

  setTool(tool) {
    if (!this.can(tool)) return;
    this.tool = tool;
    this.doc.fresh = null;
    this.pointer.left();
    if (this.hidden && tool !== "select") this.hidden = false;
    this.render();
  }

  escape() {
    for (const panel of [this.help, this.sheet, this.adjust]) if (panel.open) return panel.toggle(false);
    if (this.similar.escape() || this.area.escape()) return;
    if (this.pointer.busy) return this.pointer.cancel();
    if (this.notices.stop()) return;
    if (this.tool !== "select") return this.setTool("select");
    if (this.differential.active) return this.differential.toggle(false);
    this.select(null);
  }

  add(shape, label = this.doc.drawLabel) {
    const mark = this.doc.add(shape, label);
    this.list.follow();
    return mark;
  }

  // Ask the model again inside this box; what it finds comes back as one step.
  lookCloser({ box }) {
    this.setTool("select");
    this.link.flush();
    this.link.put({ ...this.doc.value(), region: box });
    this.link.tell("closer");
  }

  // A verdict on one mark goes on to the next; one on several leaves them selected.
  judge(status) {
    const { chosen } = this.doc;
    if (this.pointer.busy || this.pointer.judge(status) || !this.doc.judge(chosen, status) || chosen.length > 1) return;
    if (this.doc.mark && this.doc.mark.status === status) this.walk.goOn();
  }

  remove() { if (!this.pointer.busy) this.doc.removeAll(this.doc.chosen); }

  nudge(dx, dy) {
    const { chosen, size } = this.doc;
    if (!chosen.length || this.pointer.busy) return false;
    this.doc.reshapeAll(shapes.moveAll(chosen, dx, dy, size), "nudge");
    return true;
  }

  digit(n) {
    const label = this.doc.labels[n - 1];
    if (label === undefined || this.pointer.busy) return false;
    if (this.doc.kind === "count") return this.counts.type(n - 1);
    this.chooseLabel(label);
    return true;
  }

  // The selected marks' label, else the label of the next mark drawn; in the draw tool of that, and of the mark just drawn.
  chooseLabel(label) {
    const draws = this.tool === "draw";
    const chosen = this.doc.chosen.filter((mark) => !draws || mark.id === this.doc.fresh);
    if (!chosen.length || draws) this.doc.drawLabel = label;
    if (!this.doc.relabelAll(chosen, label)) this.render();
  }

  // "hidden": no marks at all; "plain": outlines without glyphs, tags and fills.
  toggle(which) {
    this[which] = !this[which];
    this.layer.hover(null);
    this.render();
  }

  zoomToMark() { if (this.doc.mark) this.view.zoomTo(shapes.union(this.doc.chosen)); }

  send(name) {
    if (this.pointer.busy) return;
    if (name === "save" && this.doc.readonly) return;
    this.fit.settled(() => this.link.tell(name));
  }
}
