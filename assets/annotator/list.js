// The marks as a list that scrolls. Only the rows in sight exist, so 2,000 marks cost as much as 40.

import { chooseTo, toggle } from "./choosing.js";
import { sureness } from "./confidence.js";
import { button, colorOf, html, icon, set, text } from "./core.js";
import { notCounted, tallyOf } from "./counting.js";
import { t } from "./words.js";

const ROW = matchMedia("(pointer: coarse)").matches ? 48 : 34; // pixels; the style sheets' --pdc-row
const SPARE = 4;
const WHO = { model: "by the model", human: "drawn by a person", edited: "by the model, changed by a person" };
const EXPERT = { model: "by the expert {expert}", edited: "by the expert {expert}, changed by a person" };
// "3 of 4 looks" of a mark that was voted on; "" of others.
const seenBy = (mark) => (mark.votes ? t("{n} of {all} looks", { n: mark.votes[0], all: mark.votes[1] }) : "");
const madeBy = (mark) => t((mark.expert && EXPERT[mark.origin]) || WHO[mark.origin] || mark.origin, mark);

export class List {
  constructor(editor) {
    this.editor = editor;
    this.rows = new Map();
    this.space = html("div", { class: "pda-space", role: "list", "aria-label": "Marks" });
    this.empty = html("p", { class: "pda-empty" });
    this.root = html("div", { class: "pda-list", on: { scroll: () => this.measured() } }, this.empty, this.space);
    new ResizeObserver(() => this.measured()).observe(this.root);
    this.top = 0;
    this.height = 0;
  }

  // Read here and not while drawing, where it would make the browser lay everything out at once, for every edit.
  measured() {
    this.top = this.root.scrollTop;
    this.height = this.root.clientHeight;
    this.window();
  }

  scroll(top) {
    this.root.scrollTop = top;
    this.measured();
  }

  render() {
    const { doc } = this.editor;
    this.root.hidden = doc.kind === "count";
    this.empty.hidden = !doc.open || doc.shown.length > 0 || (doc.head.answering && !doc.marks.length);
    const none = t(doc.readonly ? "No marks." : doc.kind === "box" ? "No marks. Press D and drag a box." : "No marks. Press D and click each place.");
    text(this.empty, doc.marks.length ? t("Every mark is hidden by the threshold.") : none);
    this.space.style.height = `${doc.shown.length * ROW}px`;
    this.window();
  }

  // Rows for the marks in sight; the selected one stays, so that focus in it survives scrolling.
  window() {
    const { shown: marks } = this.editor.doc;
    const first = Math.max(Math.floor(this.top / ROW) - SPARE, 0);
    const last = Math.min(first + Math.ceil(this.height / ROW) + 2 * SPARE, marks.length);
    const gone = new Set(this.rows.keys());
    for (let at = first; at < last; at += 1) {
      gone.delete(marks[at].id);
      this.row(marks[at], at);
    }
    for (const id of gone) {
      this.rows.get(id).root.remove();
      this.rows.delete(id);
    }
  }

  row(mark, at) {
    const { doc } = this.editor;
    const row = this.rows.get(mark.id) || this.make(mark.id);
    const now = { mark, at, current: doc.selection.ids.has(mark.id), labels: doc.labels, readonly: doc.readonly, readers: doc.head && doc.head.readers, hint: this.editor.hints.found.get(mark.id), why: tallyOf(doc).why.get(mark.id) };
    if (Object.keys(now).every((key) => row[key] === now[key])) return;
    if (row.labels !== doc.labels) this.options(row);
    row.root.style.transform = `translateY(${at * ROW}px)`;
    row.root.toggleAttribute("data-selected", now.current);
    set(row.root, "data-status", mark.status);
    set(row.root, "data-origin", mark.origin);
    set(row.root, "aria-posinset", at + 1);
    set(row.root, "aria-setsize", doc.shown.length);
    row.swatch.style.background = colorOf(doc.labels, mark.label);
    row.swatch.toggleAttribute("data-point", Boolean(mark.point));
    text(row.name, mark.id.replace(/-[0-9a-f]{4}$/, "")); // without what tells answers apart
    this.choose(row.select, mark.label);
    set(row.select, "title", mark.label);
    const made = [madeBy(mark), seenBy(mark), now.why && notCounted(now.why)].filter(Boolean).join(", ");
    set(row.name, "aria-label", `${mark.id}, ${made}`);
    set(row.name, "title", `${t("Select this mark")} (${made})`);
    const sure = sureness(mark, doc.head.calibration);
    text(row.score, mark.score === null ? this.editor.readers.share(mark.id) : mark.score.toFixed(2));
    row.root.toggleAttribute("data-out", Boolean(now.why));
    text(row.sure, now.why ? t("not counted") : sure ? t(sure) : this.editor.readers.standing(mark.id) || (mark.votes || []).join("/"));
    set(row.sure, "data-sure", now.why ? "" : sure);
    set(row.sure.parentElement, "title", now.why ? notCounted(now.why) : seenBy(mark) ? t("Found by {looks}", { looks: seenBy(mark) }) : "");
    row.warn.hidden = !now.hint;
    set(row.warn, "data-hint", now.hint ? now.hint.kind : "");
    set(row.warn, "title", now.hint ? now.hint.text : "");
    set(row.warn, "aria-label", now.hint ? now.hint.text : "");
    set(row.accept, "aria-pressed", mark.status === "accepted");
    set(row.reject, "aria-pressed", mark.status === "rejected");
    for (const node of [row.select, row.accept, row.reject, row.remove]) node.disabled = doc.readonly;
    Object.assign(row, now);
  }

  make(id) {
    const { editor } = this;
    const act = (run) => (event) => {
      event.stopPropagation();
      run();
      editor.focus();
    };
    const row = {
      swatch: html("i", { class: "pda-swatch", "aria-hidden": "true" }),
      name: html("button", { type: "button", class: "pda-id", title: "Select this mark" }),
      select: html("select", { "aria-label": t("Label of {id}", { id }), on: { change: act(() => editor.doc.relabel(id, row.select.value)) } }),
      score: html("span", {}),
      sure: html("span", { class: "pda-sure" }),
      warn: html("span", { class: "pda-row-hint", role: "img" }, icon("warn")),
      accept: button("accept", "Accept", act(() => editor.doc.setStatus(id, "accepted"))),
      reject: button("reject", "Reject", act(() => editor.doc.setStatus(id, "rejected"))),
      remove: button("trash", "Delete", act(() => editor.doc.remove(id))),
    };
    row.root = html("div", { class: "pda-row", role: "listitem", "data-id": id, on: { click: (event) => this.press(event, id) } },
      html("span", { class: "pda-who" }, row.swatch, row.name, row.warn), row.select, html("span", { class: "pda-score" }, row.score, row.sure),
      html("span", { class: "pda-acts" }, row.accept, row.reject, row.remove));
    this.rows.set(id, row);
    this.space.append(row.root);
    return row;
  }

  // With Shift all from the selected mark to this one, with Ctrl this one too, or no longer.
  press(event, id) {
    if (event.ctrlKey || event.metaKey) return toggle(this.editor, id);
    return event.shiftKey ? chooseTo(this.editor, id) : this.editor.select(id);
  }

  options(row) {
    row.select.replaceChildren(...this.editor.doc.labels.map((label) => html("option", { value: label, translate: "no" }, label)));
  }

  // A mark may carry a label outside the question; it is shown, not changed.
  choose(select, label) {
    if (![...select.options].some((option) => option.value === label)) select.append(html("option", { value: label, translate: "no" }, label));
    select.value = label;
  }

  follow() {
    const { doc } = this.editor;
    const at = doc.mark ? doc.shown.indexOf(doc.mark) : -1;
    if (at < 0 || this.root.hidden) return;
    const [top, bottom] = [at * ROW, (at + 1) * ROW];
    if (top < this.top || bottom > this.top + this.height) this.scroll(Math.max(top - this.height / 2, 0));
    else this.window();
  }
}
