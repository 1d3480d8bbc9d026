// Asks the server for the list of images, a part at a time; where nothing has changed it sends nothing.

import { language } from "./page.js";
import { t } from "./annotator/words.js";

const asked = async (query, headers = {}) => {
  const answer = await fetch(`api/worklist?${new URLSearchParams(query)}`, { headers });
  if (answer.status === 304) return null;
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error || t("That failed; try again."));
  return { ...said, version: answer.headers.get("etag") };
};

// Those that leave images out.
export const filters = (wanted) => Object.entries(wanted).filter(([name, value]) => name !== "order" && value);

// How far the reader is; of a list that nobody counted to its end only that it is "at least" so long.
export const progress = ({ total, capped, done, pace, auto_accepted: unseen }, filtered) => {
  if (!total) return t(filtered ? "No image fits these filters." : "No images yet: upload some, or open an example.");
  const [all, n] = [total, done].map((number) => number.toLocaleString(language));
  if (capped) return t("{total} images", { total: `${all}+` });
  return t("{done} of {total} done", { done: n, total: all }) + (unseen ? t(", {n} auto-accepted", { n: unseen }) : "") + (pace === null ? "" : t(", {n} images an hour", { n: pace }));
};

export class Listing {
  constructor() { this.forget(); }

  // The next answer is a list of its own.
  forget() { this.shown = this.order = this.version = null; }

  // The rows around what is in sight, around an image that was opened since, or, where others are wanted, from the top; null where
  // nothing has changed. `keep` says of an answer that it is shown.
  async head(wanted, rows, current) {
    const key = JSON.stringify(wanted);
    const anew = key !== this.shown;
    const opened = Boolean(current) && (anew ? !filters(wanted).length && (this.order ?? wanted.order) === wanted.order : current !== rows.current);
    const { anchor } = rows;
    const around = opened ? current : anew ? null : anchor;
    const known = !anew && !opened && current === rows.current && this.version;
    const said = await asked({ ...wanted, ...(around ? { around } : {}) }, known ? { "If-None-Match": known } : {});
    return said && { ...said, key, order: wanted.order, anew, reveal: opened, anchor, load: (place) => asked({ ...wanted, ...place }) };
  }

  keep({ key, order, version }) { Object.assign(this, { shown: key, order, version }); }
}
