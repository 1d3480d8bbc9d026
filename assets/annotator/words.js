// Words in the reader's language. English is the key; a dictionary (assets/words) maps it, `{name}` standing for what is filled in.
// What is not in the dictionary stays English. Labels, names of files and of readers are data and never translated.
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

  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  const pattern = (english) => {
    const named = new Set();
    return escaped(english).replace(/\{(\w+)\}/g, (all, name) => (named.has(name) ? `\\k<${name}>` : named.add(name) && `(?<${name}>.+?)`));
  };
  const sentences = Object.entries(words).flatMap(([english, own]) => {
    if (/[.!:]$/.test(english)) return [[new RegExp(pattern(english), "g"), own]];
    return /^[A-Za-z].*\}$/.test(english) ? [[new RegExp(`^${pattern(english)}$`), own]] : [];
  });

  // A line that the server wrote: what stands between " · " for itself, and there sentence by sentence.
  PDC.line = (line) => String(line).split(" · ").map(part).join(" · ");
  const part = (line) => {
    if (Object.hasOwn(words, line)) return words[line];
    const fill = (own) => (...found) => {
      const named = found.at(-1);
      return own.replace(/\{(\w+)\}/g, (all, name) => (named && typeof named === "object" ? named[name] : all));
    };
    return sentences.reduce((said, [english, own]) => said.replace(english, fill(own)), line);
  };

  // Gradio shows messages about errors in a corner of the page, as the server wrote them.
  const messages = () => {
    for (const node of document.querySelectorAll(".toast-title, .toast-message-text")) {
      const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const { data } = texts.currentNode;
        const own = data.replace(data.trim(), () => PDC.line(data.trim()));
        if (data !== own) texts.currentNode.data = own;
      }
    }
  };
  if (PDC.language !== "en") new MutationObserver(messages).observe(document.documentElement, { childList: true, subtree: true });
})((window.PDC = window.PDC || {}));
