"""Under Details: every adapter and what was measured of it; what speaks against one; which is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.adapters.test_sets import SET_HEADERS, set_rows
from pdc.domain.errors import PdcError
from pdc.domain.message import Message
from pdc.inference.adapter_ref import AdapterRef
from pdc.web.ui.training.pictures import changes_view
from pdc.web.ui.training.rows import HEADERS, adapter_row
from pdc.web.ui.training.runs import START_FROM
from pdc.web.ui.training.suspicions import SuspicionPanel
from pdc.web.ui.view import Node, NodeView, el, table
from pdc.web.ui.words import word

UNUSABLE = "They do not answer, as they were trained on other weights: {names}. `python -m finetune retrain` trains them anew."
NONE_YET = Message("No adapter yet.")
AGAINST = Message("What speaks against using it")
UNKNOWN = Message("What the held-out images cannot tell")
NOTHING_AGAINST = Message("Nothing speaks against using it.")


class RegistryPanel:
    """Its components. `outputs` are all that `show` returns values for, in order; `source` is what a training may go on from."""

    def __init__(self, adapters: Adapters, suspicions: SuspicionPanel, source: gr.Dropdown) -> None:
        self.adapters, self.suspicions, self.source = adapters, suspicions, source

    def build(self) -> None:
        self.table = NodeView(elem_classes="pdc-adapters")
        with gr.Row():
            self.chosen = gr.Dropdown([], label=word("Adapter"), scale=2)
            why = word("why it should be used; kept with the decision")
            self.reason = gr.Textbox(label=word("Reason"), placeholder=why, scale=3)
            self.force = gr.Checkbox(False, label=word("Use it against the objections"), scale=1)
            self.promote_button = gr.Button(word("Use this one"), scale=1)
        self.against = NodeView(elem_classes="pdc-against")
        with gr.Row():
            self.served = gr.Dropdown([], label=word("Adapter in use"), scale=2)
            self.back_button = gr.Button(word("Go back to the one before"), scale=1)
        self.suspicions.build(self.chosen)
        self.sets = NodeView(elem_classes="pdc-adapters")
        self.pictures = NodeView()
        self.outputs = [self.table, self.chosen, self.served, self.source]

    def show(self) -> tuple[Any, ...]:
        """The table, newest first; the choice of adapters that could serve, of those that do, and of those to go on from."""
        found, route = self.adapters.all()[::-1], self.adapters.route()
        could = [a.name for a in found if self.adapters.fits(a) and not route.has_all(AdapterRef(a.name, a.path))]
        serve = [name for a in route.adapters if (name := a.named)]
        rows = table(HEADERS, (adapter_row(a, self.adapters.fits(a), route.share(a.name)) for a in found))
        choices = [gr.update(choices=names, value=names[0] if names else None) for names in (could, serve)]
        return self._noted(rows if found else el("p", NONE_YET)), *choices, gr.update(choices=self._sources(serve))

    def _sources(self, serve: list[str]) -> list[Any]:
        return [*START_FROM, *((name, name) for name in serve)]

    def _noted(self, rows: Node) -> Node:
        names = ", ".join(a.name for a in self.adapters.outdated())
        return el("div", el("p", Message(UNUSABLE, names=names)), rows) if names else rows

    def about(self, name: str | None) -> tuple[Node | None, Node | None, Node | None]:
        """Of the chosen adapter: what speaks against it, how it does on each test set beside the base and what served, and
        pictures of what changed from what served when it was made."""
        if not name:
            return None, None, None
        sets = list(set_rows(self.adapters.get(name).metrics))
        waiting = self.adapters.waiting()  # its pictures stand at the top already
        pictures = None if waiting and waiting.name == name else changes_view(self.adapters.changes(name))
        return self._against(name), table(SET_HEADERS, sets) if sets else None, pictures

    def _against(self, name: str) -> Node:
        try:
            objections, notes = self.adapters.objections(self.adapters.get(name)), self.adapters.notes(name)
        except PdcError as damaged:
            objections, notes = [damaged.message], []
        against = _listed(AGAINST, objections) if objections else el("p", NOTHING_AGAINST)
        return el("div", against, *([_listed(UNKNOWN, notes)] if notes else []))


def _listed(heading: Message, sentences: Sequence[Message]) -> Node:
    return el("div", el("h3", heading), el("ul", *(el("li", sentence) for sentence in sentences)))
