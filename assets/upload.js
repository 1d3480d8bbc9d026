// Uploads, one image after the other, however many are given meanwhile; a bad file says why and the others go on.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { BurnedIn } from "./burned.js";
import { dropped, folder, unfolded } from "./unfold.js";

const AGAIN_MS = 3000;
const TRIES = 5;
const EVERY = 20;  // images, after which the list is fetched again
const HEAD = 4096;  // bytes of a video: enough to say what it is

export class Upload {
  // `opened` is told of the first image while `busy` says that the reader has none open: an upload never moves the reader.
  constructor({ opened, changed, busy }) {
    this.opened = opened;
    this.changed = changed;
    this.busy = busy;
    this.queue = [];
    this.burned = new BurnedIn();
    this.running = false;
    this.files = this.input({ "data-role": "file", accept: "image/*,.tif,.tiff,.zip" }, (files) => unfolded(files));
    this.folder = this.input({ "data-role": "folder", webkitdirectory: "" }, async (files) => folder(files));
    this.group = html("input", { type: "text", maxlength: "64", class: "pdc-group", placeholder: "Patient or sample (optional)",
      "aria-label": "Patient or sample (optional)",
      title: "Images of one patient are never both learnt from and measured on. In a folder, each folder inside it is one." });
    this.status = html("p", { class: "pdc-upload-status", role: "status" });
    this.bar = html("progress", { max: 1, value: 0, hidden: "", "aria-label": "Upload" });
    this.told = html("ul", { class: "pdc-upload-told", translate: "no" });
    const pick = (run, words, title) => html("button", { type: "button", title, on: { click: run } }, words);
    this.root = html("div", { class: "pdc-upload" },
      html("div", { class: "pdc-drop" }, pick(() => this.pickFiles(), "Upload", "images, or a ZIP; or drop them here"), pick(() => this.pickFolder(), "Folder", "all images in it")),
      this.group, this.files, this.folder, this.status, this.bar, this.told);
    window.addEventListener("beforeunload", (event) => { if (this.running && this.root.isConnected) event.preventDefault(); });
    this.begin();
  }

  input(attributes, read) {
    const input = html("input", { type: "file", multiple: "", hidden: "", ...attributes });
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      this.take(read(files));
    });
    return input;
  }

  pickFiles() { this.files.click(); }
  pickFolder() { this.folder.click(); }
  dropped(transfer) { return this.take(dropped(transfer)); }
  pasted(files) { return this.take(unfolded(files)); }

  begin() {
    this.all = this.done = this.stored = 0;
    this.first = true;
    this.burned.forget();
  }

  // What was found goes behind what is waiting. The patient that is named now is that of these images.
  async take(finding) {
    const group = this.group.value.trim();
    this.group.value = "";
    if (!this.running) this.told.replaceChildren();
    const { items, others, refused } = await finding;
    for (const words of refused) this.tell(words);
    if (others) this.tell(t("Other files that were left out: {n}.", { n: others }));
    if (!items.length && !refused.length) this.say(t("There are no images in this folder."));
    this.queue.push(...items.map((item) => ({ ...item, group: group || item.folder })));
    this.all += items.length;
    await this.run();
  }

  async run() {
    if (this.running || !this.queue.length) return;
    this.running = true;
    while (this.queue.length) await this.one(this.queue.shift());
    this.running = false;
    this.bar.hidden = true;
    this.say(this.all > 1 ? t("{n} of {all} stored.", { n: this.stored, all: this.all }) : "");
    if (this.stored) this.changed();
    this.begin();
  }

  async one(item) {
    this.say(t("Uploading {n} of {all}: {name}", { n: this.done + 1, all: this.all, name: item.name }));
    Object.assign(this.bar, { max: this.all, value: this.done, hidden: this.all < 2 });
    try {
      const image = await this.store(item);
      if (image) this.arrived(item, image);
      else this.tell(t("{name} was not added.", { name: item.name }));
    } catch (error) {
      this.tell(`${item.name}: ${error.message || t("the upload failed; try again.")}`);
    }
    this.done += 1;
  }

  arrived(item, image) {
    this.stored += 1;
    for (const note of image.notes) this.tell(`${item.name}: ${note}`);
    if (this.first && !this.busy()) this.opened(image.sha256);
    else if (this.stored % EVERY === 1) this.changed();
    this.first = false;
  }

  async store(item) {
    const file = await item.blob();
    await file.slice(0, 1).arrayBuffer();  // a file that is gone says so here
    return this.answered(item, file.type.startsWith("video/") ? file.slice(0, HEAD) : file, "");
  }

  // What is stored; null where the reader does not add an image that text is burned into.
  async answered(item, body, choice) {
    const answer = await this.sent({ ...item, text: choice }, body);
    const said = await answer.json();
    if (answer.ok) return said;
    if (!said.text || choice) throw new Error(said.error);
    const wanted = await this.burned.ask(item.name, said.text, this.queue.length > 0);
    if (wanted !== "leave") return this.answered(item, body, wanted);
    await fetch(`api/images/left-out?boxes=${said.text.boxes.length}`, { method: "POST" });
    return null;
  }

  // A lost connection is waited for, up to a point; a busy server, which says for how long, until it has time.
  async sent({ name, group, text: choice }, body) {
    const where = `api/images?${new URLSearchParams({ name, group, ...(choice ? { text: choice } : {}) })}`;
    for (let lost = 0; ;) {
      const answer = await fetch(where, { method: "POST", body }).catch(() => null);
      const seconds = answer?.status === 503 && Number(answer.headers.get("retry-after"));
      if (answer && !seconds) return answer;
      if (!answer && (lost += 1) === TRIES) throw new Error(t("the upload failed; try again."));
      const wait = { n: this.all - this.done };
      this.say(answer ? t("The server is busy: {n} images wait.", wait) : t("No connection: {n} images wait.", wait));
      await new Promise((done) => setTimeout(done, seconds ? seconds * 1000 : AGAIN_MS));
    }
  }

  say(words) { text(this.status, words); }
  tell(words) { this.told.append(html("li", { translate: "no" }, words)); }
}
