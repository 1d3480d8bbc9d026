// Marks as real, named DOM nodes that are reused: a mark's node is touched only when the mark itself has changed.
(function (PDC) {
  "use strict";
  const { svg, html, set, shapes } = PDC;

  // `points` is no style property, unlike `d`, `x` or `width`: moving a mark then costs layout but no style.
  // A dot is a line without length, drawn by its caps in screen pixels.
  const dot = (x, y) => `${x},${y} ${x},${y}`;

  const outline = PDC.outline = (shape) => {
    if (shape.point) return dot(...shape.point);
    const [x1, y1, x2, y2] = shape.box;
    return `${x1},${y1} ${x2},${y1} ${x2},${y2} ${x1},${y2}`;
  };

  const [BOX, POINT, SCORE] = ["Box", "Point", "score"].map((word) => PDC.t(word));
  const WORDS = Object.fromEntries(["model", "human", "edited", "open", "accepted", "rejected"].map((word) => [word, PDC.t(word)]));

  const name = (mark, at) => {
    const score = mark.score === null ? "" : `, ${SCORE} ${mark.score.toFixed(2)}`;
    return `${mark.box ? BOX : POINT} ${at + 1}: ${mark.label}, ${WORDS[mark.origin]}, ${WORDS[mark.status]}${score}`;
  };

  class Layer {
    constructor(doc, view, svgRoot, tags) {
      Object.assign(this, { doc, view });
      this.nodes = new Map();
      this.marksGroup = svg("g", { class: "pda-marks" });
      this.draft = svg("polygon", { class: "pda-draft", points: "" });
      this.handles = shapes.HANDLES.map((handle) => svg("rect", { class: "pda-handle", "data-handle": handle }));
      this.overlay = svg("g", { class: "pda-overlay", "aria-hidden": "true" }, this.draft, ...this.handles);
      svgRoot.append(this.marksGroup, this.overlay);
      this.hoverTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
      this.selectedTag = html("div", { class: "pda-tag", "aria-hidden": "true" });
      tags.append(this.hoverTag, this.selectedTag);
      this.hovered = null;
      this.moving = null;
    }

    // Halo and line, and for what a person made or changed a badge.
    make(mark) {
      const shape = mark.box ? "polygon" : "polyline";
      const halo = svg(shape, { class: "pda-halo" });
      const line = svg(shape, { class: "pda-line" });
      const group = svg("g", { class: "pda-mark", role: "button", tabindex: "-1", "data-id": mark.id, "data-kind": mark.box ? "box" : "point" }, halo, line);
      const node = { group, halo, line, badge: null, mark: null, at: -1, labels: null, low: false };
      this.nodes.set(mark.id, node);
      this.marksGroup.append(group);
      return node;
    }

    node(mark) {
      const node = this.nodes.get(mark.id);
      if (node && Boolean(node.mark.box) === Boolean(mark.box)) return node;
      if (node) node.group.remove();
      return this.make(mark);
    }

    render() {
      const { marks, labels, selected } = this.doc;
      const gone = new Set(this.nodes.keys());
      marks.forEach((mark, at) => {
        gone.delete(mark.id);
        const node = this.node(mark);
        this.dim(node, this.doc.hides(mark));
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

    dim(node, low) {
      if (node.low === low) return;
      node.low = low;
      node.group.toggleAttribute("data-low", low);
    }

    paint(node, mark, at, labels) {
      const { group, mark: before } = node;
      const badged = this.badge(node, mark);
      if (badged || !before || before.box !== mark.box || before.point !== mark.point) this.place(node, mark);
      const color = PDC.colorOf(labels, mark.label);
      if (node.color !== color) for (const part of [node.line, node.badge]) if (part) part.setAttribute("stroke", color);
      node.color = color;
      for (const key of ["label", "origin", "status"]) {
        if (!before || before[key] !== mark[key]) group.setAttribute(`data-${key}`, mark[key]);
      }
      PDC.set(group, "aria-label", name(mark, at));
      Object.assign(node, { mark, at, labels });
    }

    badge(node, mark) {
      if (mark.origin === "model" || node.badge) return false;
      node.badge = svg("polyline", { class: "pda-origin" });
      node.color = null;
      node.group.append(node.badge);
      return true;
    }

    place(node, shape) {
      const points = outline(shape);
      node.halo.setAttribute("points", points);
      node.line.setAttribute("points", points);
      if (node.badge) node.badge.setAttribute("points", dot(...shapes.bounds(shape)));
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
      this.draft.setAttribute("points", shape ? outline(shape) : "");
      this.draft.setAttribute("stroke", PDC.colorOf(this.doc.labels, this.doc.drawLabel));
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
