// What the editor wants of the question bar (question/bar.js), which may not be there.

const tell = (name, detail) => {
  document.dispatchEvent(new CustomEvent(name, { detail }));
  return detail;
};

// Have this question, {task, labels}, asked of the image; whether that can be.
export const askFor = (question) => tell("pdc-question", { ...question, taken: false }).taken;

// Which of these labels can be asked for too (`taken`), and how to make the bar do so.
export const offered = (labels) => tell("pdc-ask-labels", { labels, taken: [], ask: () => {} });
