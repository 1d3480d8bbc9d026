"""The record, folded away under the History tab: who did what, for admins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from pdc.domain.errors import Forbidden
from pdc.domain.message import Message
from pdc.domain.users.roles import Action
from pdc.review.service import ReviewService
from pdc.store.audit.lines import Place, RecordLine
from pdc.web.ui.record.asked import FIELDS, filter_of
from pdc.web.ui.record.kinds import WORDS
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, NodeView, el, table
from pdc.web.ui.words import word

SHOWN = 200
NOTHING = None, "", {}
HEAD = (Message("When (UTC)"), Message("What was done"), Message("Who"), Message("Image"), Message("More"))
WHOLE = Message("The record is whole: nothing in it was changed. It holds {n} entries; {began} UTC.")
EVERYTHING = Message("all acts")
NONE = Message("Nothing in the record fits.")
FIRST = "At most {n} are shown at once; the table to download has all."
DOWNLOAD = Message("Download as CSV")
FOUND = "The record was changed: {fault} Tell whoever runs PDC, and keep the database as it is."


class RecordPanel:
    """Builds the fold and holds its handlers. Each of them asks anew whether the user may read the record."""

    def __init__(self, service: ReviewService) -> None:
        self.service = service

    def build(self) -> None:
        """Add the components to the surrounding Blocks."""
        with gr.Accordion(word("Record: who did what"), open=False, visible=False, elem_id="pdc-record") as self.fold:
            with gr.Row(elem_classes="pdc-question"):
                self.image = gr.Textbox(label=word("Image"), placeholder=word("its name"), scale=2, min_width=160)
                self.user = gr.Textbox(label=word("User"), placeholder=word("everybody"), scale=2, min_width=140)
                self.kind = gr.Dropdown([], label=word("What was done"), scale=2, min_width=180)
                self.since = gr.Textbox(label=word("From day"), placeholder="2026-11-27", scale=1, min_width=120)
                self.until = gr.Textbox(label=word("To day"), placeholder="2026-11-27", scale=1, min_width=120)
                self.show_button = gr.Button(word("Look up"), scale=0, min_width=90)
                self.check_button = gr.Button(word("Check that nothing was changed"), scale=0, min_width=230)
            self.said = NodeView()
            self.view = NodeView()
            self.last = gr.State(None)
            self.older_button = gr.Button(word("Show older"), visible=False, size="sm")

    def opens(self, tab: gr.Tab) -> None:
        """Wire the components."""
        asked = [self.image, self.user, self.kind, self.since, self.until]
        tab.select(show_errors(self.offer), None, [self.fold, self.kind], show_progress="hidden")
        shown = [self.view, self.last, self.older_button]
        gr.on([self.fold.expand, self.show_button.click], show_errors(self.show), asked, shown, show_progress="hidden")
        for field in (self.image, self.user, self.since, self.until):
            field.submit(show_errors(self.show), asked, shown, show_progress="hidden")
        self.kind.input(show_errors(self.show), asked, shown, show_progress="hidden")
        self.older_button.click(show_errors(self.older), [*asked, self.last], shown, show_progress="hidden")
        self.check_button.click(show_errors(self.check), None, self.said, show_progress="hidden")

    # Handlers ---------------------------------------------------------------------------------------------------

    def offer(self, request: gr.Request) -> tuple[Any, Any]:
        """The fold is there for whoever may read the record."""
        try:
            self.service.allowed(user_of(request), Action.RECORD)
        except Forbidden:
            return gr.update(visible=False), gr.skip()
        kinds = [(EVERYTHING, ""), *((said, kind) for kind, said in WORDS.items())]
        return gr.update(visible=True), gr.update(choices=kinds)

    def show(self, image: str, user: str, kind: str | None, since: str, until: str, request: gr.Request) -> tuple[Any, ...]:
        """The newest lines that fit, and where all of them are downloaded."""
        return self._page((image, user, kind, since, until), None, request)

    def older(
        self, image: str, user: str, kind: str | None, since: str, until: str, last: Place | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """The lines behind those that are shown."""
        return self._page((image, user, kind, since, until), last, request)

    def _page(self, asked: Sequence[str | None], after: Place | None, request: gr.Request) -> tuple[Any, ...]:
        self.service.allowed(user_of(request), Action.RECORD)
        said = dict(zip(FIELDS, asked, strict=True))
        lines = list(self.service.store.record_lines(filter_of(said), SHOWN + 1, after))
        shown, more = lines[:SHOWN], len(lines) > SHOWN
        place = shown[-1].place if more else None
        return _view(shown, said, more or after is not None), place, gr.update(visible=more)

    def check(self, request: gr.Request) -> Node:
        """Read the whole record again."""
        self.service.allowed(user_of(request), Action.RECORD)
        checked = self.service.store.check_record()
        if checked.fault:
            return el("p", Message(FOUND, fault=checked.fault), role="alert")
        return el("p", Message(WHOLE, n=checked.rows, began=checked.began), role="status")


def _view(lines: Sequence[RecordLine], said: Mapping[str, str | None], is_part: bool) -> Node:
    if not lines:
        return el("p", NONE)
    address = urlencode({name: text for name, text in said.items() if text})
    link = el("p", el("a", DOWNLOAD, href=f"api/record.csv?{address}"))
    part = [el("p", Message(FIRST, n=SHOWN))] if is_part else []
    return el("div", link, *part, table(HEAD, map(_row, lines)))


def _row(line: RecordLine) -> tuple[object, ...]:
    kind = WORDS.get(line.kind) or line.kind.replace("_", " ")
    data = line.who, line.name or (line.image or "")[:12], _more(line.what or "")
    return f"{line.at:%Y-%m-%d %H:%M:%S}", kind, *(el("span", text, translate="no") for text in data)


def _more(what: str) -> str:
    """What else is known of an act, as words."""
    if not what.startswith("{"):
        return what
    return ", ".join(
        f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in json.loads(what).items() if value not in NOTHING
    )


def _plain(value: object) -> str:
    return ", ".join(f"{name} = {of}" for name, of in value.items()) if isinstance(value, dict) else str(value)
