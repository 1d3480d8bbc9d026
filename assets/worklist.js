// The list of images beside the editor: examples, uploads, and what has been reviewed. One object, mounted by Gradio.
(function (PDC) {
  "use strict";

  class Worklist {
    constructor(host, link) {
      this.link = link;
      this.host = host;
      this.input = Object.assign(document.createElement("input"), { type: "file", multiple: true, accept: "image/*,.tif,.tiff", hidden: true });
      this.input.setAttribute("data-role", "file");
      this.drop = this.element("button", "pdc-drop", "Upload images, or drop them here");
      this.status = this.element("p", "pdc-upload-status", "");
      this.status.setAttribute("role", "status");
      this.examples = this.element("ul", "pdc-thumbs");
      this.list = this.element("ul", "pdc-own");
      this.list.setAttribute("aria-label", "Images");
      host.replaceChildren(this.drop, this.input, this.status, this.element("h3", "", "Examples"), this.examples, this.element("h3", "", "Your images"), this.list);
      this.drop.addEventListener("click", () => this.input.click());
      this.input.addEventListener("change", () => this.upload([...this.input.files]));
      for (const type of ["dragover", "dragleave", "drop"]) host.addEventListener(type, (event) => this.dragged(event));
    }

    element(tag, name, text) {
      const node = document.createElement(tag);
      if (name) node.className = name;
      if (text !== undefined) node.textContent = text;
      if (tag === "button") node.type = "button";
      return node;
    }

    dragged(event) {
      event.preventDefault();
      this.host.toggleAttribute("data-over", event.type === "dragover");
      if (event.type === "drop") this.upload([...event.dataTransfer.files]);
    }

    // One after the other; a bad file says why and the others go on. The first good one is opened.
    async upload(files) {
      const failed = [];
      let first = null;
      for (const [i, file] of files.entries()) {
        this.say(`Uploading ${i + 1} of ${files.length}: ${file.name}`);
        try {
          const answer = await fetch(`api/images?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
          const stored = await answer.json();
          if (!answer.ok) throw new Error(stored.error);
          first = first || stored;
          for (const note of stored.notes) failed.push(`${file.name}: ${note}`);
        } catch (error) {
          failed.push(`${file.name}: ${error.message || "the upload failed; try again."}`);
        }
      }
      this.input.value = "";
      this.say(failed.join("\n"));
      if (first) this.choose({ sha256: first.sha256 });
    }

    say(text) { this.status.textContent = text; }

    choose(chosen) {
      this.link.put({ ...this.link.value(), chosen });
      this.link.trigger("choose");
    }

    receive(value) {
      if (!value) return;
      this.examples.replaceChildren(...value.examples.map((e) => this.row(e.url, e.title, "", false, () => this.choose({ example: e.name }))));
      this.list.replaceChildren(...value.images.map((i) => this.row(i.url, i.name, i.state, i.current, () => this.choose({ sha256: i.sha256 }))));
      if (!value.images.length) this.list.append(this.element("li", "pdc-nothing", "Nothing yet. Open an example, or upload an image of your own."));
    }

    row(url, name, state, current, open) {
      const item = this.element("li");
      const button = this.element("button", "pdc-item");
      const picture = Object.assign(document.createElement("img"), { src: url, alt: "", loading: "lazy", width: 44, height: 44 });
      button.append(picture, this.element("span", "pdc-item-name", name), this.element("span", "pdc-item-state", state));
      button.toggleAttribute("data-current", current);
      if (current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", open);
      item.append(button);
      return item;
    }
  }

  PDC.mountWorklist = ({ element, props, trigger, watch }) => {
    const link = { value: () => props.value, put: (value) => { props.value = value; }, trigger };
    const list = new Worklist(element.querySelector(".pdc-worklist"), link);
    watch("value", () => list.receive(props.value));
    list.receive(props.value);
  };
})((window.PDC = window.PDC || {}));
