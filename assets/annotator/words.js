// Words in the reader's language. An English text is the key, a dictionary (assets/words) has it whole or not at all, and what it
// lacks stays English. `{name}` stands for what is filled in. What the server sends has been translated there.
// Labels, names of files and of readers are data and never translated.

import { language, words } from "../page.js";

document.documentElement.lang = language;

export const t = (english, values) => {
  const found = Object.hasOwn(words, english) ? words[english] : english;
  return values ? found.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all)) : found;
};

// Gradio's own message about an error that nobody foresaw, in a corner of the page.
const messages = () => {
  for (const toast of document.querySelectorAll(".toast-title, .toast-message-text")) {
    const texts = document.createTreeWalker(toast, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = /** @type {Text} */ (texts.currentNode);
      const { data } = node;
      const own = data.replace(data.trim(), () => t(data.trim()));
      if (data !== own) node.data = own;
    }
  }
};
if (language !== "en") new MutationObserver(messages).observe(document.documentElement, { childList: true, subtree: true });
