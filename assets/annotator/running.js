// The bar above the image while a sample is counted: how far its count is, with what is on the screen, and what comes next. The
// line under the count says what the border rule leaves out.

import { html, set, text } from "./core.js";
import { UNCLASSED, field, reached, tallyOf, total } from "./counting.js";
import { Frame } from "./frame.js";
import { t } from "./words.js";

const FEW = 3; // classes that are named in the sentence

export class Running {
  constructor(editor) {
    this.editor = editor;
    this.frame = new Frame(editor);
    this.built = null;
    this.sample = html("span", { class: "pda-running-sample", translate: "no" });
    this.number = html("strong", { class: "pda-running-number" });
    this.next = html("span", { class: "pda-running-next", role: "status" });
    this.bar = html("progress", { max: 1, value: 0, "aria-label": "Counted of the target" });
    this.classes = html("span", { class: "pda-running-classes", role: "group", "aria-label": "Counted in this replicate" });
    this.place = html("span", { class: "pda-running-place" });
    this.tools = html("span", { class: "pda-running-tools" });
    this.go = html("button", { type: "button", class: "pda-close", title: "Save, next field (Enter)", on: { click: () => document.dispatchEvent(new CustomEvent("pdc-finish")) } }, "Next field");
    this.root = html("div", { class: "pda-running", role: "region", "aria-label": "Count session", hidden: "" },
      html("div", { class: "pda-running-said" }, this.sample, this.number, this.next, this.place, this.classes), this.bar,
      html("div", { class: "pda-running-more" }, this.tools, this.go));
    this.line = html("p", { class: "pda-field", role: "status", hidden: "" });
  }

  build(classes) {
    const key = classes.map(({ name }) => name).join("\n");
    if (this.built === key) return;
    this.built = key;
    this.numbers = new Map(classes.map(({ name }) => [name, html("b", { translate: "no" })]));
    this.classes.replaceChildren(...[...this.numbers].map(([name, number]) => html("span", {}, html("span", { translate: "no" }, name), " ", number)));
  }

  render() {
    const { doc } = this.editor;
    const counting = doc.open ? field(doc) : null;
    this.frame.render();
    this.editor.root.toggleAttribute("data-counting", Boolean(counting));
    this.root.hidden = this.line.hidden = !counting;
    if (!counting) return;
    const found = tallyOf(doc);
    this.build(counting.classes);
    this.renderBar(counting, found);
    for (const [name, number] of this.numbers) text(number, (counting.before[name] || 0) + found.counted[name]);
    this.renderLine(found);
  }

  renderBar(counting, found) {
    const { least, of, replicate, replicates, said, place, places } = counting;
    const n = reached(found, counting);
    const what = of.length <= FEW ? of.join(" + ") : t("cells");
    text(this.sample, counting.sample);
    set(this.sample, "title", counting.protocol);
    const numbers = least ? t("{n} of {least} {what}", { n, least, what }) : `${n} ${what}`;
    const where = replicates > 1 ? t(", replicate {at} of {all}", { at: replicate, all: replicates }) : "";
    text(this.number, `${numbers}${where}:`);
    text(this.next, n >= (least || 0) ? said.reached : said.short);
    Object.assign(this.bar, { max: least || 1, value: Math.min(n, least || 1) });
    this.bar.hidden = !least;
    this.root.toggleAttribute("data-reached", Boolean(least) && n >= least);
    text(this.place, t("field {at} of {all}", { at: place, all: places }));
    this.go.disabled = this.editor.doc.readonly;
  }

  // What the other fields add, and what comes next, may be another: areas were set on the server. What is on the screen stays.
  async refresh() {
    const { doc } = this.editor;
    const [counting, of] = [field(doc), doc.head.case];
    const image = /^(.*)images\/([0-9a-f]{64})\.png/.exec(doc.head.image.url);
    if (!counting || !image) return;
    const answer = await fetch(`${image[1]}api/sessions/${counting.session}/fields/${image[2]}`);
    if (!answer.ok || !doc.head || doc.head.case !== of) return;
    doc.head.counting = await answer.json();
    this.editor.render();
  }

  renderLine(found) {
    const { counted, out } = total(found);
    const unclassed = [...found.why.values()].filter((why) => why === UNCLASSED).length;
    const parts = [t("counted {n}, left out {out}", { n: counted, out }), unclassed ? t("{n} in no class of the protocol", { n: unclassed }) : ""];
    text(this.line, parts.filter(Boolean).join(" · "));
    set(this.line, "title", t("By the border rule of the protocol. What it leaves out is hatched, and stays marked"));
  }
}
