// Log out, where work of this reader has not reached the server: they are asked, and it stays theirs in this browser.

import { keeper } from "./annotator/keeper.js";
import { t } from "./annotator/words.js";

const DAYS = keeper.days;
const one = () => t("Your changes of one image have not reached the server. This browser keeps them for you, for {days} days. Log out all the same?", { days: DAYS });
const several = (n) => t("Your changes of {n} images have not reached the server. This browser keeps them for you, for {days} days. Log out all the same?", { n, days: DAYS });

// Whether the reader goes: at once where the server has everything.
export const mayGo = (reader) => {
  const n = keeper.unsent(reader);
  return !n || window.confirm(n > 1 ? several(n) : one());
};
