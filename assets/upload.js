// Uploads: files and folders, picked or dropped, one after the other; a bad file says why and the others go on.

import { html } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const IMAGE = /\.(png|jpe?g|tiff?|bmp|webp|gif)$/i;

// A folder within the folder that was given is a patient or a sample; its path is the group of its images.
const folderOf = (path) => path.split("/").filter(Boolean).slice(0, -1).slice(1).join("/");

// Every file under a dropped entry, with its folder; a folder answers in portions until it is empty.
async function filesUnder(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    return [Object.assign(file, { folder: folderOf(entry.fullPath) })];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!part.length) return found.filter((file) => IMAGE.test(file.name));
    for (const inner of part) found.push(...(await filesUnder(inner)));
  }
}

export class Upload {
  // `opened` is told of the first image while `busy` says that the reader has none open.
  constructor({ opened, changed, busy }) {
    this.opened = opened;
    this.busy = busy;
    this.changed = changed;
    this.running = false;
    this.files = this.input("file", { accept: "image/*,.tif,.tiff" });
    this.folder = this.input("folder", { webkitdirectory: "" });
    this.group = html("input", { type: "text", maxlength: "64", class: "pdc-group", placeholder: "Patient or sample (optional)",
      "aria-label": "Patient or sample (optional)",
      title: "Images of one patient are never both learnt from and measured on. In a folder, each folder inside it is one." });
    this.status = html("p", { class: "pdc-upload-status", role: "status" });
    const pick = (input, words, title) => html("button", { type: "button", title, on: { click: () => input.click() } }, words);
    this.root = html("div", { class: "pdc-upload" },
      html("div", { class: "pdc-drop" }, pick(this.files, "Upload", "images; or drop them here"), pick(this.folder, "Folder", "all images in it")),
      this.group, this.files, this.folder, this.status);
  }

  input(role, attributes) {
    const input = html("input", { type: "file", multiple: "", hidden: "", "data-role": role, ...attributes });
    input.addEventListener("change", () => {
      const files = [...input.files].filter((file) => role === "file" || IMAGE.test(file.name));
      input.value = "";
      this.send(files);
    });
    return input;
  }

  pasted(event) {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.send(files);
  }

  async dropped(event) {
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(filesUnder))).flat() : [...event.dataTransfer.files];
    this.send(files);
  }

  // The first good one is opened, unless an image is open already: an upload never moves the reader.
  async send(files) {
    if (this.running) return this.say(t("Wait until the images before these are stored."));
    if (!files.length) return this.say(t("There are no images in this folder."));
    this.running = true;
    const said = [];
    let stored = 0;
    for (const [i, file] of files.entries()) {
      this.say([t("Uploading {n} of {all}: {name}", { n: i + 1, all: files.length, name: file.name }), ...said.slice(-3)].join("\n"));
      try {
        const image = await this.store(file);
        stored += 1;
        for (const note of image.notes) said.push(`${file.name}: ${note}`);
        if (stored === 1 && !this.busy()) this.opened(image.sha256);
        else if (stored % 20 === 1) this.changed();
      } catch (error) {
        said.push(`${file.name}: ${error.message || t("the upload failed; try again.")}`);
      }
    }
    this.running = false;
    this.group.value = "";  // the next images are of another patient
    this.say([...(files.length > 1 ? [t("{n} of {all} stored.", { n: stored, all: files.length })] : []), ...said].join("\n"));
    if (stored) this.changed();
  }

  async store(file) {
    const about = new URLSearchParams({ name: file.name, group: this.group.value.trim() || file.folder || folderOf(file.webkitRelativePath || "") });
    const answer = await fetch(`api/images?${about}`, { method: "POST", body: file });
    const stored = await answer.json();
    if (!answer.ok) throw new Error(stored.error);
    return stored;
  }

  say(words) { this.status.textContent = words; }
}
