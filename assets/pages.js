// The part of a long list that is in memory: parts that join, another asked for near an end, the farthest let go.

const NEAR = 60; // rows from an end at which more are asked for
const MOST = 1000; // rows in memory

const NOTHING = { rows: [], first: null, last: null, total: 0, capped: false };

// Where the row at `at` is among others, else the next behind it that is there, else the last before it; -1: none of them.
export const found = (rows, at, others) => {
  const places = new Map(others.map((row, place) => [row[0], place]));
  const order = [...rows.keys()].filter((k) => k >= at).concat([...rows.keys()].filter((k) => k < at).reverse());
  const kept = order.find((k) => places.has(rows[k][0]));
  return kept === undefined ? null : { was: kept, is: places.get(rows[kept][0]) };
};

export class Pages {
  // A list begins with one part of it. `load(place)` resolves with another; `place` is { after } or { before }.
  constructor(part = NOTHING, load = null) {
    this.parts = [part];
    this.load = load;
    this.busy = this.jumping = false;
    this.total = part.total;
    this.capped = part.capped;
    // How many rows stand above these; null: nobody has counted them.
    this.above = part.first === null ? 0 : part.last === null && !part.capped ? part.total - part.rows.length : null;
    this.join();
  }

  join() { this.rows = this.parts.flatMap((part) => part.rows); }

  get first() { return this.parts[0].first; }
  get last() { return this.parts[this.parts.length - 1].last; }

  // Which side has to be asked for when these rows are in sight; null: none.
  missing(from, to) {
    if (this.busy || !this.load) return null;
    if (to > this.rows.length - NEAR && this.last !== null) return "after";
    return from < NEAR && this.first !== null ? "before" : null;
  }

  // Resolves with by how much the rows have moved down: those that came above, less those that were let go there.
  async more(side) {
    this.busy = true;
    const part = await this.load({ [side]: side === "after" ? this.last : this.first }).finally(() => { this.busy = false; });
    const known = new Set(this.rows.map((row) => row[0]));
    const fresh = { ...part, rows: part.rows.filter((row) => !known.has(row[0])) };
    const moved = side === "after" ? this.below(fresh) : this.over(fresh);
    this.join();
    return moved;
  }

  below(part) {
    this.parts.push(part);
    let gone = 0;
    for (let left = this.rows.length + part.rows.length; left - this.parts[0].rows.length >= MOST;) {
      const { rows } = this.parts.shift();
      gone += rows.length;
      left -= rows.length;
    }
    if (this.above !== null) this.above += gone;
    return -gone;
  }

  over(part) {
    this.parts.unshift(part);
    for (let left = this.rows.length + part.rows.length; left - this.parts[this.parts.length - 1].rows.length >= MOST;) left -= this.parts.pop().rows.length;
    if (part.first === null) this.above = 0;
    else if (this.above !== null) this.above -= part.rows.length;
    return part.rows.length;
  }
}
