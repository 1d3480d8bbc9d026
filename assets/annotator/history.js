// States one after another: every change is a step that can be undone. What a state holds is not known here, but for one thing: a
// state with `asked` stands for a step that somebody else takes back.

const MERGE_MS = 800;

export class History {
  // `ask` has a step taken back that is not ours, and says whether it will be.
  constructor(ask) { this.ask = ask; }

  start(state) {
    this.state = state;
    this.past = [];
    this.future = [];
    this.lastMerge = null;
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

  // A step that the reader did not make.
  push(state) {
    this.past.push(this.state);
    this.future = [];
    this.lastMerge = null;
    this.state = state;
  }

  // No step: every state there is and was becomes another.
  turnAll(change) {
    this.state = change(this.state);
    this.past = this.past.map(change);
    this.future = this.future.map(change);
  }

  undo() { this.walk(this.past, this.future); }
  redo() { this.walk(this.future, this.past); }

  walk(from, to) {
    while (from.length && from[from.length - 1].asked) if (this.ask(from.pop().asked, to)) return;
    if (!from.length) return;
    to.push(this.state);
    this.lastMerge = null;
    this.swap(from.pop());
  }

  swap(state) { this.state = state; }
}
