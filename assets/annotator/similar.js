// Similar cases: the reviewed images likest the one on the screen, in a strip below it, and one of them larger to look over. Nothing
// here changes anything; opening an image is the reader's own second click.

import { colorOf, html, svg, text } from "./core.js";
import { t } from "./words.js";

const AGAIN_MS = 1000; // until an image that the model has not looked at yet is asked about again
const CHIPS = 4; // labels whose count a card shows

const day = (at) => new Date(at).toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
const path = ({ box, point }) => (point ? `M${point[0]} ${point[1]}h0` : `M${box[0]} ${box[1]}H${box[2]}V${box[3]}H${box[0]}Z`);
const total = (made) => made.counts.reduce((sum, n) => sum + n, 0);
const push = (words, run, extra) => html("button", { type: "button", class: "pda-close", on: { click: run }, ...extra }, words);

export class Similar {
  constructor(editor) {
    this.editor = editor;
    this.on = false;
    this.of = null; // the case whose cases are shown
    this.cases = [];
    this.at = -1;
    this.timer = null;
    this.button = html("button", { type: "button", class: "pda-similar-open", title: "Reviewed images that look like this one (Shift S)",
      on: { click: () => this.toggle() } }, "Similar cases");
    this.note = html("p", { class: "pda-similar-note", role: "status" });
    this.cards = html("div", { class: "pda-cards", role: "list" });
    this.root = html("section", { class: "pda-similar", "aria-label": "Similar cases", hidden: "", on: { keydown: (event) => this.key(event) } },
      html("header", {}, html("strong", {}, "Similar cases"), this.note, push("Close", () => this.toggle(false))), this.cards);
    this.figure = html("div", { class: "pda-look-picture" });
    this.said = html("div", { class: "pda-look-said" });
    this.look = html("div", { class: "pda-look", role: "dialog", "aria-label": "A similar case, to look over", tabindex: "-1", hidden: "",
      on: { keydown: (event) => this.lookKey(event) } }, this.figure, html("div", { class: "pda-look-line" }, this.said,
      push("Open this image", () => this.open()), push("Close", () => this.show(-1), { title: "Close (Esc)" })));
  }

  get case() { return this.editor.doc.open ? this.editor.doc.head.case : null; }

  toggle(on = !this.on) {
    this.on = on && this.editor.doc.open;
    if (!this.on) this.show(-1);
    this.of = null;
    this.render();
    if (!this.on) this.editor.focus();
  }

  // Closes what is open here; false when nothing is.
  escape() {
    if (!this.look.hidden) return this.show(-1), true;
    return false;
  }

  render() {
    const { doc } = this.editor;
    this.button.disabled = !doc.open;
    this.button.setAttribute("aria-expanded", String(this.on));
    if (!doc.open) this.on = false;
    this.root.hidden = !this.on;
    if (!this.on || this.of === this.case) return;
    this.of = this.case;
    this.show(-1);
    this.fill([], t("Looking for them…"));
    this.ask(this.of);
  }

  // An answer that a later question has overtaken is left aside.
  async ask(of) {
    clearTimeout(this.timer);
    const [sha256, task, ...labels] = JSON.parse(of);
    const asked = new URLSearchParams([["task", task], ...labels.map((label) => ["label", label])]);
    try {
      const answer = await fetch(`api/similar/${sha256}?${asked}`);
      const said = await answer.json();
      if (!this.on || of !== this.case) return;
      this.fill(said.cases || [], said.error || said.note || "");
      if (said.looking) this.timer = setTimeout(() => this.on && of === this.case && this.ask(of), AGAIN_MS);
    } catch {
      this.fill([], t("The similar cases could not be loaded; try again."));
    }
  }

  fill(cases, note) {
    this.cases = cases;
    text(this.note, note);
    this.cards.replaceChildren(...cases.map((made, at) => this.card(made, at)));
  }

  card(made, at) {
    const picture = html("div", { class: "pda-card-picture" }, html("img", { src: `thumbnails/${made.sha256}.jpg`, alt: "", decoding: "async" }), this.drawn(made));
    const root = html("button", { type: "button", class: "pda-card", title: made.name, translate: "no", on: { click: () => this.show(at) } }, picture,
      html("span", { class: "pda-card-counts" }, ...this.counts(made)), html("span", { class: "pda-card-like", translate: "no" }, made.similar),
      html("span", { class: "pda-card-who", translate: "no" }, `${made.by} · ${day(made.at)}`));
    root.toggleAttribute("data-copy", made.copy);
    return html("div", { role: "listitem" }, root);
  }

  // The count of each label that there is, or that there is none.
  counts(made) {
    const found = made.labels.map((label, i) => [label, made.counts[i]]).filter(([, n]) => n);
    if (!found.length) return [html("span", {}, made.complete ? "none" : "not complete")];
    const chips = found.slice(0, CHIPS).map(([label, n]) => {
      const swatch = html("i", { class: "pda-swatch", "aria-hidden": "true" });
      swatch.style.background = colorOf(this.editor.doc.labels, label);
      return html("span", { class: "pda-chip", title: `${n} ${label}`, translate: "no" }, swatch, `${n}`);
    });
    return found.length > CHIPS ? [...chips, html("span", { translate: "no" }, `+${found.length - CHIPS}`)] : chips;
  }

  drawn(made) {
    const labels = [...new Set(made.marks.map((mark) => mark.label))];
    const d = (label) => made.marks.filter((mark) => mark.label === label).map(path).join("");
    const line = (label, kind) => svg("path", { class: kind, d: d(label), stroke: kind === "pda-halo" ? null : colorOf(this.editor.doc.labels, label) });
    return svg("svg", { viewBox: `0 0 ${made.width} ${made.height}`, "aria-hidden": "true" },
      ...labels.flatMap((label) => [line(label, "pda-halo"), line(label, "pda-line")]));
  }

  // The case at that place, larger; -1 closes it.
  show(at) {
    const made = this.cases[at];
    const back = this.at;
    this.at = made ? at : -1;
    this.look.hidden = !made;
    if (!made) {
      if (back >= 0 && this.cards.children[back]) this.cards.children[back].firstElementChild.focus({ preventScroll: true });
      return;
    }
    const image = html("img", { src: `images/${made.sha256}.png`, alt: "", decoding: "async" });
    this.figure.replaceChildren(image, this.drawn(made));
    const counted = made.labels.map((label, i) => `${made.counts[i]} ${label}`).join(" · ");
    this.said.replaceChildren(html("strong", { translate: "no" }, made.name), html("span", { translate: "no" }, total(made) || !made.complete ? counted : t("none")),
      html("span", { translate: "no" }, [made.similar, made.complete ? "" : t("not complete"), made.by, day(made.at)].filter(Boolean).join(" · ")));
    this.look.focus({ preventScroll: true });
  }

  open() {
    const { sha256 } = this.cases[this.at];
    this.toggle(false);
    document.dispatchEvent(new CustomEvent("pdc-open", { detail: { sha256 } }));
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = [...this.cards.children].findIndex((item) => item.contains(document.activeElement));
    if (event.key === "Escape") this.toggle(false);
    else if (by && at >= 0) this.cards.children[Math.min(Math.max(at + by, 0), this.cases.length - 1)].firstElementChild.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Keys mean nothing to the marks behind it.
  lookKey(event) {
    event.stopPropagation();
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") this.show(-1);
    else if (by) this.show(Math.min(Math.max(this.at + by, 0), this.cases.length - 1));
    else return;
    event.preventDefault();
  }
}
