"""The labels tab: what there is to ask for, by which words it is found, and who changed what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from pdc.domain.errors import BadQuestion
from pdc.domain.message import Message
from pdc.review.labels import LabelLine, Labels, told
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, NodeView, el, table
from pdc.web.ui.words import LINE, word

HEAD = (
    Message("Label"),
    Message("The model knows it"),
    Message("Images reviewed"),
    Message("Other words that find it"),
    Message("Offered"),
)
KNOWN = {True: Message("yes"), False: Message("no"), None: Message("it does not say")}
WORDS_SHOWN = 8
MORE = "{words} and {n} more"
ALONE = Message("Here every visitor works alone: a label you make stays with your own questions.")
EXPLAINED = Message(
    "A label that was renamed or merged is read under its new name everywhere, also in what was saved before; every mark stays. "
    "The model is still asked in the words it was taught."
)
CHANGES = Message("What was changed, the newest first")
CHOOSE = "Choose a label first, and say what it becomes."
DONE = Message("Done. It holds from the next image on that is opened.")


class LabelsTab:
    """Builds the tab and holds its handlers. `rows` are its controls, hidden from those who work alone."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.rows: list[Any] = [None, None]

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks and wire them."""
        shown = not self.labels.private
        with gr.Row(elem_classes="pdc-question", visible=shown) as names:
            self.label = gr.Dropdown([], label=word("Label"), scale=3, min_width=200)
            self.text = gr.Textbox(label=word("New name, or another word"), scale=3, min_width=200)
            renamed = gr.Button(word("Rename"), scale=0, min_width=100)
            added = gr.Button(word("Add the word"), scale=0, min_width=120)
            taken = gr.Button(word("Take the word away"), scale=0, min_width=150)
            new = gr.Button(word("Make a new label"), scale=0, min_width=140)
        with gr.Row(elem_classes="pdc-question", visible=shown) as others:
            self.into = gr.Dropdown([], label=word("Label that stays"), scale=3, min_width=200)
            merged = gr.Button(word("Merge into it"), scale=0, min_width=120)
            retired = gr.Button(word("Offer no more"), scale=0, min_width=120)
            self.gone = gr.Dropdown([], label=word("Not offered, or merged"), scale=3, min_width=200)
            restored = gr.Button(word("Bring back"), scale=0, min_width=110)
        self.rows = [names, others]
        self.said = gr.HTML("", html_template=LINE, elem_classes="pdc-status")
        self.view = NodeView()
        pair, joined = [self.label, self.text], [self.label, self.into]
        for button, handler, inputs in (
            (renamed, self.rename, pair),
            (added, self.add_word, pair),
            (taken, self.take_word, pair),
            (new, self.add, [self.text]),
            (merged, self.merge, joined),
            (retired, self.retire, [self.label]),
            (restored, self.restore, [self.gone]),
        ):
            button.click(show_errors(handler), inputs, self._shown, show_progress="hidden")

    @property
    def _shown(self) -> list[Any]:
        return [self.label, self.into, self.gone, self.text, self.said, self.view, *self.rows]

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        tab.select(show_errors(self.show), None, self._shown, show_progress="hidden")

    # Handlers ---------------------------------------------------------------------------------------------------

    def show(self, request: gr.Request) -> tuple[Any, ...]:
        return self._everything(EXPLAINED if self.labels.are_managed_by(user_of(request)) else ALONE, request)

    def rename(self, label: str | None, to: str, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.rename, (label, to), request)

    def add_word(self, label: str | None, text: str, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.add_synonym, (label, text), request)

    def take_word(self, label: str | None, text: str, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.remove_synonym, (label, text), request)

    def add(self, name: str, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.add, (name,), request)

    def merge(self, label: str | None, into: str | None, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.merge, (label, into), request)

    def retire(self, label: str | None, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.retire, (label,), request)

    def restore(self, label: str | None, request: gr.Request) -> tuple[Any, ...]:
        return self._done(self.labels.restore, (label,), request)

    def _done(self, change: Callable[..., Any], names: Sequence[str | None], request: gr.Request) -> tuple[Any, ...]:
        """Change it in the name of whoever asked, then show what there is now."""
        if not all(names):
            raise BadQuestion(CHOOSE)
        change(*names, user_of(request))
        return self._everything(DONE, request)

    def _everything(self, said: Message, request: gr.Request) -> tuple[Any, ...]:
        reader = user_of(request)
        lines, managed = self.labels.lines(reader), self.labels.are_managed_by(reader)
        live = [line.name for line in lines if not line.retired]
        choices = [gr.update(choices=names, value=None) for names in (live, live, self.labels.put_away())]
        rows = [gr.update(visible=managed)] * len(self.rows)
        return *choices, "", said, self._view(lines, managed), *rows

    def _view(self, lines: Sequence[LabelLine], managed: bool) -> Node:
        changes = [el("h3", CHANGES), _history(self.labels)] if managed else []
        return el("section", table(HEAD, map(_row, lines)), *changes, cls="pdc-labels")


def _row(line: LabelLine) -> tuple[object, ...]:
    return line.name, KNOWN[line.known], line.used, _words(line), Message("no" if line.retired else "yes")


def _words(line: LabelLine) -> str:
    shown, rest = line.words[1 : WORDS_SHOWN + 1], line.words[WORDS_SHOWN + 1 :]
    return Message(MORE, words=", ".join(shown), n=len(rest)) if rest else ", ".join(shown)


def _history(labels: Labels) -> Node:
    events = reversed(labels.history())
    return el("ul", *(el("li", f"{e.at.astimezone():%Y-%m-%d %H:%M} · ", told(e)) for e in events))
