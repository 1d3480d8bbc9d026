// Small helpers every module uses. Data only ever reaches the page through setAttribute and textContent.

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

// Line icons on a 16 x 16 grid.
const ICONS = {
  select: "M3.5 2.5 12 8 8.2 8.9 6.4 12.8Z",
  box: "M2.5 3.5h11v9h-11zM8 6v4M6 8h4",
  point: "M8 5v6M5 8h6M8 1.8a6.2 6.2 0 1 0 .01 0",
  closer: "M2.5 5V2.5H5M11 2.5h2.5V5M13.5 11v2.5H11M5 13.5H2.5V11M8 5.5a2.5 2.5 0 1 0 .01 0",
  undo: "M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6",
  redo: "M10.5 3l3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fitted: "M4 5h8v6H4zM1.5 8h2M12.5 8h2M8 2v2.5M8 11.5V14",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8ZM8 6.2a1.8 1.8 0 1 0 .01 0",
  accept: "M3 8.5 6.5 12 13 4.5",
  reject: "M4 4l8 8M12 4l-8 8",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  prev: "M10 3 5 8l5 5",
  next: "M6 3l5 5-5 5",
  light: "M8 2.2a5.8 5.8 0 1 0 .01 0M8 2.2v11.6M8 5h4.6M8 8h5.6M8 11h4.6",
  outline: "M3 4.5V3h1.5M7 3h2M11.5 3H13v1.5M13 7v2M13 11.5V13h-1.5M9 13H7M4.5 13H3v-1.5M3 9V7",
  grid: "M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11M6.2 2.5v11M9.8 2.5v11",
  cross: "M8 1.5v13M1.5 8h13",
  loupe: "M6.8 2.2a4.6 4.6 0 1 0 .01 0M10.2 10.2l3.6 3.6",
  warn: "M8 2.2 14.3 13.3H1.7ZM8 6.4v3.2M8 11.5v.1",
  help: "M8 1.8a6.2 6.2 0 1 0 .01 0M6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.2M8 11.4v.1",
};

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 16 16", class: "pda-icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

export const button = (drawn, title, run, extra) =>
  html("button", { type: "button", class: "pda-button", title, "aria-label": title, on: { click: run }, ...extra }, icon(drawn));
