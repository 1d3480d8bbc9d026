// Copies of unsent work in this browser, for each reader their own: marks and counts, never pixels. Dropped once the server
// says it has them.

const PREFIX = "pdc-copy:";
const CELLS = "pdc-cells:";
const MOST = 20;
const DAYS = 7;
const SESSION = Math.random().toString(36).slice(2); // two tabs never overwrite each other's copy

const storage = () => {
  try {
    return window.localStorage;
  } catch (blocked) {
    return null;
  }
};
const read = (key) => {
  try {
    return JSON.parse(storage().getItem(key));
  } catch (broken) {
    return null;
  }
};
const drop = (key) => storage() && storage().removeItem(key);
const named = (prefix, head) => `${prefix}${JSON.stringify([head.reader || "", head.case, head.image.url])}`;
const place = (head) => named(PREFIX, head);

const plain = (mark) => [mark.id, mark.label, mark.status, ...(mark.box || mark.point).map((v) => Math.round(v * 100))].join("|");
const same = (a, b) => a.marks.map(plain).sort().join("\n") === b.marks.map(plain).sort().join("\n")
  && JSON.stringify(Object.entries(a.stated).sort()) === JSON.stringify(Object.entries(b.stated).sort())
  && (a.complete !== false) === (b.complete !== false);

// Every entry as [key, entry], newest first; what is broken or old is dropped on the way.
function entries(prefix, whole) {
  const store = storage();
  if (!store) return [];
  const found = Object.keys(store).filter((key) => key.startsWith(prefix)).map((key) => [key, read(key)]);
  /** @param {any[]} pair */
  const fresh = ([, entry]) => entry && whole(entry) && Date.now() - entry.at < DAYS * 864e5;
  for (const entry of found) if (!fresh(entry)) drop(entry[0]);
  return found.filter(fresh).sort((a, b) => b[1].at - a[1].at);
}

const copies = () => entries(PREFIX, (copy) => Array.isArray(copy.marks) && copy.stated);
const ticks = () => entries(CELLS, (entry) => Array.isArray(entry.done));

// Write; when the browser's room is full, the oldest copies go first. False when there is no room at all.
function write(key, content) {
  for (;;) {
    try {
      storage().setItem(key, content);
      return true;
    } catch (full) {
      const oldest = copies().filter(([other]) => other !== key).pop();
      if (!oldest) return false;
      drop(oldest[0]);
    }
  }
}

// What this tab remembers over a reload: read, and then put there or taken away.
export const tab = (key, value) => {
  try {
    const before = window.sessionStorage.getItem(key);
    if (value) window.sessionStorage.setItem(key, value);
    else window.sessionStorage.removeItem(key);
    return before;
  } catch (blocked) {
    return null;
  }
};

// The reader, the case and the image that a copy is of.
const headOf = (key) => {
  try {
    return JSON.parse(key.slice(PREFIX.length, key.lastIndexOf("]") + 1));
  } catch (broken) {
    return [];
  }
};

export const keeper = {
  days: DAYS,

  // Of how many images this browser has work of a reader that the server has not said it has.
  unsent: (reader) => new Set(copies().map(([key]) => headOf(key)).filter(([whose]) => whose === reader).map(([, , image]) => image)).size,

  keep(value) {
    const key = `${place(value)}:${SESSION}`;
    if (Number.isFinite(value.acked) && value.acked >= value.edits) {
      drop(key);
      return true;
    }
    const known = storage() && storage().getItem(key) !== null;
    const { edits, marks, stated, aside, complete } = value;
    const kept = write(key, JSON.stringify({ at: Date.now(), edits, marks, stated, aside, complete }));
    if (!known) for (const [old] of copies().slice(MOST)) drop(old);
    return kept;
  },

  acked(head) {
    const key = `${place(head)}:${SESSION}`;
    const copy = Number.isFinite(head.acked) && read(key);
    if (copy && copy.edits <= head.acked) drop(key);
  },

  // The newest copy of this case from an earlier visit that holds more than the server's state, or null.
  find(head, state) {
    for (const [key, copy] of copies()) {
      if (!key.startsWith(`${place(head)}:`)) continue;
      if (same(copy, state)) drop(key);
      else if (copy.edits > head.edits) return { key, ...copy };
    }
    return null;
  },

  // The cells of the counting grid that this reader has been through, by name.
  cells(head) {
    const found = ticks().find(([key]) => key === named(CELLS, head));
    return new Set(found ? found[1].done : []);
  },

  tick(head, cells) {
    if (!cells.size) return drop(named(CELLS, head));
    for (const [old] of ticks().slice(MOST)) drop(old);
    return write(named(CELLS, head), JSON.stringify({ at: Date.now(), done: [...cells] }));
  },

  drop,
};
