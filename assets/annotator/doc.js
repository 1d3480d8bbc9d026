// The document: marks and counts of one image, every change undoable. No DOM here.
(function (PDC) {
  "use strict";
  const { shapes } = PDC;
  const MERGE_MS = 800;

  const finite = (values, n) => Array.isArray(values) && values.length === n && values.every(Number.isFinite);

  function cleanMark(raw) {
    const shape = finite(raw.box, 4) ? { box: [...raw.box] } : finite(raw.point, 2) ? { point: [...raw.point] } : null;
    if (!shape) return null;
    return Object.freeze({
      id: String(raw.id),
      label: String(raw.label),
      ...shape,
      origin: String(raw.origin || "human"),
      status: String(raw.status || "open"),
      score: Number.isFinite(raw.score) ? raw.score : null,
    });
  }

  function cleanCounts(raw) {
    const pairs = Object.entries(raw || {}).filter(([, n]) => Number.isFinite(n) && n >= 0);
    return Object.fromEntries(pairs.map(([label, n]) => [label, Math.round(n)]));
  }

  class Doc {
    constructor(onChange) {
      this.onChange = onChange;
      this.head = null;
      this.reset({ marks: [], stated: {} });
    }

    reset(state) {
      this.state = state;
      this.past = [];
      this.future = [];
      this.lastMerge = null;
      this.selected = null;
      this.cursor = -1;
      this.serial = 0;
    }

    get open() { return this.head !== null && this.head.image !== null && this.head.image !== undefined; }
    get marks() { return this.state.marks; }
    get stated() { return this.state.stated; }
    get labels() { return this.head ? this.head.labels : []; }
    get kind() { return this.head ? this.head.kind : "box"; }
    get size() { return this.open ? this.head.image : { width: 1, height: 1 }; }
    get readonly() { return !this.open || Boolean(this.head.readonly); }

    find(id) { return this.marks.find((mark) => mark.id === id) || null; }
    get mark() { return this.selected === null ? null : this.find(this.selected); }

    // A value from the server. "opened": another case. "accepted": a newer revision, as one undoable step.
    // "late": a newer revision that was made before the reader's last edits, "ignored": an older one; the local state stands.
    receive(raw) {
      if (!raw || typeof raw !== "object") return this.close();
      const value = JSON.parse(JSON.stringify(raw));
      const state = { marks: (value.marks || []).map(cleanMark).filter(Boolean), stated: cleanCounts(value.stated) };
      if (!this.head || value.case !== this.head.case) {
        this.takeHead(value, value.edits || 0);
        this.reset(state);
        this.drawLabel = this.labels[0] || "";
        return "opened";
      }
      const newer = value.rev > this.head.rev || (value.rev === this.head.rev && value.edits > this.head.edits);
      if (!newer) return "ignored";
      if ((value.edits || 0) < this.head.edits) {
        this.takeHead(value, this.head.edits);
        return "late";
      }
      this.past.push(this.state);
      this.future = [];
      this.lastMerge = null;
      this.state = state;
      this.takeHead(value, Math.max(value.edits || 0, this.head.edits));
      if (!this.labels.includes(this.drawLabel)) this.drawLabel = this.labels[0] || "";
      if (!this.mark) this.selected = null;
      return "accepted";
    }

    close() {
      this.head = null;
      this.reset({ marks: [], stated: {} });
      return "opened";
    }

    takeHead(value, edits) {
      const labels = (value.labels || []).map(String);
      this.head = { ...value, labels, rev: value.rev || 0, edits };
      delete this.head.marks;
      delete this.head.stated;
    }

    value() {
      return { ...this.head, marks: this.marks, stated: this.stated };
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
      this.state = state;
      this.head.edits += 1;
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
      const taken = new Set(this.marks.map((mark) => mark.id));
      do this.serial += 1;
      while (taken.has(`h${this.serial}`));
      return `h${this.serial}`;
    }

    add(shape, label) {
      if (this.readonly || this.kind === "count") return null;
      const mark = cleanMark({ id: this.nextId(), label, ...shape, origin: "human", status: "open", score: null });
      this.selected = mark.id;
      this.cursor = this.marks.length;
      this.commit({ marks: [...this.marks, mark] });
      return mark;
    }

    patch(id, change, merge) {
      if (this.readonly) return;
      const marks = this.marks.map((mark) => (mark.id === id ? Object.freeze({ ...mark, ...change }) : mark));
      this.commit({ marks }, merge);
    }

    edited(mark) { return mark.origin === "model" ? "edited" : mark.origin; }

    reshape(id, shape, merge) {
      const mark = this.find(id);
      if (mark && !shapes.same(mark, shape)) this.patch(id, { ...shape, origin: this.edited(mark) }, merge);
    }

    relabel(id, label) {
      const mark = this.find(id);
      if (mark && mark.label !== label) this.patch(id, { label, origin: this.edited(mark) });
    }

    setStatus(id, status) {
      const mark = this.find(id);
      if (mark) this.patch(id, { status: mark.status === status ? "open" : status });
    }

    acceptAll() {
      if (this.readonly || !this.marks.some((mark) => mark.status === "open")) return;
      const accept = (mark) => (mark.status === "open" ? Object.freeze({ ...mark, status: "accepted" }) : mark);
      this.commit({ marks: this.marks.map(accept) });
    }

    // A person's mark goes; the model's stays as rejected, because what it got wrong is worth keeping.
    remove(id) {
      const mark = this.find(id);
      if (!mark || this.readonly) return;
      if (mark.origin === "human") {
        this.cursor = this.marks.indexOf(mark) - 1;
        this.commit({ marks: this.marks.filter((other) => other !== mark) });
      } else if (mark.status !== "rejected") this.patch(id, { status: "rejected" });
    }

    stateCount(label, n) {
      if (this.readonly || this.stated[label] === n) return;
      this.commit({ stated: { ...this.stated, [label]: n } }, `count:${label}`);
    }

    step(by) {
      if (!this.marks.length) return null;
      const at = this.mark ? this.marks.indexOf(this.mark) : this.cursor;
      const from = at < 0 && by < 0 && !this.mark ? this.marks.length : at;
      this.cursor = (from + by + this.marks.length) % this.marks.length;
      return this.marks[this.cursor].id;
    }

    // Count per label: it follows the marks wherever there are marks.
    counts() {
      if (this.kind === "count") return { ...this.stated };
      const counts = {};
      for (const mark of this.marks) if (mark.status !== "rejected") counts[mark.label] = (counts[mark.label] || 0) + 1;
      return counts;
    }

    // What the model itself said, per label, or null.
    said() {
      if (!this.head) return null;
      const said = this.head.model_stated || (this.kind === "count" ? null : this.stated);
      return said && Object.keys(said).length ? said : null;
    }
  }

  PDC.Doc = Doc;
})((window.PDC = window.PDC || {}));
