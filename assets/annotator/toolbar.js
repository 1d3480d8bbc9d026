// The row of buttons above the image.

import { button, html, text } from "./core.js";
import { t } from "./words.js";

export class Toolbar {
  constructor(editor) {
    this.editor = editor;
    const on = (run) => () => {
      run();
      editor.focus();
    };
    const doc = editor.doc;
    this.select = button("select", "Select (V)", on(() => editor.setTool("select")));
    this.draw = button("box", "Draw (D)", on(() => editor.setTool("draw")));
    this.closer = button("closer", "Look closer (E)", on(() => editor.setTool("closer")));
    this.edges = button("edges", "Edges (Shift D): press where an edge or a corner of a box belongs", on(() => editor.setTool("edges")));
    this.undo = button("undo", "Undo (Ctrl Z)", on(() => doc.undo()));
    this.redo = button("redo", "Redo (Ctrl Y)", on(() => doc.redo()));
    this.accept = button("accept", "Accept (A)", on(() => editor.judge("accepted")));
    this.reject = button("reject", "Reject (R)", on(() => editor.judge("rejected")));
    this.fits = button("fitted", "Fit the box to its object, or all loose boxes (Shift F)", on(() => editor.fit.key()));
    this.remove = button("trash", "Delete (Del)", on(() => editor.remove()));
    this.before = button("prev", "Previous mark (P)", on(() => editor.walk.step(-1)));
    this.after = button("next", "Next mark (N)", on(() => editor.walk.step(1)));
    this.hide = button("eye", "Hide marks (H)", on(() => editor.toggle("hidden")));
    this.light = button("light", "Brightness and contrast (I)", on(() => editor.adjust.toggle()));
    this.more = button("more", "More", () => editor.menu.under(this.more), { "aria-haspopup": "menu" });
    this.zoomText = html("button", { type: "button", class: "pda-zoom", title: "Whole image (0)", "aria-label": "Whole image (0)", on: { click: on(() => editor.view.fit()) } });
    const zoom = this.group("Zoom", button("minus", "Zoom out (−)", on(() => editor.view.zoom(0.8))), this.zoomText,
      button("plus", "Zoom in (+)", on(() => editor.view.zoom(1.25))), button("fit", "Whole image (0)", on(() => editor.view.fit())));
    this.markGroup = this.group("Mark", this.before, this.after, this.accept, this.reject, this.fits, this.remove);
    this.toolGroup = this.group("Tool", this.select, this.draw, this.edges, this.closer);
    this.auto = html("button", { type: "button", class: "pda-auto", title: "Shown brighter than it is stored. Press for the picture as the model saw it; I brings it back", hidden: "",
      on: { click: on(() => editor.adjust.auto.turn(false)) } }, "Auto brightness");
    this.note = html("span", { class: "pda-note", role: "status" });
    this.root = html("div", { class: "pda-toolbar", role: "toolbar", "aria-label": "Editor" },
      this.toolGroup, this.group("History", this.undo, this.redo), this.markGroup, editor.fit.root, this.note, this.auto,
      this.group("Image", this.hide, this.light, this.more), zoom,
      this.group("Help", button("help", "Keys (?)", on(() => editor.help.toggle()))));
  }

  group(name, ...buttons) {
    return html("div", { class: "pda-group", role: "group", "aria-label": name }, ...buttons);
  }

  render() {
    const { editor } = this;
    const { doc } = editor;
    const press = (node, on) => node.setAttribute("aria-pressed", String(Boolean(on)));
    const draws = doc.open && !doc.readonly && doc.kind !== "count";
    press(this.select, editor.tool === "select");
    press(this.draw, editor.tool === "draw");
    press(this.edges, editor.tool === "edges");
    press(this.closer, editor.tool === "closer");
    press(this.hide, editor.hidden);
    press(this.more, editor.plain || editor.grid.on || editor.lens.cross || editor.lens.loupe || editor.differential.active);
    for (const node of [this.hide, this.light, this.more]) node.disabled = !doc.open;
    this.draw.disabled = this.closer.disabled = !draws;
    this.edges.disabled = !draws || doc.kind !== "box";
    this.select.disabled = !doc.open;
    this.undo.disabled = doc.readonly || !doc.past.length;
    this.redo.disabled = doc.readonly || !doc.future.length;
    const { chosen } = doc;
    const all = (status) => chosen.length && chosen.every((mark) => mark.status === status);
    for (const node of [this.accept, this.reject, this.remove]) node.disabled = doc.readonly || !chosen.length;
    press(this.accept, all("accepted"));
    press(this.reject, all("rejected"));
    this.before.disabled = this.after.disabled = !doc.shown.length;
    this.fits.disabled = doc.readonly || doc.kind !== "box" || !doc.shown.length || !editor.fit.url;
    this.markGroup.hidden = doc.kind === "count";
    this.toolGroup.hidden = doc.kind === "count";
    const note = t(editor.hidden ? "Marks hidden" : doc.open && doc.head.readonly ? "Read only" : "");
    this.auto.hidden = !doc.open || Boolean(editor.deep.own) || !editor.adjust.auto.now;
    const said = chosen.length > 1 ? t("{n} selected", { n: chosen.length }) : "";
    text(this.note, note || said || t(editor.deep.own ? "Own window (Y)" : ""));
  }

  zoomed(scale) { text(this.zoomText, this.editor.doc.open ? `${Math.round(scale * 100)} %` : ""); }
}
