// What the reader must not miss, above the image: work that is not saved, a copy that can be restored, a model still answering.

import { connection } from "./connection.js";
import { html, text } from "./core.js";
import { keeper } from "./keeper.js";
import { t } from "./words.js";

const RETRY_MS = 5000;
const LONGEST_RETRY_MS = 60000;
const at = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export class Notices {
  // `first` stands above all of them: a node of another panel.
  constructor(editor, first) {
    this.editor = editor;
    this.copy = null;
    this.kept = true;
    this.stopping = false;
    this.timer = null;
    const push = (words, run) => html("button", { type: "button", class: "pda-close", on: { click: () => run() } }, words);
    this.lostWords = html("span", {});
    this.lost = html("div", { class: "pda-notice", "data-notice": "lost", role: "alert", hidden: "" },
      this.lostWords, push("Download copy", () => this.download()));
    this.restoreWords = html("span", {});
    this.restore = html("div", { class: "pda-notice", "data-notice": "restore", role: "status", hidden: "" }, this.restoreWords,
      push("Restore your unsaved changes", () => this.take()), push("Discard them", () => this.discard()));
    this.stopButton = push("Stop", () => this.stop());
    this.stopButton.title = t("Stop the answer (Esc or X)");
    this.answeringWords = html("span", {});
    this.answering = html("div", { class: "pda-answering", role: "status", hidden: "" },
      html("i", { "aria-hidden": "true" }), this.answeringWords, this.stopButton);
    const small = html("p", { class: "pda-small" }, "Correcting marks needs a larger screen. Here you can read images, marks and counts.");
    this.root = html("div", { class: "pda-notices" }, first, small, this.lost, this.restore);
    const changed = (event) => this.connection(event);
    connection.listen(changed);
    this.leave = () => connection.forget(changed);
  }

  get unsaved() {
    const { head } = this.editor.doc;
    return Boolean(head) && head.edits > 0 && !(head.acked >= head.edits);
  }

  // Back: what is not known to be stored goes again, and the bar stays until a call has come through.
  connection({ back }) {
    if (!this.editor.root.isConnected) return this.leave();
    if (back && this.unsaved) this.editor.link.tell("edit");
    else if (back) connection.settle();
    clearTimeout(this.timer);
    if (connection.lost) this.retry(RETRY_MS);
    this.render();
  }

  // A server that refused an edit is asked again by itself, less and less often. Gradio forgets an edit that waited for that call.
  retry(wait) {
    this.timer = setTimeout(() => {
      if (!this.editor.root.isConnected) return;
      if (this.unsaved) this.editor.link.tell("edit");
      this.retry(Math.min(2 * wait, LONGEST_RETRY_MS));
    }, wait);
  }

  opened() {
    const { doc } = this.editor;
    this.stopping = false;
    this.copy = doc.readonly ? null : keeper.find(doc.head, doc.state);
  }

  take() {
    const { doc } = this.editor;
    const { copy } = this;
    this.copy = null;
    doc.replace(copy);
    keeper.drop(copy.key);
    this.editor.focus();
  }

  discard() {
    keeper.drop(this.copy.key);
    this.copy = null;
    this.render();
    this.editor.focus();
  }

  // False when the model is not answering, or has been told to stop.
  stop() {
    if (!this.editor.doc.head || !this.editor.doc.head.answering || this.stopping) return false;
    this.stopping = true;
    this.render();
    this.editor.link.tell("stop");
    this.editor.focus();
    return true;
  }

  download() {
    const value = this.editor.doc.value();
    const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 1)], { type: "application/json" }));
    html("a", { href: url, download: `${value.image.name || "image"}-marks.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  render() {
    const { head } = this.editor.doc;
    this.lost.hidden = !connection.lost || !this.editor.doc.open;
    const words = t(this.kept ? "A copy is kept in this browser." : "This browser has no room for a copy: download it.");
    text(this.lostWords, this.unsaved ? `${t("Not saved.")} ${words}` : t("No connection to the server. What you change now is kept in this browser."));
    this.restore.hidden = this.copy === null;
    text(this.restoreWords, this.copy ? t("Changes from {time} did not reach the server.", { time: at(this.copy.at) }) : "");
    const answering = Boolean(head && head.answering);
    if (!answering) this.stopping = false;
    this.answering.hidden = !answering;
    text(this.answeringWords, t(head && head.answering === "loading" ? "the model is loading…" : "answering…"));
    this.stopButton.disabled = this.stopping;
    text(this.stopButton, t(this.stopping ? "Stopping…" : "Stop"));
  }
}
