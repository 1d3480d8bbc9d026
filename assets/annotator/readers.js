// Several readers' marks of one image, for whoever makes the consensus: drawn in a colour and a dash for each reader, the votes for
// the selected object, and keys to accept, to reject, or to take one reader's version.

import { button, html, svg, text } from "./core.js";
import { t } from "./words.js";

// Unlike the colours of labels, and bright on the dark line that each is drawn on.
export const COLORS = ["#FFFFFF", "#FF5CE1", "#2BF0FF", "#B9FF45", "#FF9B73", "#C3A6FF"];
const DASH = 5; // pixels; lines in one place take turns, so that each is seen
const DOT = 9; // pixels; points in one place are rings
const STANDING = { agreed: "agreed", majority: "by majority", minority: "by a minority", tied: "tied" };

const colorOf = (at) => COLORS[at % COLORS.length];
const path = ({ box, point }) => (point ? `M${point[0]} ${point[1]}h0` : `M${box[0]} ${box[1]}H${box[2]}V${box[3]}H${box[0]}Z`);

export class Readers {
  constructor(editor) {
    this.editor = editor;
    this.drawn = svg("g", { class: "pda-readers", "aria-hidden": "true" });
    this.legend = html("div", { class: "pda-reader-legend", role: "group", "aria-label": "Readers" });
    this.said = html("p", { class: "pda-standing", role: "status" });
    this.agreed = html("button", { type: "button", class: "pda-close", title: "Accept what everybody marked alike (Shift E)",
      on: { click: () => this.act(() => this.acceptAgreed()) } }, "Accept agreed");
    this.votes = html("div", { class: "pda-votes", role: "group", "aria-label": "Votes for the selected object" });
    this.root = html("section", { class: "pda-panel-readers", "aria-label": "Readers' marks", hidden: "" },
      this.legend, html("div", { class: "pda-standing-line" }, this.said, this.agreed), this.votes);
    this.hidden = new Set();
    this.value = null;
    this.mapped = { value: null, groups: new Map() };
    this.voted = undefined;
  }

  get on() { return Boolean(this.editor.doc.open && this.editor.doc.head.readers); }
  get names() { return this.on ? this.editor.doc.head.readers.names : []; }

  act(run) {
    run();
    this.editor.focus();
  }

  // Mark id -> its object.
  get groups() {
    const value = this.on ? this.editor.doc.head.readers : null;
    if (value !== this.mapped.value) this.mapped = { value, groups: new Map(((value && value.groups) || []).map((group) => [group.id, group])) };
    return this.mapped.groups;
  }

  // The object that a mark stands for; null for one that the adjudicator drew.
  group(id) { return this.groups.get(id) || null; }

  // How many of the readers marked it, as in "2/3".
  share(id) {
    const group = this.group(id);
    return group ? `${Object.keys(group.marks).length}/${this.names.length}` : "";
  }

  standing(id) {
    const group = this.group(id);
    return group ? t(STANDING[group.standing]) : "";
  }

  // The numbers that the readers stated, as in "ada 5 · bob 6".
  stated(label) {
    const all = this.on ? this.editor.doc.head.readers.stated : {};
    return this.names.map((name) => `${name} ${all[name][label] || 0}`).join(" · ");
  }

  // One step: all that everybody marked with one label, and that nobody has judged since.
  acceptAgreed() {
    const { doc } = this.editor;
    const agreed = (mark) => mark.status === "open" && this.group(mark.id) && this.group(mark.id).standing === "agreed";
    if (this.on) doc.change(doc.marks.filter(agreed), () => ({ status: "accepted" }));
  }

  // The selected object as this reader has it: place and label.
  take(name) {
    const { doc } = this.editor;
    const group = doc.mark && this.group(doc.mark.id);
    if (!group || !group.marks[name]) return;
    const { box, point, extent, outline, label } = group.marks[name];
    doc.patch(doc.mark.id, { box, point, extent, outline, label, status: "accepted" });
    this.taken = name;
    this.render();
  }

  // The version of the next reader who has one.
  takeNext() {
    const group = this.editor.doc.mark && this.group(this.editor.doc.mark.id);
    const have = group ? this.names.filter((name) => group.marks[name]) : [];
    if (have.length) this.take(have[(have.indexOf(this.taken) + 1) % have.length]);
  }

  // To the next object about which readers are tied, else the next that not all marked alike and that nobody has looked at; false
  // when there is none.
  next() {
    const { doc } = this.editor;
    const tied = this.on ? doc.shown.filter((mark) => mark.status === "doubtful") : [];
    const unlike = (mark) => mark.status === "open" && this.group(mark.id) && this.group(mark.id).standing !== "agreed";
    const open = tied.length ? tied : doc.shown.filter((mark) => this.on && unlike(mark));
    if (!open.length) return false;
    const from = doc.mark ? doc.shown.indexOf(doc.mark) : -1;
    this.editor.goTo((open.find((mark) => doc.shown.indexOf(mark) > from) || open[0]).id);
    return true;
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.value = null;
    this.render();
  }

  render() {
    this.root.hidden = !this.on;
    const value = this.on ? this.editor.doc.head.readers : null;
    if (value !== this.value) this.build(value);
    if (!this.on) return;
    this.renderStanding();
    this.renderVotes();
  }

  build(value) {
    Object.assign(this, { value, voted: undefined });
    const names = this.names;
    this.drawn.replaceChildren(...names.flatMap((name, at) => (this.hidden.has(name) ? [] : this.lines(name, at, names.length))));
    this.legend.replaceChildren(...names.map((name, at) => this.chip(name, at)));
  }

  marks(name) { return [...this.groups.values()].map((group) => group.marks[name]).filter(Boolean); }

  lines(name, at, of) {
    const style = (kind) => ({ class: "pda-reader", "data-kind": kind, stroke: colorOf(at) });
    const dashes = { "stroke-dasharray": `${DASH} ${DASH * (of - 1)}`, "stroke-dashoffset": -DASH * at };
    const own = this.marks(name);
    const d = (kind) => own.filter((mark) => Boolean(mark.box) === (kind === "box")).map(path).join("");
    return [
      svg("path", { class: "pda-reader-halo", "data-kind": "box", d: d("box") }),
      svg("path", { ...style("box"), ...dashes, d: d("box") }),
      svg("path", { ...style("point"), "stroke-width": DOT + 4 * (of - at), d: d("point") }),
    ];
  }

  chip(name, at) {
    const sample = svg("svg", { viewBox: "0 0 22 8", class: "pda-reader-sample", "aria-hidden": "true" }, svg("path", { d: "M0 4h22", stroke: "#000" }),
      svg("path", { d: "M0 4h22", stroke: colorOf(at), "stroke-dasharray": "5 2" }));
    return html("button", { type: "button", class: "pda-reader-chip", title: "Hide or show this reader's marks", "aria-pressed": String(!this.hidden.has(name)),
      on: { click: () => this.act(() => this.toggle(name)) } }, sample, html("span", { translate: "no" }, name), html("span", { class: "pda-number", translate: "no" }, String(this.marks(name).length)));
  }

  renderStanding() {
    const { doc } = this.editor;
    const open = doc.marks.filter((mark) => mark.status === "doubtful").length;
    const rest = doc.marks.filter((mark) => mark.status === "open").length;
    text(this.said, [open ? t("to decide: {n}", { n: open }) : "", t("not yet looked at: {n}", { n: rest })].filter(Boolean).join(" · "));
    this.said.toggleAttribute("data-open", open > 0);
    this.agreed.disabled = doc.readonly || !doc.marks.some((mark) => mark.status === "open" && this.group(mark.id) && this.group(mark.id).standing === "agreed");
  }

  // What each reader has of the selected object, and a button to take it.
  renderVotes() {
    const { doc } = this.editor;
    const group = doc.mark && this.group(doc.mark.id);
    if (this.voted === group && this.fixed === doc.readonly) return;
    this.voted = group;
    this.fixed = doc.readonly;
    this.taken = null;
    const line = (name, at) => this.vote(name, at, group.marks[name]);
    this.votes.replaceChildren(...(group ? this.names.map(line) : [html("p", {}, "Select an object to see who marked it.")]));
  }

  vote(name, at, mark) {
    const swatch = html("i", { class: "pda-reader-swatch", "aria-hidden": "true" });
    swatch.style.background = colorOf(at);
    const said = mark ? html("span", { translate: "no" }, mark.label) : html("em", {}, "not marked");
    const take = button("accept", t("Take the version of {name}", { name }), () => this.act(() => this.take(name)));
    take.hidden = !mark;
    take.disabled = this.editor.doc.readonly;
    return html("div", { class: "pda-vote" }, swatch, html("span", { class: "pda-name", translate: "no" }, name), said, take);
  }
}
