// The question bar: what the image on the screen is asked. It shows the question of the editor's document, or what the reader
// wants instead until the server has answered; so bar and marks cannot disagree for long, and never unnoticed.

import { html } from "../annotator/core.js";
import { toImage } from "../rows.js";
import { Another } from "./another.js";
import { Chips } from "./chips.js";
import { Drawer } from "./drawer.js";
import { Signature } from "./signature.js";
import { Tasks } from "./tasks.js";

const named = ({ task, labels }) => JSON.stringify([task, [...labels].sort()]);
const same = (a, b) => Boolean(a && b) && named(a) === named(b);

// Not a plain object, so that Gradio hands back the very one that was put.
class Value {
  constructor(fields) { Object.assign(this, fields); }
}

// What the editor shows: its image, task and labels; null while no image is open.
function onScreen() {
  /** @type {(HTMLElement & { pdc?: import("../annotator/editor.js").Editor }) | null} */
  const host = document.querySelector(".pdc-editor");
  const doc = host && host.pdc ? host.pdc.doc : null;
  return doc && doc.open ? { image: doc.head.image.url, task: doc.head.task, labels: doc.labels } : null;
}

// The labels with one more: in the model's order among those it knows, else behind the others.
export const added = (labels, label, known) => {
  const rank = (name) => (known.includes(name) ? known.indexOf(name) : known.length);
  const at = labels.findIndex((other) => rank(other) > rank(label));
  return at < 0 ? [...labels, label] : [...labels.slice(0, at), label, ...labels.slice(at)];
};

// Gradio may build the bar again and says nothing of the old one.
let mounted = null;

class Bar {
  constructor(host, link) {
    this.host = host;
    this.link = link;
    this.wanted = null;
    this.image = null;
    this.value = { tasks: [], known: [], others: [], taught: null, pinned: null };
    this.tasks = new Tasks((task) => this.want({ task }));
    this.chips = new Chips((label) => this.toggle(label));
    this.another = new Another({ chosen: (label) => this.add(label), options: () => this.dictionary() });
    this.signature = new Signature({ sign: () => this.act("sign"), reopen: (reason) => this.reopen(reason) });
    this.drawer = new Drawer();
    this.build();
    if (mounted) mounted.leave();
    mounted = this;
    this.listeners = { "pdc-document": () => this.follow(), "pdc-another": () => this.another.open(), "pdc-ask-labels": (event) => this.offer(event.detail),
      "pdc-question": (event) => this.takeBack(event.detail),
      "pdc-looks": () => this.looks.hidden || this.looks.disabled || this.act("looks"),
      "pdc-signed": (event) => this.signature.show(event.detail), ...this.drawer.listeners };
    for (const [type, run] of Object.entries(this.listeners)) document.addEventListener(type, run);
  }

  build() {
    const button = (name, words, more) => html("button", { type: "button", class: "pdc-do", "data-do": name, ...more, on: { click: () => this.act(name) } }, words);
    this.ask = button("ask", "Ask the model");
    this.show = button("ask", "Show the model");
    this.looks = button("looks", "4 looks", { title: "Ask again: the model looks at the image and at three mirror images of it, and what two of the four agree on stands (Shift Q)" });
    this.pin = button("pin", "Same for the next", { "aria-pressed": "false", title: "Ask the next images the same, those that have no question of their own" });
    this.host.replaceChildren(this.drawer.button, this.tasks.root,
      html("div", { class: "pdc-doing" }, this.signature.root, this.ask, this.looks, this.show, button("save", "Save"), button("finish", "Save and next", { "data-first": "" })),
      html("div", { class: "pdc-asked" }, this.chips.root, this.another.root, this.pin));
    this.host.addEventListener("keydown", (event) => this.key(event));
  }

  leave() {
    for (const [type, run] of Object.entries(this.listeners)) document.removeEventListener(type, run);
  }

  get question() { return this.wanted || onScreen(); }

  // Every label there is; what the model knows comes first.
  dictionary() {
    const { labels } = this.question;
    const { known, others, taught } = this.value;
    return [...known, ...others].map((name) => ({ name, asked: labels.includes(name), taught: taught && taught.includes(name) }));
  }

  add(label) {
    if (this.question && !this.question.labels.includes(label)) this.toggle(label);
  }

  // Labels that pasted marks bring along: those of the dictionary can be asked for too.
  offer(detail) {
    if (!this.question) return;
    const names = this.dictionary().map(({ name }) => name);
    detail.taken = detail.labels.filter((label) => names.includes(label));
    detail.ask = () => this.want({ labels: detail.taken.reduce((all, label) => added(all, label, this.value.known), this.question.labels) });
  }

  // An undone question change: the question as it was.
  takeBack(detail) {
    detail.taken = this.question !== null;
    if (detail.taken) this.want({ task: detail.task, labels: detail.labels });
  }

  toggle(label) {
    const { labels } = this.question;
    this.want({ labels: labels.includes(label) ? labels.filter((other) => other !== label) : added(labels, label, this.value.known) });
  }

  want(change) {
    const { task, labels } = { ...this.question, ...change };
    this.wanted = { task, labels };
    this.put();
    this.link.trigger("question");
    this.render();
  }

  // Another document, or the same one answering what was wanted.
  follow() {
    const now = onScreen();
    const moved = (now && now.image) !== this.image;
    this.image = now && now.image;
    if (moved || same(now, this.wanted)) this.wanted = null;
    this.put();
    this.render();
  }

  receive(value) {
    if (!value || value instanceof Value || value.stamp === this.value.stamp) return;
    this.value = value;
    if (value.answered && same(this.wanted, { task: value.answered[0], labels: value.answered[1] })) this.wanted = null;
    this.put();
    this.render();
  }

  put() {
    const { task, labels } = this.question || { task: "", labels: [] };
    this.link.put(new Value({ ...this.value, task, labels }));
  }

  act(name) {
    const host = /** @type {any} */ (document.querySelector(".pdc-editor"));
    if (host && host.pdc) host.pdc.link.flush();
    this.link.trigger(name);
  }

  reopen(reason) {
    const { task, labels } = this.question || { task: "", labels: [] };
    this.link.put(new Value({ ...this.value, task, labels, reason }));
    this.link.trigger("reopen");
  }

  key(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    toImage();
  }

  render() {
    const { question, value } = this;
    this.host.toggleAttribute("data-waiting", this.wanted !== null);
    this.tasks.render(value.tasks, question && question.task);
    this.chips.render(value, question);
    this.another.render(question !== null);
    this.ask.hidden = this.looks.hidden = value.blind;
    this.looks.disabled = question === null;
    this.show.hidden = !value.blind;
    this.signature.button.disabled = question === null;
    this.pin.disabled = question === null;
    this.pin.setAttribute("aria-pressed", String(value.pinned !== null));
  }
}

export const mountQuestion = ({ element, props, trigger, watch }) => {
  const link = { put: (value) => { props.value = value; }, trigger };
  const bar = new Bar(element.querySelector(".pdc-bar"), link);
  watch("value", () => bar.receive(props.value));
  bar.receive(props.value);
  bar.follow();
};
