// The way in: called from the component's js_on_load, each time Gradio builds it.

import { watchConnection } from "./connection.js";
import { Editor } from "./editor.js";
import { watchEffort } from "./effort.js";
import { watchFocus } from "./focus.js";

export const mount = ({ element, props, trigger, watch }) => {
  watchConnection();
  watchFocus();
  watchEffort();
  const host = element.querySelector(".pdc-editor");
  host.parentElement.style.container = "pdc-editor / inline-size"; // the style sheet asks how wide the editor is
  const editor = new Editor(host, { put: (value) => { props.value = value; }, trigger });
  const { kept } = Editor;
  if (kept && kept.head && props.value && kept.head.case === props.value.case) adopt(editor, kept);
  // The question bar shows what the document asks (question/bar.js).
  const receive = () => {
    editor.receive(props.value);
    document.dispatchEvent(new CustomEvent("pdc-document"));
  };
  watch("value", receive);
  receive();
};

// A tab that was closed and opened again: the document of the same case goes on, with its undo steps.
function adopt(editor, kept) {
  const { head, state, past, future, serial, touched, drawLabel } = kept;
  Object.assign(editor.doc, { head, state, past, future, serial, touched, drawLabel });
  editor.opened();
  editor.render();
}
