// Pages that only show: builds the tree of elements that the server sends. Nothing in it is ever parsed as markup.

// Gradio shows the panel a moment after its content; a button that is not shown yet takes no focus.
function focusFirst(dialog, tries) {
  const button = dialog.querySelector("button");
  button?.focus();
  if (tries && document.activeElement !== button) setTimeout(() => focusFirst(dialog, tries - 1), 50);
}

const SVG = "http://www.w3.org/2000/svg";
const DRAWING = new Set(["svg", "image", "rect", "path", "title", "g", "text"]);
const TAGS = new Set([...DRAWING, "div", "section", "figure", "figcaption", "h3", "h4", "p", "ul", "li", "span", "strong", "em",
  "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "h2", "header", "b", "br", "code",
  "button", "input", "select", "option", "label", "fieldset", "legend", "details", "summary", "progress", "a", "small"]);
const ATTRIBUTES = new Set(["class", "role", "aria-label", "viewBox", "x", "y", "width", "height", "d", "scope", "data-kind", "colspan", "title",
  "type", "name", "value", "max", "checked", "selected", "disabled", "required", "placeholder", "autocomplete", "inputmode", "size", "open", "tabindex",
  "aria-current", "data-do", "data-event", "data-about", "data-change", "data-form", "data-enter", "data-finds", "data-row", "download", "target", "translate"]);
const PICTURE = /^images\/[0-9a-f]{64}\.png$/;
const SHEET = /^api\/((sheets|sessions)\/[\w./-]+|record\.csv(\?[\w.%&=+-]*)?)$/;
const links = (tag, value) => (tag === "image" && PICTURE.test(value)) || (tag === "a" && SHEET.test(value));

export const build = (node) => {
  if (!Array.isArray(node)) return document.createTextNode(String(node));
  const [tag, attributes, ...children] = node;
  if (!TAGS.has(tag)) throw new Error(`A view may not hold <${tag}>.`);
  const made = DRAWING.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (ATTRIBUTES.has(name) || (name === "href" && links(tag, value))) made.setAttribute(name, value);
  }
  made.append(...children.map(build));
  return made;
};

export const mountView = ({ element, props, watch }) => {
  const host = element.querySelector(".pdc-view");
  const show = () => {
    const value = props.value;
    host.replaceChildren(...(Array.isArray(value) && value.length ? [build(value)] : []));
    const dialog = host.closest(".pdc-conflict");
    if (dialog && host.firstChild) focusFirst(dialog, 20);
  };
  watch("value", show);
  show();
};
