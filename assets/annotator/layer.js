// Marks as real, named DOM nodes that are reused: a mark's node is touched only when the mark itself has changed.
(function (PDC) {
  "use strict";
  const { svg, html, set, shapes } = PDC;

  const outline = (mark) => {
    if (mark.point) return `M${mark.point[0]} ${mark.point[1]}h0`;
    const [x1, y1, x2, y2] = mark.box;
    return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
  };

  const badge = (mark) => {
    const [x, y] = shapes.bounds(mark);
    return `M${x} ${y}h0`;
  };

  const name = (mark, at) => {
    const score = mark.score === null ? "" : `, score ${mark.score.toFixed(2)}`;
    return `${mark.box ? "Box" : "Point"} ${at + 1}: ${mark.label}, ${mark.origin}, ${mark.status}${score}`;
  };

  class Layer {
    constructor(doc, view, svgRoot, tags) {
      Object.assign(this, { doc, view });
      this.nodes = new Map();
      this.marksGroup = svg("g", { class: "pda-marks" });
      this.draft = svg("path", { class: "pda-draft", d: "" });
      this.handles = shapes.HANDLES.map((handle) => svg("rect", { class: "pda-handle", "data-handle": handle }));
      this.overlay = svg("g", { class: "pda-overlay", "aria-hidden": "true" }, this.draft, ...this.handles);
      svgRoot.append(this.marksGroup, this.overlay);
      this.hoverTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
      this.selectedTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
      tags.append(this.hoverTag, this.selectedTag);
      this.hovered = null;
      this.moving = null;
    }

    make(id) {
      const halo = svg("path", { class: "pda-halo" });
      const line = svg("path", { class: "pda-line" });
      const origin = svg("path", { class: "pda-origin" });
      const group = svg("g", { class: "pda-mark", role: "button", tabindex: "-1", "data-id": id }, halo, line, origin);
      const node = { group, halo, line, origin, mark: null, at: -1, labels: null };
      this.nodes.set(id, node);
      this.marksGroup.append(group);
      return node;
    }

    render() {
      const { marks, labels, selected } = this.doc;
      const gone = new Set(this.nodes.keys());
      marks.forEach((mark, at) => {
        gone.delete(mark.id);
        const node = this.nodes.get(mark.id) || this.make(mark.id);
        if (node.mark !== mark || node.at !== at || node.labels !== labels) this.paint(node, mark, at, labels);
      });
      for (const id of gone) {
        this.nodes.get(id).group.remove();
        this.nodes.delete(id);
      }
      if (this.hovered !== null && !this.nodes.has(this.hovered)) this.hovered = null;
      this.showSelected(selected);
      this.overlays();
    }

    paint(node, mark, at, labels) {
      const { group } = node;
      this.place(node, mark);
      const color = PDC.colorOf(labels, mark.label);
      if (node.color !== color) group.style.setProperty("--mark", (node.color = color));
      set(group, "data-label", mark.label);
      set(group, "data-origin", mark.origin);
      set(group, "data-status", mark.status);
      set(group, "data-kind", mark.box ? "box" : "point");
      set(group, "aria-label", name(mark, at));
      Object.assign(node, { mark, at, labels });
    }

    place(node, shape) {
      const d = outline(shape);
      node.halo.setAttribute("d", d);
      node.line.setAttribute("d", d);
      node.origin.setAttribute("d", badge(shape));
    }

    showSelected(id) {
      if (this.shown === id && this.nodes.has(id)) return;
      const before = this.nodes.get(this.shown);
      if (before) {
        before.group.removeAttribute("data-selected");
        before.group.setAttribute("tabindex", "-1");
      }
      const node = this.nodes.get(id);
      if (node) {
        node.group.setAttribute("data-selected", "");
        node.group.setAttribute("tabindex", "0");
      }
      this.shown = node ? id : null;
    }

    // While a mark is dragged only its own node moves; the document changes when the drag ends.
    preview(id, shape) {
      this.moving = { id, shape };
      this.place(this.nodes.get(id), shape);
      this.overlays();
    }

    drop() {
      if (!this.moving) return;
      const { id } = this.moving;
      this.moving = null;
      const node = this.nodes.get(id);
      if (node) this.place(node, node.mark);
      this.overlays();
    }

    drawing(shape) {
      this.draft.setAttribute("d", shape ? outline(shape) : "");
      this.draft.style.setProperty("--mark", PDC.colorOf(this.doc.labels, this.doc.drawLabel));
    }

    hover(id) {
      if (this.hovered === id) return;
      const node = (key) => this.nodes.get(key);
      if (node(this.hovered)) node(this.hovered).group.removeAttribute("data-hover");
      if (node(id)) node(id).group.setAttribute("data-hover", "");
      this.hovered = id;
      this.tags();
    }

    // What keeps its size on the screen: handles and label tags. Called on every zoom, so it must stay small.
    overlays() {
      this.shapeHandles();
      this.tags();
    }

    current(mark) { return this.moving && this.moving.id === mark.id ? { ...mark, ...this.moving.shape } : mark; }

    shapeHandles() {
      const mark = this.doc.mark;
      const box = mark && mark.box && !this.doc.readonly ? this.current(mark).box : null;
      this.overlay.toggleAttribute("data-handles", Boolean(box));
      if (!box) return;
      const side = 8 / this.view.scale;
      const small = Math.min(box[2] - box[0], box[3] - box[1]) * this.view.scale < 36;
      for (const handle of this.handles) {
        const place = handle.getAttribute("data-handle");
        const [x, y] = shapes.handleAt(box, place);
        handle.toggleAttribute("data-off", small && place.length === 1);
        set(handle, "x", x - side / 2);
        set(handle, "y", y - side / 2);
        set(handle, "width", side);
        set(handle, "height", side);
      }
    }

    tags() {
      const selected = this.doc.mark;
      this.tag(this.selectedTag, selected);
      this.tag(this.hoverTag, this.hovered === null || (selected && selected.id === this.hovered) ? null : this.doc.find(this.hovered));
    }

    tag(node, mark) {
      node.toggleAttribute("data-on", Boolean(mark));
      if (!mark) return;
      const [x1, y1, , y2] = shapes.bounds(this.current(mark));
      const [left, top] = this.view.toStage(x1, y1);
      const below = top < 26;
      const lift = mark.point ? 10 : 5;
      const edge = below ? this.view.toStage(x1, y2)[1] + lift : top - lift - 20;
      const color = PDC.colorOf(this.doc.labels, mark.label);
      PDC.text(node, mark.score === null ? mark.label : `${mark.label}  ${mark.score.toFixed(2)}`);
      node.style.background = color;
      node.style.color = PDC.inkOn(color);
      node.style.transform = `translate(${Math.round(PDC.clamp(left, 2, this.view.width - 40))}px, ${Math.round(edge)}px)`;
    }
  }

  PDC.Layer = Layer;
})((window.PDC = window.PDC || {}));
