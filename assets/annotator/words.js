// Words in the reader's language. An English text is the key, a dictionary (assets/words) has it whole or not at all, and what it
// lacks stays English. `{name}` stands for what is filled in. What the server sends has been translated there.
// Labels, names of files and of readers are data and never translated.
(function (PDC) {
  "use strict";
  const language = (navigator.language || "en").slice(0, 2);
  const words = (PDC.dictionaries || {})[language] || {};
  PDC.language = language in (PDC.dictionaries || {}) ? language : "en";
  document.documentElement.lang = PDC.language;

  PDC.t = (english, values) => {
    const found = Object.hasOwn(words, english) ? words[english] : english;
    return values ? found.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all)) : found;
  };

  // For the templates of Gradio's components: markup that says just this text, and the same of an English one.
  PDC.escaped = (text) => new XMLSerializer().serializeToString(document.createTextNode(text));
  PDC.markup = (english) => PDC.escaped(PDC.t(english));

  // Gradio's own message about an error that nobody foresaw, in a corner of the page.
  const messages = () => {
    for (const node of document.querySelectorAll(".toast-title, .toast-message-text")) {
      const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const { data } = texts.currentNode;
        const own = data.replace(data.trim(), () => PDC.t(data.trim()));
        if (data !== own) texts.currentNode.data = own;
      }
    }
  };
  if (PDC.language !== "en") new MutationObserver(messages).observe(document.documentElement, { childList: true, subtree: true });
})((window.PDC = window.PDC || {}));
