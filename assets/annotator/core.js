// Small helpers every module uses. Data only ever reaches the page through setAttribute and textContent.

import { ICONS } from "./icons.js";
import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

// Okabe and Ito's colours, told apart by every kind of colour vision; the ones that vanish on tissue come last.
export const PALETTE = ["#56B4E9", "#F0E442", "#009E73", "#E69F00", "#CC79A7", "#0072B2", "#D55E00"];

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const round = (value) => Math.round(value * 100) / 100;

// Whether a mark is part of the count, and whether it is as the model left it. A doubtful mark is the model's, scored so low that
// it counts only once somebody has accepted or changed it.
export const counted = (mark) => mark.status === "open" || mark.status === "accepted";
export const untouched = (mark) => mark.origin === "model" && (mark.status === "open" || mark.status === "doubtful");

export const colorOf = (labels, label) => {
  const index = labels.indexOf(label);
  return index < 0 ? "#BDBDBD" : PALETTE[index % PALETTE.length];
};

// Black or white, whichever reads better on the colour.
export const inkOn = (color) => {
  const channel = (at) => {
    const c = parseInt(color.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const light = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return light > 0.179 ? "#000000" : "#FFFFFF";
};

const READ = new Set(["title", "aria-label", "placeholder"]);

function fill(node, attrs, children) {
  const word = (value) => (attrs && attrs.translate === "no" ? String(value) : t(String(value)));
  for (const [key, value] of Object.entries(attrs || {})) {
    if (key === "on") for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, READ.has(key) ? word(value) : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) node.append(typeof child === "string" ? word(child) : child);
  }
  return node;
}

// html("button", {class: "x", on: {click: f}}, "text", node): strings become text nodes, never markup. What is read is put into
// the reader's language, unless it is data (translate: "no").
export const html = (name, attrs, ...children) => fill(document.createElement(name), attrs, children);
export const svg = (name, attrs, ...children) => fill(document.createElementNS(SVG, name), attrs, children);

export const set = (node, name, value) => {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
};
export const text = (node, value) => {
  if (node.textContent !== String(value)) node.textContent = String(value);
};

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 24 24", class: "pda-icon", "aria-hidden": "true" }, ...ICONS[name].map(([tag, shape]) => svg(tag, shape)));

export const button = (drawn, title, run, extra) =>
  html("button", { type: "button", class: "pda-button", title, "aria-label": title, on: { click: run }, ...extra }, icon(drawn));
