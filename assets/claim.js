// The open image is this reader's for as long as the page says so: nobody else is sent to it. A page that nobody looks at is silent.

const EVERY_MS = 40000;

export class Claim {
  constructor() {
    this.image = null;
    this.timer = setInterval(() => this.again(), EVERY_MS);
    this.seen = () => this.again();
    this.away = () => this.image && this.tell({ left: this.image });
    document.addEventListener("visibilitychange", this.seen);
    window.addEventListener("pagehide", this.away);
  }

  // The image that is open now; null: none.
  receive(image) {
    if (image === this.image) return;
    const left = this.image;
    this.image = image;
    this.tell({ image: image || "", left: left || "" });
  }

  again() {
    if (this.image && !document.hidden) this.tell({ image: this.image });
  }

  tell(said) {
    const asked = { method: "POST", keepalive: true, body: JSON.stringify(said), headers: { "Content-Type": "application/json" } };
    fetch("api/worklist/open", asked).catch(() => {}); // a lost connection is told elsewhere
  }

  forget() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
    window.removeEventListener("pagehide", this.away);
  }
}
