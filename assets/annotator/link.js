// The way to the server. The first edit goes at once; edits that follow it closely go together, the last state winning.

const BURST_MS = 100;

// Not a plain object, so that Gradio's reactivity leaves it alone instead of wrapping every number of every mark.
class Value {
  constructor(fields) { Object.assign(this, fields); }
}

// Whatever the reader does next outside the image may read the component's value. Gradio may build the editor again and says
// nothing of the old one: what left the page is forgotten when the next one comes.
const links = new Set();
const flush = ({ target }) => links.forEach((link) => (target instanceof Node && link.host.contains(target) ? link.flush() : link.hand()));
for (const type of ["pointerdown", "focusin", "pagehide", "visibilitychange"]) document.addEventListener(type, flush, true);

export class Link {
  constructor({ put, trigger }, host) {
    this.host = host;
    this.send = trigger;
    this.raw = put;
    this.last = null;
    this.waiting = null;
    this.timer = null;
    this.handed = 0;
    for (const link of links) if (!link.host.isConnected) links.delete(link);
    links.add(this);
  }

  put(fields) {
    this.last = fields && new Value(fields);
    this.raw(this.last);
  }

  // What comes back to us is what we have just put there.
  own(value) { return value !== null && value === this.last; }

  edited(value) {
    this.waiting = value;
    if (this.timer === null) this.flush();
  }

  flush() {
    if (!this.waiting) return;
    const value = this.waiting();
    this.waiting = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.flush();
    }, BURST_MS);
    this.put(value);
    this.send("edit");
  }

  // The value is read now, to be saved perhaps: what comes for it later than this comes too late.
  hand() {
    this.handed += 1;
    this.flush();
  }

  tell(name) {
    this.hand();
    this.send(name);
  }
}
