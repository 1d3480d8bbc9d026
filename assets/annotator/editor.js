// The editor: one document, its view, layer, panels and tools, and the link to the Gradio component around it.
(function (PDC) {
  "use strict";
  const { html, svg } = PDC;

  class Editor {
    constructor(host, link) {
      this.link = new PDC.Link(link);
      this.tool = "select";
      this.hidden = false;
      this.doc = new PDC.Doc(() => this.changed());
      this.build(host);
      this.pointer = new PDC.Pointer(this);
      this.picture.addEventListener("error", () => this.pictureFailed());
      this.picture.addEventListener("load", () => this.stage.removeAttribute("data-loading"));
      this.root.pdc = this;
      PDC.listen(this);
    }

    build(host) {
      this.picture = html("img", { class: "pda-picture", draggable: "false", decoding: "async" });
      this.canvas = svg("svg", { class: "pda-canvas", role: "group", "aria-label": "Marks on the image", tabindex: "0" });
      this.overlays = html("div", { class: "pda-overlays" });
      this.message = html("p", { class: "pda-message", role: "status" });
      this.help = new PDC.Help();
      this.adjust = new PDC.Adjust(this.picture, () => this.focus());
      this.stage = html("div", { class: "pda-stage" }, this.adjust.defs, this.picture, this.canvas, this.overlays, this.message, this.adjust.root, this.help.root);
      this.toolbar = new PDC.Toolbar(this);
      this.counts = new PDC.Counts(this);
      this.list = new PDC.List(this);
      this.side = html("aside", { class: "pda-side", "aria-label": "Count and marks" }, this.counts.root, this.list.root);
      this.root = host;
      this.root.replaceChildren(this.toolbar.root, this.stage, this.side);
      this.view = new PDC.View(this.stage, this.picture, this.canvas, () => this.zoomed());
      this.layer = new PDC.Layer(this.doc, this.view, this.canvas, this.overlays);
      this.canvas.addEventListener("focusin", (event) => this.focusedMark(event));
    }

    zoomed() {
      if (!this.layer) return;
      this.layer.overlays();
      this.toolbar.zoomed(this.view.scale);
    }

    // A value from the server; what it says and what the reader did since never overwrite each other in silence.
    receive(value) {
      if (this.link.waiting) {
        this.link.flush();
        this.link.put(value);
      }
      const outcome = this.doc.receive(value);
      if (outcome === "ignored" || outcome === "late") return this.insist(value);
      this.pointer.cancel();
      if (outcome === "opened") this.opened();
      else this.showPicture();
      this.render();
      if (outcome === "accepted" && JSON.stringify(this.doc.value()) !== JSON.stringify(value)) this.link.put(this.doc.value());
      this.remember();
    }

    // The component now holds a stale value: put ours back, and send it again if it holds more than the server saw.
    insist(value) {
      const ours = this.doc.value();
      if (JSON.stringify(ours) === JSON.stringify(value)) return;
      this.link.put(ours);
      if (ours.edits > (value.edits || 0)) this.link.tell("edit");
    }

    opened() {
      if (this.doc.readonly || this.doc.kind === "count") this.tool = "select";
      this.layer.hover(null);
      this.adjust.toggle(false);
      this.showPicture();
      this.view.open(this.doc.size);
      this.list.root.scrollTop = 0;
    }

    showPicture() {
      const { doc, picture, message } = this;
      this.root.toggleAttribute("data-open", doc.open);
      picture.hidden = !doc.open;
      message.hidden = doc.open;
      PDC.text(message, doc.open ? "" : "No image is open.");
      if (!doc.open) return picture.removeAttribute("src");
      const { url, width, height, name } = doc.head.image;
      picture.style.width = `${width}px`;
      picture.style.height = `${height}px`;
      picture.alt = name ? `Image ${name}` : "Image";
      if (picture.getAttribute("src") === url) return;
      this.stage.setAttribute("data-loading", "");
      picture.setAttribute("src", url);
    }

    pictureFailed() {
      if (!this.doc.open) return;
      this.stage.removeAttribute("data-loading");
      this.message.hidden = false;
      PDC.text(this.message, "The image could not be loaded. Your marks are kept; reload the page to try again.");
    }

    changed() {
      this.remember();
      this.render();
      this.link.edited(() => this.doc.value());
    }

    remember() { PDC.kept = this.doc; }

    render() {
      this.root.setAttribute("data-tool", this.tool);
      this.root.setAttribute("data-kind", this.doc.kind);
      this.root.toggleAttribute("data-hidden", this.hidden);
      this.root.toggleAttribute("data-readonly", this.doc.readonly);
      this.layer.render();
      this.counts.render();
      this.list.render();
      this.toolbar.render();
    }

    focus() { this.canvas.focus({ preventScroll: true }); }
    focused() { return this.canvas.contains(document.activeElement); }

    focusedMark(event) {
      const id = event.target.getAttribute && event.target.getAttribute("data-id");
      if (id !== null && id !== this.doc.selected) this.select(id);
    }

    select(id, { reveal = true } = {}) {
      this.doc.selected = id;
      this.doc.lastMerge = null;
      const mark = this.doc.mark;
      if (mark) this.doc.cursor = this.doc.marks.indexOf(mark);
      this.layer.showSelected(id);
      this.list.follow();
      this.list.window();
      this.toolbar.render();
      if (mark && reveal) this.view.show(PDC.shapes.bounds(mark));
      this.layer.overlays();
    }

    step(by) {
      const id = this.doc.step(by);
      if (id !== null) this.select(id);
    }

    // Tab walks through the marks and, after the last, leaves the image.
    tab(by) {
      const { doc } = this;
      const at = doc.mark ? doc.marks.indexOf(doc.mark) + by : by > 0 ? 0 : -1;
      if (at < 0 || at >= doc.marks.length) return false;
      this.select(doc.marks[at].id);
      this.layer.nodes.get(doc.selected).group.focus({ preventScroll: true });
      return true;
    }

    setTool(tool) {
      if (tool === "draw" && (this.doc.readonly || this.doc.kind === "count")) return;
      this.tool = tool;
      this.stage.style.cursor = "";
      if (this.hidden && tool === "draw") this.hidden = false;
      this.render();
    }

    escape() {
      if (this.help.open) return this.help.toggle(false);
      if (this.adjust.open) return this.adjust.toggle(false);
      if (this.pointer.busy) return this.pointer.cancel();
      if (this.tool !== "select") return this.setTool("select");
      this.select(null);
    }

    add(shape) {
      this.doc.add(shape, this.doc.drawLabel);
      this.list.follow();
    }

    judge(status) {
      if (this.doc.mark && !this.pointer.busy) this.doc.setStatus(this.doc.selected, status);
    }

    remove() {
      if (this.doc.mark && !this.pointer.busy) this.doc.remove(this.doc.selected);
    }

    nudge(dx, dy) {
      const mark = this.doc.mark;
      if (!mark || this.pointer.busy) return false;
      this.doc.reshape(mark.id, PDC.shapes.move(mark, dx, dy, this.doc.size), `nudge:${mark.id}`);
      return true;
    }

    digit(n) {
      const label = this.doc.labels[n - 1];
      if (label === undefined || this.pointer.busy) return false;
      if (this.doc.kind === "count") return this.counts.type(n - 1);
      this.chooseLabel(label);
      return true;
    }

    // The selected mark's label, else the label of the next mark drawn; while drawing, both.
    chooseLabel(label) {
      const mark = this.doc.mark;
      if (!mark || this.tool === "draw") this.doc.drawLabel = label;
      if (mark && mark.label !== label && !this.doc.readonly) this.doc.relabel(mark.id, label);
      else this.render();
    }

    toggleHidden() {
      this.hidden = !this.hidden;
      this.layer.hover(null);
      this.render();
    }

    zoomToMark() {
      if (this.doc.mark) this.view.zoomTo(PDC.shapes.bounds(this.doc.mark));
    }

    holdPan(on) {
      this.pointer.panKey = on;
      this.stage.toggleAttribute("data-pan", on);
      return true;
    }

    send(name) {
      if (this.pointer.busy) return;
      if (name === "save" && this.doc.readonly) return;
      this.link.tell(name);
    }
  }

  // Called from the component's js_on_load, each time Gradio builds it.
  PDC.mount = ({ element, props, trigger, watch }) => {
    const host = element.querySelector(".pdc-editor");
    const editor = new Editor(host, { put: (value) => { props.value = value; }, trigger });
    const kept = PDC.kept;
    if (kept && kept.head && props.value && kept.head.case === props.value.case) editor.adopt(kept);
    watch("value", () => editor.receive(props.value));
    editor.receive(props.value);
  };

  // A tab that was closed and opened again: the document of the same case goes on, with its undo steps.
  Editor.prototype.adopt = function (kept) {
    Object.assign(this.doc, { head: kept.head, state: kept.state, past: kept.past, future: kept.future, serial: kept.serial, drawLabel: kept.drawLabel });
    this.opened();
    this.render();
  };

  PDC.Editor = Editor;
})((window.PDC = window.PDC || {}));
