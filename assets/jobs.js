// Jobs: long work that goes on when the page is closed. What runs, how far it is, who asked for it, and what came of it.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { ask } from "./tables.js";

const POLL_MS = 1500;
const STATES = { queued: "waiting", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };
const KINDS = {
  export: "Export", import: "Import", predict: "Answers to all images", train: "Training", evaluate: "Measuring an adapter",
};

const clock = (at) => new Date(at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });

export class Jobs {
  // `kinds`: which to list; `offers`: kind -> the text of a button that starts one; `told` hears which kinds may be started.
  constructor(kinds, offers = {}, told = (may) => may) {
    this.told = told;
    this.kinds = kinds;
    this.refused = "";
    this.said = html("p", { role: "status" });
    this.list = html("ul", { "aria-label": "Jobs" });
    this.offers = Object.entries(offers).map(([kind, words]) => [kind, html("button", { type: "button", hidden: "", on: { click: () => this.start(kind, {}) } }, words)]);
    this.root = html("section", { class: "pdc-jobs", hidden: "" }, html("h2", {}, "Jobs"),
      html("div", { class: "pdc-line" }, ...this.offers.map(([, button]) => button)), this.said, this.list);
  }

  start(kind, asked) {
    return this.post("api/jobs", { kind, asked });
  }

  // Why something was refused stays until the next press.
  async post(path, body = {}) {
    this.refused = "";
    try {
      await ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    } catch (error) {
      this.refused = error.message;
    }
    await this.refresh();
  }

  // Looks again while something is going on; not where PDC has no jobs.
  async refresh() {
    clearTimeout(this.again);
    try {
      const { jobs, may } = await ask(`api/jobs?kinds=${this.kinds}`);
      this.root.hidden = !jobs.length && !may.length;
      this.told(may);
      for (const [kind, button] of this.offers) button.hidden = !may.includes(kind);
      text(this.said, this.refused || jobs.length ? this.refused : t("No job yet. What runs here goes on when you close the page."));
      this.list.replaceChildren(...jobs.map((job) => this.row(job)));
      if (jobs.some(({ ended }) => !ended)) this.again = setTimeout(() => this.seen() && this.refresh(), POLL_MS);
    } catch (error) {
      text(this.said, error.message);
    }
  }

  seen() { return this.root.isConnected && this.root.offsetParent !== null; }

  row(job) {
    const named = [t(KINDS[job.kind] || job.kind), job.about].filter(Boolean).join(" · ");
    const state = job.ending ? t("ending") : t(STATES[job.state]);
    const about = `${state} · ${job.by} · ${clock(job.ended || job.made)}`;
    return html("li", { "data-job": job.id, "data-state": job.state },
      html("div", { class: "pdc-job" }, html("strong", { translate: "no" }, named), html("span", { translate: "no" }, about), ...this.acts(job)),
      ...this.progress(job), ...(this.outcome(job) ? [html("p", { translate: "no" }, this.outcome(job))] : []));
  }

  progress({ state, done, total, words }) {
    if (state !== "running") return [];
    const bar = html("progress", { max: total || 1, "aria-label": words || t("running") });
    if (total) bar.value = done;
    return [bar, html("p", { translate: "no" }, total ? `${words} · ${done} / ${total}` : words)];
  }

  outcome({ error, result }) {
    if (error) return error;
    return result.failed ? t("Images that could not be answered: {failed}. {why}", { failed: result.failed, why: result.why || "" }) : "";
  }

  acts(job) {
    const act = (words, path) => html("button", { type: "button", on: { click: () => this.post(path) } }, words);
    const file = job.file ? [html("a", { href: `api/jobs/${job.id}/file`, download: "" }, "Download")] : [];
    const cancel = job.ended || job.ending ? [] : [act("Cancel", `api/jobs/${job.id}/cancel`)];
    const again = job.again && job.state !== "done" ? [act("Again", `api/jobs/${job.id}/retry`)] : [];
    return [...file, ...cancel, ...again];
  }
}

// Shown anew whenever it comes into sight.
export const watchJobs = (jobs, host) => new IntersectionObserver(([seen]) => { if (seen.isIntersecting) jobs.refresh(); }).observe(host);

export const mountJobs = ({ element }) => {
  const host = element.querySelector(".pdc-jobs-host");
  const jobs = new Jobs("train,evaluate", { evaluate: "Measure the adapter in use" });
  host.replaceChildren(jobs.root);
  watchJobs(jobs, host);
};
