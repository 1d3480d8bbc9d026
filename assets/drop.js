// Files may be dropped and pasted anywhere on the page: the browser never leaves it for a file.

import { html, text } from "./annotator/core.js";
import { t } from "./annotator/words.js";

const SHOWN_MS = 5000;
const FIELD = "input, textarea, [contenteditable=true]";

export class Drop {
  // `upload` takes what comes; `inSight` says whether the reader sees the list that it goes to.
  constructor(upload, inSight) {
    this.upload = upload;
    this.inSight = inSight;
    this.own = false;
    this.words = html("p", { role: "status" });
    this.root = html("div", { class: "pdc-dropping", hidden: "" }, this.words);
    /** @type {[string, (event: any) => void][]} */
    this.listening = [["dragstart", () => { this.own = true; }], ["dragend", () => { this.own = false; }], ["dragover", (event) => this.over(event)],
      ["dragleave", (event) => event.relatedTarget || this.hide()], ["drop", (event) => this.drop(event)], ["paste", (event) => this.paste(event)]];
    for (const [type, run] of this.listening) document.addEventListener(type, run, true);
    document.body.append(this.root);
  }

  forget() {
    for (const [type, run] of this.listening) document.removeEventListener(type, run, true);
    this.root.remove();
  }

  // Files, or a link that the browser would follow; what is dragged within the page, or into a field, is left alone.
  takes(event) {
    const types = [...event.dataTransfer.types];
    if (types.includes("Files")) return true;
    return types.includes("text/uri-list") && !(event.target instanceof Element && event.target.closest(FIELD));
  }

  over(event) {
    if (!this.takes(event)) return;
    event.preventDefault();
    if (!this.own) this.show(t("Drop images, folders or a ZIP: they go into the list."));
  }

  drop(event) {
    if (!this.takes(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.hide();
    if (this.own) return void (this.own = false);
    if (!event.dataTransfer.files.length) return this.tell(t("A link brings no image: save the image as a file and drop that."));
    this.upload.dropped(event.dataTransfer);
    if (!this.inSight()) this.tell(t("The images go into the list of the Review tab."));
  }

  // A picture in the clipboard; texts, and marks that somebody else takes, are left alone.
  paste(event) {
    const files = [...(event.clipboardData ? event.clipboardData.files : [])];
    if (!files.length || event.defaultPrevented) return;
    event.preventDefault();
    this.upload.pasted(files);
  }

  show(words) {
    clearTimeout(this.timer);
    text(this.words, words);
    this.root.hidden = false;
  }

  hide() { this.root.hidden = true; }

  tell(words) {
    this.show(words);
    this.timer = setTimeout(() => this.hide(), SHOWN_MS);
  }
}
