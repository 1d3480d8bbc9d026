// The document: marks and counts of one image, every change undoable. No DOM here.

import { carry } from "./carry.js";
import { changed, relabelled, reshaped } from "./changes.js";
import { counted, untouched } from "./core.js";
import { History } from "./history.js";
import { changedKeys, mergeInto, withdrawn } from "./merge.js";
import { Selection } from "./selection.js";
import { acceptOpen, count, hides, inSight, rejectHidden, told } from "./sight.js";
import { EMPTY, cleanMark, cleanState, sameQuestion } from "./state.js";

export class Doc extends History {
  /** @param {(question: { task: string, labels: string[] }) => boolean} onQuestion asks for it, and says whether it can be asked. */
  constructor(onChange, onQuestion = () => false) {
    super((asked, to) => this.askAgain(asked, to));
    this.onChange = onChange;
    this.onQuestion = onQuestion;
    this.head = null;
    this.sight = { below: 0, uncertain: false };
    this.seen = {};
    this.selection = new Selection();
    this.reset(EMPTY);
  }

  reset(state) {
    this.start(state);
    this.selected = this.fresh = null; // fresh: the mark drawn last, until the tool is changed
    this.cursor = -1;
    this.serial = 0;
    this.touched = new Map();
    this.awaited = null;
  }

  get open() { return this.head !== null && this.head.image !== null && this.head.image !== undefined; }
  get marks() { return this.state.marks; }
  get stated() { return this.state.stated; }
  get complete() { return this.state.complete; }
  get labels() { return this.head ? this.head.labels : []; }
  get kind() { return this.head ? this.head.kind : "box"; }
  get size() { return this.open ? this.head.image : { width: 1, height: 1 }; }
  get readonly() { return !this.open || Boolean(this.head.readonly); }

  hides(mark) { return hides(this.sight, mark); }
  get hidden() { return this.marks.filter((mark) => this.hides(mark)); }

  get shown() {
    const { sight, seen, marks } = this;
    if (seen.marks !== marks || seen.sight !== sight) this.seen = { marks, sight, list: inSight(marks, sight) };
    return this.seen.list;
  }

  // A step and an edit where it changes what is counted.
  look(change) {
    const before = this.hidden.filter(counted).length;
    this.sight = { ...this.sight, ...change };
    this.keepSelected();
    const { below } = this.sight;
    if (this.readonly || this.hidden.filter(counted).length === before) this.state = { ...this.state, below };
    else this.commit({ below }, "below");
  }

  find(id) { return this.marks.find((mark) => mark.id === id) || null; }
  get mark() { return this.selected === null ? null : this.find(this.selected); }

  // The mark that the panels speak of; to set it is to select it alone.
  get selected() { return this.selection.first; }
  set selected(id) { this.selection.only(id); }

  // All selected marks, in draw order.
  get chosen() {
    const { ids } = this.selection;
    if (ids.size > 1) return this.marks.filter((mark) => ids.has(mark.id));
    return this.mark ? [this.mark] : [];
  }

  // What is gone or hidden is not selected.
  keepSelected() {
    if (!this.selection.ids.size) return;
    const there = new Set(this.chosen.filter((mark) => !this.hides(mark)).map((mark) => mark.id));
    this.selection.keep((id) => there.has(id));
  }

  // A value from the server. "opened": another case. "accepted": a newer revision, as one undoable step.
  // "late": a newer revision that was made before the reader's last edits, "ignored": an older one; the local state stands.
  // "merged": marks of an answer that is still coming, beside what the reader did meanwhile. "noted": no marks, only notes.
  receive(raw) {
    if (!raw || typeof raw !== "object") return this.close();
    if (this.head) this.note(raw);
    if (this.head && !Array.isArray(raw.marks)) return "noted";
    if (this.head && raw.merge && raw.case !== this.head.case) return "ignored";
    const value = JSON.parse(JSON.stringify(raw));
    const state = { ...cleanState(value), below: this.sight.below };
    if (this.head && value.turned === this.head.case) return this.turn(value, state);
    if (!this.head || value.case !== this.head.case) {
      this.takeHead(value, value.edits || 0);
      this.reset(state);
      this.drawLabel = this.labels[0] || "";
      return "opened";
    }
    const newer = value.rev > this.head.rev || (value.rev === this.head.rev && value.edits > this.head.edits);
    if (!newer) return "ignored";
    if (value.merge) return this.merge(value, state);
    if ((value.edits || 0) < this.head.edits) {
      this.takeHead(value, this.head.edits);
      return "late";
    }
    this.push(state);
    this.takeHead(value, Math.max(value.edits || 0, this.head.edits));
    this.settle();
    return "accepted";
  }

  settle() {
    if (!this.labels.includes(this.drawLabel)) this.drawLabel = this.labels[0] || "";
    this.keepSelected();
  }

  // The same image under another question: the marks stay, and every step can still be undone, the question too. What the reader
  // changed since the question was sent stays.
  turn(value, state) {
    const { kind, labels, edits, task } = this.head;
    const steps = this.awaited && sameQuestion(this.awaited.asked, value) ? this.awaited.to : "past";
    this.awaited = null;
    this.turnAll((before) => carry(before, { kind, labels }, value));
    this.lastMerge = null;
    if (edits <= (value.edits || 0)) this.state = state;
    if (!sameQuestion(this.head, value)) this[steps].push({ ...this.state, asked: { task, labels } });
    this.takeHead(value, Math.max(value.edits || 0, edits));
    this.settle();
    return "turned";
  }

  // What the server says beside the marks: how many edits it has stored, and whether the model is still answering.
  note({ case: name, rev, acked, answering }) {
    if (name !== this.head.case) return;
    if (Number.isFinite(acked)) this.head.acked = Math.max(acked, this.head.acked || 0);
    if (typeof answering === "boolean" && (rev || 0) >= this.head.rev) this.head.answering = answering;
  }

  // Not a step of its own, unless it says so: undo goes on to mean the reader's last edit, and never takes the model's marks away.
  merge(value, incoming) {
    const since = value.edits || 0;
    const mine = (key) => (this.touched.get(key) || 0) > since;
    const gone = withdrawn(this.state, incoming, mine);
    const add = (state) => mergeInto(state, incoming, mine, gone);
    const next = add(this.state);
    if (value.merge !== "step") this.turnAll(add);
    else if (changedKeys(this.state, next).length) this.push(next);
    this.takeHead(value, Math.max(since, this.head.edits));
    return "merged";
  }

  close() {
    this.head = null;
    this.reset(EMPTY);
    return "opened";
  }

  takeHead(value, edits) {
    const labels = (value.labels || []).map(String);
    const acked = this.head && this.head.case === value.case ? this.head.acked : value.acked;
    const kept = this.head && this.head.case === value.case ? { counting: this.head.counting } : {};
    this.head = { ...kept, ...value, labels, rev: value.rev || 0, edits, acked };
    for (const key of ["marks", "stated", "aside", "complete", "merge", "turned"]) delete this.head[key];
  }

  value() {
    return { ...this.head, ...this.state, marks: told(this.marks, this.sight), below: undefined };
  }

  replace(copy) {
    if (!this.readonly) this.commit(cleanState(copy));
  }

  swap(state) {
    this.head.edits += 1;
    for (const key of changedKeys(this.state, state)) this.touched.set(key, this.head.edits);
    super.swap(state);
    if (state.below !== this.sight.below) this.sight = { ...this.sight, below: state.below };
    this.keepSelected();
    this.onChange();
  }

  undo() { if (!this.readonly) super.undo(); }
  redo() { if (!this.readonly) super.redo(); }

  // The question before this one, or after: it comes from the server, and is then a step the other way.
  askAgain(asked, to) {
    if (!this.onQuestion(asked)) return false;
    this.awaited = { asked, to: to === this.future ? "future" : "past" };
    return true;
  }

  nextId() {
    const taken = new Set([...this.marks, ...this.state.aside.marks].map((mark) => mark.id));
    do this.serial += 1;
    while (taken.has(`h${this.serial}`));
    return `h${this.serial}`;
  }

  add(shape, label) {
    if (this.readonly || this.kind === "count") return null;
    const mark = cleanMark({ id: this.nextId(), label, ...shape, origin: "human", status: "open", score: null });
    this.selected = this.fresh = mark.id;
    this.commit({ marks: [...this.marks, mark] });
    this.cursor = this.shown.indexOf(mark);
    return mark;
  }

  // One undoable step for all of these marks; `each` says what changes in a mark, or nothing. False when nothing does.
  change(marks, each, merge) {
    const which = new Set(marks);
    return this.put(this.marks.map((mark) => (which.has(mark) ? changed(mark, each(mark)) : mark)), merge);
  }

  put(marks, merge) {
    const same = marks.length === this.marks.length && marks.every((mark, at) => mark === this.marks[at]);
    if (this.readonly || same) return false;
    this.commit({ marks }, merge);
    return true;
  }

  // Copies of marks, as a person's own; those of a label that is not asked for are kept aside.
  paste(marks) {
    const asked = (mark) => this.labels.includes(mark.label);
    const own = marks.map((mark) => cleanMark({ ...mark, id: this.nextId(), origin: "human", status: "open", score: null, expert: null, votes: null }));
    const { aside } = this.state;
    this.selection.take(own.filter(asked).map((mark) => mark.id));
    if (own.length) this.commit({ marks: [...this.marks, ...own.filter(asked)], aside: { ...aside, marks: [...aside.marks, ...own.filter((mark) => !asked(mark))] } });
  }

  // Whether a mark waits for a reader's verdict.
  waits(mark) { return untouched(mark) || (["open", "doubtful"].includes(mark.status) && Boolean(this.proposed(mark.id))); }

  patch(id, change, merge) { return this.change([this.find(id)], () => change, merge); }
  reshape(id, shape, merge) { return this.change([this.find(id)], (mark) => reshaped(mark, shape), merge); }
  // Each mark by its id in a map of shapes.
  reshapeAll(moves, merge) {
    return this.change(this.marks.filter(({ id }) => moves.has(id)), (mark) => reshaped(mark, moves.get(mark.id)), merge);
  }

  relabel(id, label) { return this.relabelAll([this.find(id)], label); }
  relabelAll(marks, label) { return this.change(marks, (mark) => relabelled(mark, label)); }

  setStatus(id, status) { return this.judge([this.find(id)], status); }

  // Where all of them have it already, the verdict is taken back.
  judge(marks, status) {
    const back = marks.every((mark) => mark && mark.status === status);
    return this.change(marks, (mark) => (back || mark.status !== status ? { status: back ? this.unjudged(mark) : status } : null));
  }

  // What a mark is when its verdict is taken back: the model's is doubtful, unless it is known to have counted.
  unjudged({ id, origin }) {
    if (this.proposed(id)) return this.proposed(id).status;
    const stood = (state) => state.marks.some((mark) => mark.id === id && mark.status === "open");
    return origin !== "model" || (this.head.found || []).includes(id) || this.past.some(stood) ? "open" : "doubtful";
  }

  // The object of several readers that a mark was proposed for, or nothing.
  proposed(id) { return this.head.readers && this.head.readers.groups.find((group) => group.id === id); }

  acceptAll() { this.put(acceptOpen(this.marks, this.sight)); }
  rejectHidden() { this.put(rejectHidden(this.marks, this.sight)); }

  setComplete(complete) {
    if (!this.readonly && complete !== this.complete) this.commit({ complete });
  }

  // A person's marks go; the model's and those proposed for several readers stay as rejected: what was wrong is worth keeping.
  remove(id) { return this.removeAll([this.find(id)]); }
  removeAll(marks) {
    if (this.readonly) return false;
    const which = new Set(marks);
    const goes = (mark) => which.has(mark) && mark.origin === "human" && !this.proposed(mark.id);
    const at = this.shown.findIndex(goes);
    if (at >= 0) this.cursor = at - 1;
    const rejected = (mark) => changed(mark, which.has(mark) && mark.status !== "rejected" ? { status: "rejected" } : null);
    return this.put(this.marks.filter((mark) => !goes(mark)).map(rejected));
  }

  stateCount(label, n) {
    if (this.readonly || this.stated[label] === n) return;
    this.commit({ stated: { ...this.stated, [label]: n } }, `count:${label}`);
  }

  // Count per label: it follows the marks wherever there are marks.
  counts() {
    return this.kind === "count" ? { ...this.stated } : count(this.marks, this.sight);
  }

  // What the model itself said, per label, or null.
  said() {
    if (!this.head) return null;
    const said = this.head.model_stated || (this.kind === "count" ? null : this.stated);
    return said && Object.keys(said).length ? said : null;
  }
}
