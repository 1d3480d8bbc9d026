// The five tasks as one row of choices: boxes, points, numbers.

import { html, set } from "../annotator/core.js";

export class Tasks {
  constructor(choose) {
    this.choose = choose;
    this.root = html("div", { class: "pdc-tasks", role: "radiogroup", "aria-label": "Task" });
    this.nodes = new Map();
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  make(task, words) {
    const run = () => this.nodes.get(task).getAttribute("aria-checked") === "true" || this.choose(task);
    return html("button", { type: "button", role: "radio", class: "pdc-task", "data-task": task, on: { click: run } }, words);
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const tasks = [...this.nodes.keys()];
    const at = tasks.findIndex((task) => this.nodes.get(task) === event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = tasks[(at + by + tasks.length) % tasks.length];
    this.choose(next);
    this.nodes.get(next).focus();
  }

  render(tasks, chosen) {
    if (this.nodes.size !== tasks.length) {
      this.nodes = new Map(tasks.map(([task, words]) => [task, this.make(task, words)]));
      this.root.replaceChildren(...this.nodes.values());
    }
    const reached = this.nodes.has(chosen) ? chosen : [...this.nodes.keys()][0];
    for (const [task, node] of this.nodes) {
      set(node, "aria-checked", String(task === chosen));
      set(node, "tabindex", task === reached ? "0" : "-1");
      node.disabled = !chosen;
    }
  }
}
