// The picture on the stage: the stored one, or another one of the same pixels that is put in its place.

import { html, text } from "./core.js";
import { t } from "./words.js";

export class Picture {
  constructor() {
    this.url = null;
    this.img = html("img", { class: "pda-picture", draggable: "false", decoding: "async" });
    this.message = html("p", { class: "pda-message", role: "status" });
    this.img.addEventListener("error", () => this.failed());
    this.img.addEventListener("load", () => this.loading(false));
  }

  loading(on) { this.img.parentElement?.toggleAttribute("data-loading", on); }

  // The stored picture of an image; null when none is open. True when it is another one than before.
  show(image) {
    const { img, message } = this;
    img.hidden = !image;
    message.hidden = Boolean(image);
    text(message, image ? "" : t("No image is open."));
    const url = image ? image.url : null;
    const other = url !== this.url;
    this.url = url;
    if (!image) {
      img.removeAttribute("src");
      return other;
    }
    img.style.width = `${image.width}px`;
    img.style.height = `${image.height}px`;
    img.alt = image.name ? t("Image {name}", { name: image.name }) : t("Image");
    if (other) {
      this.loading(true);
      img.setAttribute("src", url);
    }
    return other;
  }

  // Another picture of the same pixels, or the stored one (null).
  put(url) { if (this.url !== null) this.img.setAttribute("src", url || this.url); }

  failed() {
    if (this.url === null) return;
    this.loading(false);
    this.message.hidden = false;
    text(this.message, t("The image could not be loaded. Your marks are kept; reload the page to try again."));
  }
}
