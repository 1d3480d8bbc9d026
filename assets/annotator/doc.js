// The document: marks and counts of one image, every change undoable. No DOM here.

import { carry } from "./carry.js";
import { counted } from "./core.js";
import { changedKeys, mergeInto, withdrawn } from "./merge.js";
import * as shapes from "./shapes.js";
import { acceptOpen, count, hides, inSight, rejectHidden, told } from "./sight.js";
import { EMPTY, cleanMark, cleanState } from "./state.js";

const MERGE_MS = 800;

export class Doc {
  constructor(onChange) {
    this.onChange = onChange;
    this.head = null;
    this.sight = { below: 0, uncertain: false };
    this.seen = {};
    this.reset(EMPTY);
  }

  reset(state) {
    this.state = state;
    this.past = [];
    this.future = [];
    this.lastMerge = null;
    this.selected = this.fresh = null; // fresh: the mark drawn last, until the tool is changed
    this.cursor = -1;
    this.serial = 0;
    this.touched = new Map();
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

  // No step to undo, but an edit where it changes what is counted.
  look(change) {
    const before = this.hidden.filter(counted).length;
    this.sight = { ...this.sight, ...change };
    if (this.mark && this.hides(this.mark)) this.selected = null;
    if (this.readonly || this.hidden.filter(counted).length === before) return;
    this.head.edits += 1;
    this.onChange();
  }

  find(id) { return this.marks.find((mark) => mark.id === id) || null; }
  get mark() { return this.selected === null ? null : this.find(this.selected); }

  // A value from the server. "opened": another case. "accepted": a newer revision, as one undoable step.
  // "late": a newer revision that was made before the reader's last edits, "ignored": an older one; the local state stands.
  // "merged": marks of an answer that is still coming, beside what the reader did meanwhile. "noted": no marks, only notes.
  receive(raw) {
    if (!raw || typeof raw !== "object") return this.close();
    if (this.head) this.note(raw);
    if (this.head && !Array.isArray(raw.marks)) return "noted";
    if (this.head && raw.merge && raw.case !== this.head.case) return "ignored";
    const value = JSON.parse(JSON.stringify(raw));
    const state = cleanState(value);
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
    this.past.push(this.state);
    this.future = [];
    this.lastMerge = null;
    this.state = state;
    this.takeHead(value, Math.max(value.edits || 0, this.head.edits));
    this.settle();
    return "accepted";
  }

  settle() {
    if (!this.labels.includes(this.drawLabel)) this.drawLabel = this.labels[0] || "";
    if (!this.mark) this.selected = null;
  }

  // The same image under another question: the marks stay, and every step can still be undone. What the reader changed since the
  // question was sent stays too.
  turn(value, state) {
    const { kind, labels, edits } = this.head;
    const turned = (before) => carry(before, { kind, labels }, value);
    this.past = this.past.map(turned);
    this.future = this.future.map(turned);
    this.lastMerge = null;
    this.state = edits > (value.edits || 0) ? turned(this.state) : state;
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
    if (value.merge === "step") this.push(add(this.state));
    else this.addToAll(add);
    this.takeHead(value, Math.max(since, this.head.edits));
    return "merged";
  }

  addToAll(add) {
    this.state = add(this.state);
    this.past = this.past.map(add);
    this.future = this.future.map(add);
  }

  push(state) {
    if (!changedKeys(this.state, state).length) return;
    this.past.push(this.state);
    this.future = [];
    this.lastMerge = null;
    this.state = state;
  }

  close() {
    this.head = null;
    this.reset(EMPTY);
    return "opened";
  }

  takeHead(value, edits) {
    const labels = (value.labels || []).map(String);
    const acked = this.head && this.head.case === value.case ? this.head.acked : value.acked;
    this.head = { ...value, labels, rev: value.rev || 0, edits, acked };
    for (const key of ["marks", "stated", "aside", "complete", "merge", "turned"]) delete this.head[key];
  }

  value() {
    return { ...this.head, ...this.state, marks: told(this.marks, this.sight) };
  }

  replace(copy) {
    if (!this.readonly) this.commit(cleanState(copy));
  }

  // One undoable step; steps with the same `merge` key within a moment become one.
  commit(next, merge) {
    const now = performance.now();
    const joins = merge && this.lastMerge && this.lastMerge.key === merge && now - this.lastMerge.at < MERGE_MS;
    if (!joins) this.past.push(this.state);
    this.lastMerge = merge ? { key: merge, at: now } : null;
    this.future = [];
    this.swap({ ...this.state, ...next });
  }

  swap(state) {
    this.head.edits += 1;
    for (const key of changedKeys(this.state, state)) this.touched.set(key, this.head.edits);
    this.state = state;
    if (this.selected !== null && !this.mark) this.selected = null;
    this.onChange();
  }

  undo() {
    if (this.readonly || !this.past.length) return;
    this.future.push(this.state);
    this.lastMerge = null;
    this.swap(this.past.pop());
  }

  redo() {
    if (this.readonly || !this.future.length) return;
    this.past.push(this.state);
    this.lastMerge = null;
    this.swap(this.future.pop());
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

  patch(id, change, merge) {
    if (this.readonly) return;
    const marks = this.marks.map((mark) => (mark.id === id ? Object.freeze({ ...mark, ...change }) : mark));
    this.commit({ marks }, merge);
  }

  // Whose mark it is once a person has changed it; a doubtful one counts from then on.
  edited({ origin, status }) {
    return { origin: origin === "model" ? "edited" : origin, status: status === "doubtful" ? "open" : status };
  }

  reshape(id, shape, merge) {
    const mark = this.find(id);
    if (mark && !shapes.same(mark, shape)) this.patch(id, { ...shape, ...shapes.carried(mark, shape), ...this.edited(mark) }, merge);
  }

  relabel(id, label) {
    const mark = this.find(id);
    if (mark && mark.label !== label) this.patch(id, { label, ...this.edited(mark) });
  }

  setStatus(id, status) {
    const mark = this.find(id);
    if (mark) this.patch(id, { status: mark.status === status ? this.unjudged(mark) : status });
  }

  // What a mark is when its verdict is taken back: the model's is doubtful, unless it is known to have counted.
  unjudged({ id, origin }) {
    if (this.proposed(id)) return this.proposed(id).status;
    const stood = (state) => state.marks.some((mark) => mark.id === id && mark.status === "open");
    return origin !== "model" || (this.head.found || []).includes(id) || this.past.some(stood) ? "open" : "doubtful";
  }

  // The object of several readers that a mark was proposed for, or nothing.
  proposed(id) { return this.head.readers && this.head.readers.groups.find((group) => group.id === id); }

  acceptAll() { this.judgeAll(acceptOpen(this.marks, this.sight)); }
  rejectHidden() { this.judgeAll(rejectHidden(this.marks, this.sight)); }

  judgeAll(marks) {
    if (!this.readonly && marks.some((mark, at) => mark !== this.marks[at])) this.commit({ marks });
  }

  setComplete(complete) {
    if (!this.readonly && complete !== this.complete) this.commit({ complete });
  }

  // A person's mark goes; the model's and one proposed for several readers stay as rejected: what was wrong is worth keeping.
  remove(id) {
    const mark = this.find(id);
    if (!mark || this.readonly) return;
    if (mark.origin === "human" && !this.proposed(id)) {
      this.cursor = this.shown.indexOf(mark) - 1;
      this.commit({ marks: this.marks.filter((other) => other !== mark) });
    } else if (mark.status !== "rejected") this.patch(id, { status: "rejected" });
  }

  stateCount(label, n) {
    if (this.readonly || this.stated[label] === n) return;
    this.commit({ stated: { ...this.stated, [label]: n } }, `count:${label}`);
  }

  step(by) {
    const { shown, mark } = this;
    if (!shown.length) return null;
    const at = mark ? shown.indexOf(mark) : this.cursor;
    const from = at < 0 && by < 0 && !mark ? shown.length : at;
    this.cursor = (from + by + shown.length) % shown.length;
    return shown[this.cursor].id;
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
