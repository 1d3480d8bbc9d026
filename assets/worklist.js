// The worklist beside the editor: uploads, how far the reader is, what to show, the rows, and the keys that finish an image.

import { Accept } from "./accept.js";
import { html, text } from "./annotator/core.js";
import { tab } from "./annotator/keeper.js";
import { WORKLIST, claimed, meant } from "./annotator/keys.js";
import { t } from "./annotator/words.js";
import { Back } from "./back.js";
import { choices, select } from "./choices.js";
import { Claim } from "./claim.js";
import { Drop } from "./drop.js";
import { Fields } from "./fields.js";
import { Hold } from "./hold.js";
import { Listing, filters, progress } from "./listing.js";
import { Retire } from "./retire.js";
import { Readers } from "./readers.js";
import { Offer } from "./offer.js";
import { Rows, toImage } from "./rows.js";
import { Tour } from "./tour.js";
import { Upload } from "./upload.js";
import { Welcome } from "./welcome.js";
import { withoutCookies } from "./visit.js";

const [POLL_MS, IDLE_MS, TYPING_MS] = [2500, 30000, 200];
const ORDERS = [["time", "in order"], ["name", "by name"], ["uncertain", "least sure first"], ["disagreement", "most corrected first"]];

// On a tablet the list is a drawer (question/drawer.js).
const drawer = (wanted) => void document.dispatchEvent(new CustomEvent("pdc-list", { detail: wanted }));

// Gradio may build the list again and says nothing of the old one.
let mounted = null;

class Worklist {
  constructor(host, link) {
    this.host = host;
    this.link = link;
    this.timer = null;
    this.asked = 0;
    this.stamp = null;
    this.opening = false;
    this.upload = new Upload({ opened: (sha256) => this.choose({ sha256 }), changed: () => this.refresh(), busy: () => Boolean(this.current) || this.opening });
    this.drop = new Drop(this.upload, () => this.inSight);
    this.welcome = new Welcome({ open: (name) => this.choose({ example: name }), upload: this.upload });
    this.tour = new Tour();
    this.claim = new Claim();
    this.offer = new Offer();
    this.retire = new Retire({ done: (shas) => this.retired(shas), left: () => this.rows.root.focus() });
    this.accept = new Accept({ wanted: () => this.wanted(), changed: () => this.refresh(), look: () => this.lookOver() });
    this.fields = new Fields({ open: (session, sha256) => this.choose({ session, sha256 }), changed: () => this.redrawn() });
    this.listing = new Listing();
    this.rows = new Rows((sha256) => this.choose({ sha256 }), (row) => this.retire.ask(row), () => this.later(POLL_MS));
    this.readers = new Readers((asked) => this.send("give", { readers: asked }));
    this.build();
    if (mounted) mounted.forget();
    /** @type {[string, (event: any) => void][]} */
    this.listening = [["keydown", (event) => this.key(event)], ["pdc-finish", () => this.inSight && this.act("finish")],
      ["pdc-open", (event) => this.choose(event.detail)], ["pdc-document", () => this.welcome.place()]];
    for (const [type, run] of this.listening) document.addEventListener(type, run, true);
    mounted = this;
  }

  build() {
    const changed = () => this.refresh();
    this.search = html("input", { type: "search", placeholder: "Search", "aria-label": "Search by name", "data-name": "name", on: { input: () => this.typed(), keydown: (e) => this.leaveSearch(e) } });
    this.stage = select("stage", "Show", [["", "all"]], changed);
    this.order = select("order", "Order", ORDERS, changed);
    this.label = select("label", "With label", [["", "any label"]], changed);
    this.reader = select("reader", "Assigned to", [["", "any reader"]], changed);
    this.to = html("input", { type: "text", placeholder: "reader", "aria-label": "Assign to", list: "pdc-readers", maxlength: 64 });
    this.back = new Back((note) => this.send("back", { note }));
    this.known = html("datalist", { id: "pdc-readers" });
    this.give = html("button", { type: "button", on: { click: () => this.assign() } }, "Assign shown");
    this.more = html("details", { class: "pdc-more" }, html("summary", {}, "More filters, assign"),
      html("div", { class: "pdc-filters" }, this.label, this.reader, this.to, this.give, this.known));
    this.notice = html("p", { class: "pdc-visitors", hidden: "" });
    this.count = html("p", { class: "pdc-progress" });
    this.counts = html("a", { class: "pdc-take", href: "api/data/counts.csv", download: "", hidden: "", title: "The table of counts of everything that is saved" }, "Counts (CSV)");
    this.bar = html("progress", { max: 1, value: 0, "aria-label": "Done" });
    this.ahead = html("p", { class: "pdc-ahead", role: "status" });
    this.examples = html("ul", { class: "pdc-thumbs" });
    this.shipped = html("details", { class: "pdc-examples" }, html("summary", {}, "Examples"), this.examples);
    this.hold = new Hold(() => this.row, (error) => error ? text(this.ahead, error) : this.refresh());
    const does = WORKLIST.filter(([, , name]) => ["skip", "back"].includes(name));
    this.does = html("div", { class: "pdc-does" }, ...does.map(([keys, words, name]) =>
      html("button", { type: "button", "data-act": name, title: `${t(words)} (${keys})`, on: { click: () => this.act(name) } }, words)), this.hold.root);
    this.host.replaceChildren(this.upload.root, this.notice, this.tour.root, html("div", { class: "pdc-done" }, this.count, this.counts, this.bar),
      html("div", { class: "pdc-filters" }, this.search, this.stage, this.order), this.more, this.readers.root, this.accept.root, this.fields.root, this.back.root, this.retire.root, this.rows.root, this.offer.root, this.ahead, this.shipped, this.does);
  }

  forget() {
    for (const [type, run] of this.listening) document.removeEventListener(type, run, true);
    this.drop.forget();
    this.claim.forget();
  }

  wanted() {
    const fields = [this.search, this.stage, this.order, this.label, this.reader];
    return { ...Object.fromEntries(fields.map((field) => [field.dataset.name, field.value])), session: this.fields.session };
  }

  send(event, more) {
    this.link.put({ ...this.link.value(), wanted: this.wanted(), ...more });
    this.link.trigger(event);
  }

  choose(chosen) {
    this.opening = true;
    drawer(false);
    this.flush();
    this.send("choose", { chosen });
  }

  // What the reader drew a moment ago belongs to what is saved now. The editor, where it has an image open.
  flush() {
    /** @type {(HTMLElement & { pdc?: import("./annotator/editor.js").Editor }) | null} */
    const editor = document.querySelector(".pdc-editor");
    if (editor && editor.pdc) editor.pdc.link.hand();
    return editor && editor.hasAttribute("data-open") && editor.getClientRects().length > 0 ? editor.pdc : null;
  }

  act(name) {
    drawer(name === "list" || name === "search");
    if (name === "list") return this.rows.root.focus();
    if (name === "search") return this.search.select(), this.search.focus();
    const editor = this.flush();
    if (!editor) return undefined;
    return name === "back" ? this.back.ask(true) : editor.fit.settled(() => this.flush() && this.send(name));
  }

  meaning(event) {
    if (event.altKey || event.isComposing || event.repeat) return null;
    const target = event.composedPath()[0];
    const ctrl = event.ctrlKey || event.metaKey;
    const typing = target instanceof Element && target.closest("input, textarea, select, [contenteditable=true], [role=dialog], .pdc-conflict");
    if (target === this.back.why) return null;
    if (event.key === "Enter" && ctrl) return "finish";
    if (typing || (target instanceof Element && target.closest(".pdc-own") && !event.shiftKey && event.key === "Enter")) return null;
    if (event.key === "Enter") return target instanceof Element && target.closest("button, a, summary") ? null : event.shiftKey ? "skip" : "finish";
    if (event.key === "Backspace" && event.shiftKey) return "back";
    if (claimed(event)) return null;
    const key = meant(event);
    if (ctrl || event.shiftKey) return key === "/" ? "search" : null;
    return { w: "list", "/": "search" }[key] || null;
  }

  get inSight() { return this.host.isConnected && this.host.getClientRects().length > 0; }

  key(event) {
    if (!this.inSight) return;
    const name = this.meaning(event);
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    this.act(name);
  }

  leaveSearch(event) {
    if (event.key === "Enter" || event.key === "ArrowDown") this.refresh(), this.rows.root.focus();
    else if (event.key === "Escape") toImage();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  receive(value) {
    if (!value || value.stamp === this.stamp) return;
    this.stamp = value.stamp;
    if (!("current" in value)) return this.link.put({ ...this.value, stamp: value.stamp }), this.refresh();
    this.value = value;
    this.current = value.current;
    this.blind = value.blind;
    this.claim.receive(value.current);
    this.opening = false;
    this.fields.receive(value);
    for (const item of this.order.options) item.hidden = value.blind && ["uncertain", "disagreement"].includes(item.value);
    if (!this.examples.children.length) this.examples.append(...value.examples.map((e) => this.example(e)));
    this.welcome.show(value.examples);
    this.welcome.place();
    this.tour.receive(value);
    document.dispatchEvent(new CustomEvent("pdc-signed", { detail: value.signed }));
    this.refresh();
    this.reopen(value.current);
  }

  // What this tab had open comes back when its page is loaded again.
  reopen(current) {
    const before = tab("pdc-open", current);
    if (!current && before && !this.opened) {
      this.welcome.hold();
      this.choose({ sha256: before });
    }
    this.opened = true;
  }

  example({ name, title, url }) {
    const picture = html("img", { src: url, alt: "", loading: "lazy", width: 42, height: 42 });
    const open = { click: () => this.choose({ example: name }) };
    return html("li", {}, html("button", { type: "button", class: "pdc-item", on: open }, picture, html("span", { class: "pdc-item-name" }, title)));
  }

  // Asks for the rows; an answer that a later question has overtaken is left aside.
  async refresh() {
    const turn = (this.asked += 1);
    clearTimeout(this.timer);
    try {
      const { session } = this.fields;
      const said = await (session ? this.fields.rows() : this.listing.head(this.wanted(), this.rows, this.current));
      if (said && turn === this.asked) this.show(said);
      return said;
    } catch (error) {
      if (turn === this.asked) text(this.ahead, t("The list could not be loaded: {error}", { error: error.message })), this.listing.version = null;
      return null;
    } finally {
      if (turn === this.asked) this.later(this.waiting ? POLL_MS : IDLE_MS);
    }
  }

  // An answer that is under way is one to other words.
  typed() {
    this.asked += 1;
    this.later(TYPING_MS);
  }

  // Nobody looks at a page that is hidden: its list waits.
  later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.host.isConnected && (document.hidden ? this.later(ms) : this.refresh()), ms);
  }

  // A session was left: the list shows images again, and the open image is like any other.
  redrawn() {
    const editor = this.flush();
    if (editor) editor.render();
    this.refresh();
  }

  show(said) {
    this.host.toggleAttribute("data-session", Boolean(this.fields.session));
    this.waiting = said.waiting || said.working_out;
    if (this.fields.session) return this.listing.forget(), this.fields.show(said), this.rows.show(said, this.current);
    this.listing.keep(said);
    this.rows.show(said, this.current, said.load, said);
    this.row = said.rows.find((row) => row[0] === this.current) || (this.row && this.row[0] === this.current ? this.row : undefined);
    this.hold.show();
    choices(this.stage, [["", "all"], ...said.stages.map((s) => [s, s])]);
    choices(this.label, [["", "any label"], ...said.labels.map((l) => [l, l, "no"])]);
    choices(this.reader, [["", "any reader"], ["-", "nobody"], ...said.readers.map((r) => [r, r, "no"])]);
    this.known.replaceChildren(...said.readers.map((r) => html("option", { value: r })));
    for (const field of [this.reader, this.to, this.give, this.readers.root]) field.hidden = said.visitors;
    this.notice.hidden = !said.visitors;
    const lost = t("Your browser keeps no cookies here, so a new page may begin anew: open PDC in a window of its own, or allow cookies.");
    text(this.notice, withoutCookies() ? `${said.kept} ${lost}` : said.kept ?? "");
    text(this.count, progress(said, this.filtered()));
    this.accept.receive({ blind: this.blind, answered: said.predicted > 0 });
    this.bar.max = said.total || 1;
    this.bar.value = said.done;
    this.bar.hidden = !said.total || said.capped;
    this.counts.hidden = !said.done;
    text(this.ahead, said.error ? said.error : said.waiting ? t("Looking ahead: {n} to go", { n: said.waiting })
      : said.working_out ? t("The state of {n} images is still being worked out; the list can be used meanwhile.", { n: said.working_out })
      : said.pool ? t("{answered} of {total} answered", said.pool) : "");
    this.offer.show(said.offer);
    this.ahead.toggleAttribute("data-error", Boolean(said.error));
    this.shipped.hidden = !said.total && !this.filtered();  // then they are cards in the middle
  }

  // What was accepted unseen, image by image, on the contact sheet.
  async lookOver() {
    this.stage.value = "auto-accepted";
    const said = await this.refresh();
    document.dispatchEvent(new CustomEvent("pdc-sheet"));
    if (said && said.rows.length) this.choose({ sha256: said.rows[0][0] });
  }

  filtered() { return filters(this.wanted()).length > 0; }

  // The open image is not worked on any more when it was retired: the one behind it opens.
  async retired(shas) {
    const at = this.rows.place(this.current);
    const next = at < 0 ? null : this.rows.rows[at + 1] || this.rows.rows[at - 1];
    await this.refresh();
    if (shas.includes(this.current) && next && this.rows.place(this.current) < 0) this.choose({ sha256: next[0] });
  }

  async assign() {
    const body = JSON.stringify({ shown: this.wanted(), reader: this.to.value });
    const answer = await fetch("api/worklist/assign", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    if (answer.ok) return this.refresh();
    text(this.ahead, (await answer.json()).error || t("Assigning failed; try again."));
  }
}

export const mountWorklist = ({ element, props, trigger, watch }) => {
  const link = { value: () => props.value, put: (value) => { props.value = value; }, trigger };
  const list = new Worklist(element.querySelector(".pdc-worklist"), link);
  watch("value", () => list.receive(props.value));
  list.receive(props.value);
};
