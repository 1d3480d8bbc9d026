// The data tab: what may be taken along, how much of it there is, and what comes in.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { Import } from "./import.js";
import { Jobs } from "./jobs.js";
import { ask, lines, sheet } from "./tables.js";

const FORMATS = {
  coco: "COCO JSON", yolo: "YOLO", voc: "Pascal VOC", "label-studio": "Label Studio", jsonl: "MedMultiPoints, JSON lines",
  csv: "CSV, a line per mark", medmultipoints: "MedMultiPoints, parquet",
};
const TASKS = { pointing: "Points", bounding: "Boxes", counting: "Count only", cnt_and_point: "Count and point", count_and_box: "Count and box" };

// The filters that the list of images stands at.
const filters = () => {
  const fields = [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".pdc-worklist [data-name]"))];
  return new URLSearchParams(fields.filter((field) => field.value && field.dataset.name !== "order").map((field) => [field.dataset.name, field.value]));
};

class Data {
  constructor(host) {
    this.host = host;
    this.format = html("select", { "aria-label": "Format" }, ...Object.entries(FORMATS).map(([value, words]) => html("option", { value, translate: "no" }, words)));
    this.scope = html("select", { "aria-label": "Which images", on: { change: () => this.refresh() } },
      html("option", { value: "" }, "all images"), html("option", { value: "shown" }, "as the list shows them"));
    this.unseen = html("input", { type: "checkbox" });
    this.nameless = html("input", { type: "checkbox" });
    this.download = html("button", { type: "button", class: "pdc-main", on: { click: () => this.export() } }, "Export");
    this.later = html("button", { type: "button", hidden: "", title: "For many images: you may close the page, and the file waits under Jobs", on: { click: () => this.prepare() } }, "Prepare as a job");
    this.jobs = new Jobs("export,import,predict", { predict: "Have all images answered" }, (may) => { this.later.hidden = !may.includes("export"); });
    this.told = html("div", { class: "pdc-told", role: "status" });
    this.table = html("div", { class: "pdc-sheet", tabindex: "0", role: "region", "aria-label": "Table of counts" });
    this.number = html("p", { role: "status" });
    this.import = new Import(() => this.refresh());
    this.effort = html("section", { hidden: "" });
    const csv = html("button", { type: "button", on: { click: () => this.fetch("counts.csv") } }, "Counts as CSV");
    host.replaceChildren(
      html("section", {}, html("h2", {}, "Export"),
        html("div", { class: "pdc-line" }, this.scope, this.format, html("label", {}, this.unseen, html("span", {}, "with auto-accepted")),
          html("label", { title: "Images are called by a code, and patients or samples by numbers" }, this.nameless, html("span", {}, "without names")), this.download, this.later, csv), this.told),
      this.import.root, this.jobs.root, this.effort,
      html("section", { class: "pdc-counts" }, html("h2", {}, "Counts"), this.number, this.table));
    new IntersectionObserver(([seen]) => { if (seen.isIntersecting) this.refresh(); }).observe(host);
  }

  query() {
    const asked = this.scope.value ? filters() : new URLSearchParams();
    if (this.unseen.checked) asked.set("auto_accepted", "on");
    if (this.nameless.checked) asked.set("names", "hashed");
    return asked.size ? `?${asked}` : "";
  }

  fetch(path) { html("a", { href: `api/data/${path}${this.query()}`, download: "" }).click(); }

  // What other programs will not find is said before the file comes.
  async export() {
    this.download.disabled = true;
    text(this.told, t("Looking through the reviews …"));
    try {
      const said = await ask(`api/data/report/${this.format.value}${this.query()}`);
      this.told.replaceChildren(html("p", {}, t("Reviews: {reviews}. Images: {images}. Marks: {marks}. “None”: {none}.", said)), ...lines(said.left_out), html("p", {}, said.kept_here));
      this.fetch(`export/${this.format.value}.zip`);
    } catch (error) {
      text(this.told, error.message);
    }
    this.download.disabled = false;
  }

  // The same, made while the reader does something else.
  prepare() { return this.jobs.start("export", { format: this.format.value, query: Object.fromEntries(new URLSearchParams(this.query())) }); }

  async refresh() {
    this.jobs.refresh();
    try {
      this.show(await ask(`api/data/counts${this.query()}`));
      this.showEffort(await ask("api/effort"));
    } catch (error) {
      text(this.number, error.message);
    }
  }

  // What an image took this reader, where that is kept.
  showEffort({ on, rows, seconds, moves, keys }) {
    this.effort.hidden = !on;
    const said = rows.length ? t("Median of your last {n} images: {seconds} s, {moves} moves of the pointer, {keys} keys.", { n: rows.length, seconds: Math.round(seconds), moves, keys })
      : t("What your next saved images take is kept here, on this server only.");
    const head = ["Image", "Saved (UTC)", "Seconds", "Moves", "Keys", "added", "removed", "moved", "relabelled"].map((word) => t(word));
    const csv = html("a", { href: "api/effort.csv", download: "" }, "As CSV");
    this.effort.replaceChildren(html("h2", {}, "What an image takes you"), html("p", { role: "status" }, said),
      ...(rows.length ? [html("div", { class: "pdc-sheet", tabindex: "0", role: "region", "aria-label": "What an image takes you" }, sheet(head, rows)), csv] : []));
  }

  show({ labels, rows, more, held, capped }) {
    const part = !more ? "" : rows.length ? t("The newest rows: {n}. The CSV has all.", { n: rows.length }) : t("The newest reviews are of other images. The CSV has all.");
    const kept = held ? t("Images held back from exports, which the CSV leaves out: {n}.", { n: capped ? `${held}+` : held }) : "";
    text(this.number, rows.length || more ? [part, kept].filter(Boolean).join(" ") : t("No review yet. What is saved is counted here."));
    const head = [t("Image"), t("Task"), ...labels, t("none"), t("Reviewed by"), t("When (UTC)"), t("Revision")];
    this.table.replaceChildren(...(rows.length ? [sheet(head, rows.map((row) => this.row(row)))] : []));
  }

  row({ image, task, counts, none, unsure, complete, verdict, by, at, revision }) {
    const number = (n) => n === null ? "" : complete ? n : t("≥ {n}", { n });
    const said = unsure ? t("unsure") : verdict === "rejected" ? t("answer rejected") : none.join(", ");
    return [image, t(TASKS[task]), ...counts.map(number), said, verdict === "auto-accepted" ? t("{reader}, auto-accepted", { reader: by }) : by, at, revision];
  }
}

export const mountData = ({ element }) => new Data(element.querySelector(".pdc-data"));
