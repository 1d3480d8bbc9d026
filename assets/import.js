// Import in the browser: the file is sent once and looked through; what would come in is shown before anything is stored.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { ask, lines, sheet } from "./tables.js";

const POLL_MS = 700;

export class Import {
  constructor(changed) {
    this.changed = changed;
    this.file = html("input", { type: "file", hidden: "", "data-role": "import", on: { change: () => this.send() } });
    this.pick = html("button", { type: "button", on: { click: () => this.file.click() } }, "Choose a file or zip");
    this.complete = this.option("Every image was searched for every label: what is not drawn is “none”");
    this.replace = this.option("Replace reviews that are there (they stay in the history)");
    this.text = html("select", { "aria-label": "Images with text burned into them", "data-name": "text", on: { change: () => this.name && this.start(false) } },
      ...[["", "put aside"], ["paint", "paint the text over"], ["keep", "keep them as they are"]].map(([value, words]) => html("option", { value }, words)));
    this.go = html("button", { type: "button", class: "pdc-main", disabled: "", on: { click: () => this.start(true) } }, "Import");
    this.said = html("p", { role: "status" });
    this.bar = html("progress", { max: 1, value: 0, hidden: "", "aria-label": "Import" });
    this.told = html("div", { class: "pdc-told" });
    this.root = html("section", { class: "pdc-import" }, html("h2", {}, "Import"),
      html("p", {}, "Annotations of COCO, YOLO, Pascal VOC, Label Studio, CVAT, CSV and others; with their images as one zip. First you see what would come in; then you import."),
      html("div", { class: "pdc-line" }, this.pick, this.go, this.file), this.complete.root, this.replace.root,
      html("label", { class: "pdc-option" }, html("span", {}, "Images with text burned into them"), this.text), this.said, this.bar, this.told);
  }

  option(words) {
    const box = html("input", { type: "checkbox", on: { change: () => this.name && this.start(false) } });
    return { box, root: html("label", { class: "pdc-option" }, box, html("span", {}, words)) };
  }

  async send() {
    const file = this.file.files[0];
    this.file.value = "";
    if (!file) return;
    this.name = file.name;
    this.told.replaceChildren();
    this.busy(t("Sending {name} …", { name: file.name }));
    try {
      await ask(`api/data/import?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
      if (this.complete.box.checked || this.replace.box.checked || this.text.value) await this.looked();
      this.watch();
    } catch (error) {
      this.failed(error);
    }
  }

  // The first look took no options: wait for its end, then look again.
  async looked() {
    while ((await ask("api/data/import")).running) await new Promise((done) => setTimeout(done, POLL_MS));
    await this.post(false);
  }

  post(store) {
    const wanted = { store, complete: this.complete.box.checked, replace: this.replace.box.checked, text: this.text.value };
    return ask("api/data/import/start", { method: "POST", body: JSON.stringify(wanted), headers: { "Content-Type": "application/json" } });
  }

  async start(store) {
    this.busy(t(store ? "Importing {name} …" : "Looking through {name} …", { name: this.name }));
    try {
      await this.post(store);
      this.watch();
    } catch (error) {
      this.failed(error);
    }
  }

  async watch() {
    try {
      const job = await ask("api/data/import");
      this.bar.max = job.total || 1;
      this.bar.value = job.done;
      if (job.running) return void setTimeout(() => this.watch(), POLL_MS);
      if (job.error) throw new Error(job.error);
      this.show(job.imported);
    } catch (error) {
      this.failed(error);
    }
  }

  show(found) {
    this.idle(found.dry_run);
    text(this.said, t(found.dry_run ? "Nothing is stored yet. What would come in: reviews {reviews}, images {images}." : "Imported: reviews {reviews}, images {images}.", found));
    const head = [t("Label"), t("Images"), t("Marks"), t("none"), t("only counted")];
    const renamed = Object.entries(found.renamed).map(([from, to]) => html("p", { translate: "no" }, `${from} → ${to}`));
    const spelled = Object.entries(found.spelled).map(([own, known]) => html("p", { translate: "no" }, t("The model is asked for {own} as {known}.", { own, known })));
    const doubtful = found.doubtful.length ? [html("p", {}, "Look at these after the import:"), ...lines(found.doubtful).slice(1)] : [];
    this.told.replaceChildren(...(found.table.length ? [sheet(head, found.table)] : []), ...renamed, ...spelled, ...doubtful, ...lines(found.left_out));
    if (!found.dry_run) {
      this.name = null;
      this.changed();
    }
  }

  busy(words) {
    text(this.said, words);
    this.bar.hidden = false;
    this.bar.removeAttribute("value");
    for (const control of [this.pick, this.go, this.complete.box, this.replace.box, this.text]) control.disabled = true;
  }

  idle(ready) {
    this.bar.hidden = true;
    for (const control of [this.pick, this.complete.box, this.replace.box, this.text]) control.disabled = false;
    this.go.disabled = !ready;
  }

  failed(error) {
    this.idle(false);
    text(this.said, error.message);
  }
}
