// What the model's counts are worth: "93 % sure", "unsure, 62 %", or the range in which the count lies. Worded as in
// pdc/domain/certainty/counts.py.

import { set, text } from "./core.js";
import { t } from "./words.js";

const SHARE = 90; // percent: what the range holds

const words = ({ said, low, high, percent, sure }) => {
  if (said && low < high) return t("{low} to {high}", { low, high });
  return sure ? t("{n} % sure", { n: percent }) : t("unsure, {n} %", { n: percent });
};

// A count that the reader has changed is named beside what it is worth.
const told = (worth, count) => {
  if (!worth.said) return `${t("none")}, ${words(worth)}`;
  return worth.said === count ? `(${words(worth)})` : `${t("model {n}", { n: worth.said })} (${words(worth)})`;
};

// Into the node; nothing where it is unknown. Only what is sure is said to be: a range is neither.
export const showWorth = (node, worth, count) => {
  const range = worth && worth.said && worth.low < worth.high;
  text(node, worth ? told(worth, count) : "");
  set(node, "data-sure", !worth || range ? "" : worth.sure ? "sure" : "unsure");
  set(node, "title", worth ? t("The model gives {percent} % to the count {said}. With {share} % it is {low} to {high}.", { ...worth, share: SHARE }) : "");
};
