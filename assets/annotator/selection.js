// Which marks are selected: the first, which the panels speak of, and any number beside it. Ids only; no DOM here.

export class Selection {
  constructor() { this.only(null); }

  only(id) { this.take(id === null ? [] : [id]); }

  take(ids, first = ids.length ? ids[ids.length - 1] : null) {
    this.ids = new Set(ids);
    this.first = first;
  }

  // In or out; what comes in is the first now.
  toggle(id) {
    if (this.ids.has(id)) this.keep((other) => other !== id);
    else this.take([...this.ids, id]);
  }

  // Those that are still there.
  keep(there) {
    const ids = [...this.ids].filter(there);
    if (ids.length < this.ids.size) this.take(ids, ids.includes(this.first) ? this.first : ids[ids.length - 1]);
    if (!ids.length) this.first = null;
  }
}
