"""The Count tab: a sample is begun, read field by field on the Review page, filled in, judged and signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import uuid4

import gradio as gr

from pdc.counting.protocol import BadProtocol
from pdc.counting.sheet import SheetStatus
from pdc.domain.errors import PdcError
from pdc.review.counting.batches import Batch, batches, shown_batch, stem
from pdc.review.counting.sessions import CountSessions
from pdc.review.drafts import Draft
from pdc.review.listing.entries import Order
from pdc.web.ui.counting.begin import ANOTHER, CHANGED, bad_protocol_page, begin_page, ticked, wanted_of
from pdc.web.ui.counting.collecting import count_lines, standing_of
from pdc.web.ui.counting.forms import Asked, FormPage, asked_in, turn_in
from pdc.web.ui.counting.listing import counts_list
from pdc.web.ui.counting.standing import standing_page
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, el
from pdc.web.ui.words import translated
from pdc.web.ui.worklist import filter_from

Does = Callable[[Asked, str | None, str], str | None]
"""what was asked, the open count, the reader -> the count that is open then; None: the form that begins one"""
MOST = 2000  # images of which batches are made
PICKED = (CHANGED, ANOTHER, "new")
OF_PROTOCOL = ("chamber", "way")  # what another protocol has its own of


class CannotOpen(PdcError):
    """There is no field to open."""


class CountTab:
    """Builds the tab and holds its handlers."""

    def __init__(self, counts: CountSessions, review: ReviewTab) -> None:
        self.counts, self.review = counts, review
        self.does: dict[str, Does] = {
            "begin": self.begin,
            "choose": lambda asked, open, reader: asked.about.get("session"),
            "fill": self.fill,
            "note": self.note,
            "withdraw": self.withdraw,
            "add": self.add,
            "sign": self.sign,
            "amend": self.amend,
            "reopen": self.reopen,
        }

    def build(self, demo: gr.Blocks) -> None:
        self.page = FormPage()

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        """Wire the page, once the review tab has its own."""
        hidden: dict[str, Any] = {"show_progress": "hidden"}
        tab.select(show_errors(self.show), self.page, self.page, **hidden)
        self.page.act(show_errors(self.act), self.page, self.page, trigger_mode="multiple", **hidden)
        shown = [*self.review.screen, bar]
        opened = self.page.read(show_errors(self.read), [self.page, self.review.draft], shown, **hidden)
        self.review.then_ask(opened)

    # Handlers ---------------------------------------------------------------------------------------------------

    def show(self, value: Any, request: gr.Request) -> dict[str, Any]:
        """The count that was open, as it is now; else the newest open one, else the form that begins one."""
        reader = user_of(request)
        return self._page(self.counts.goes_on(_open_in(value), reader), reader, Asked(), turn_in(value))

    def act(self, value: Any, request: gr.Request) -> dict[str, Any]:
        """Do what was asked, then show what there is now."""
        asked, reader, open = asked_in(value), user_of(request), _open_in(value)
        if does := self.does.get(asked.do):
            open, asked = does(asked, open, reader), Asked(shown=asked.shown)
        elif asked.do in PICKED:
            open = None
            gone = OF_PROTOCOL if asked.do == ANOTHER else ()
            asked = replace(asked, fields={name: value for name, value in asked.fields.items() if name not in gone})
        return self._page(open, reader, asked, turn_in(value))

    def read(self, value: Any, draft: Draft | None, request: gr.Request) -> tuple[Any, ...]:
        """The next field of the count, or the one that was pressed, on the Review page."""
        asked, reader, open = asked_in(value), user_of(request), _open_in(value)
        if open is None:
            raise CannotOpen("Choose a count first.")
        return *self.review.read_field(open, draft, reader, asked.about.get("sha256")), gr.update(selected="review")

    # What can be asked ------------------------------------------------------------------------------------------

    def begin(self, asked: Asked, open: str | None, reader: str) -> str:
        wanted = wanted_of(self.counts.protocols(), self._batches(asked, reader), asked)
        known = (wanted.way, wanted.n, None, wanted.chamber)
        begun = self.counts.start(wanted.protocol, wanted.sample, wanted.replicates, *known, reader=reader)
        if area := wanted.area:
            self.counts.set_area(begun.id, None, area, reader)
        return begun.id

    def fill(self, asked: Asked, open: str | None, reader: str) -> str | None:
        """A blank of the sample, of a replicate or of a field; emptied, it is open again."""
        at, sha = asked.about.get("replicate"), asked.about.get("sha256")
        value = asked.get("value") or None
        self.counts.fill(open or "", asked.about["name"], value, int(at) if at else None, sha, reader=reader)
        return open

    def note(self, asked: Asked, open: str | None, reader: str) -> str | None:
        """Something seen in a field, such as clumps; or no longer."""
        sha, name = asked.about["sha256"], asked.about["name"]
        noted = self.counts.session(open or "").field(sha).noted - {name}
        self.counts.note(open or "", sha, noted | ({name} if asked.get("noted") else set()), reader=reader)
        return open

    def withdraw(self, asked: Asked, open: str | None, reader: str) -> str | None:
        self.counts.withdraw(open or "", asked.about["sha256"], asked.get("why"), reader=reader)
        return open

    def add(self, asked: Asked, open: str | None, reader: str) -> str | None:
        """Images for a replicate that is there, named by the reader; or for a new one."""
        session, found = self.counts.session(open or "", reader), self._batches(asked, reader)
        taken = {f.sha256 for f in session.fields}
        for at in range(1, session.replicates + 2):
            shas = [sha for batch in ticked(f"r{at}", found, asked) for sha in batch.without(taken).shas]
            if at > session.replicates and shas:
                self.counts.add_replicate(session.id, shas, reader=reader)
            for sha in shas if at <= session.replicates else ():
                self.counts.add_field(session.id, sha, at, reader)
        return open

    def sign(self, asked: Asked, open: str | None, reader: str) -> str | None:
        self.counts.sign(open or "", SheetStatus.FINAL, reader)
        return open

    def amend(self, asked: Asked, open: str | None, reader: str) -> str | None:
        self.counts.sign(open or "", SheetStatus.AMENDED, reader, asked.get("why"))
        return open

    def reopen(self, asked: Asked, open: str | None, reader: str) -> str | None:
        self.counts.reopen(open or "", reader, asked.get("why"))
        return open

    # Steps that handlers share ----------------------------------------------------------------------------------

    def _page(self, open: str | None, reader: str, asked: Asked, turn: int) -> dict[str, Any]:
        """The list of counts beside the open one, or beside the form that begins one; in the reader's language."""
        lines = count_lines(self.counts, reader, asked.get("look"))
        found = self._batches(asked, reader)
        main = self._begin(found, asked) if open is None else standing_page(standing_of(self.counts, open, reader), found)
        page: Node = el("div", counts_list(lines, open), el("div", main, cls="pdc-main-column"), cls="pdc-count-page")
        return {"page": translated(page), "open": open, "stamp": uuid4().hex, "turn": turn}

    def _begin(self, found: Sequence[Batch], asked: Asked) -> Node:
        """The form; where a protocol file of the lab cannot be used, what is wrong with it."""
        try:
            return begin_page(self.counts.protocols(), found, asked)
        except BadProtocol as wrong:
            return bad_protocol_page(wrong.message)

    def _batches(self, asked: Asked, reader: str) -> list[Batch]:
        """The newest images that the reader may see, and those that the list on the Review page shows where it is filtered."""
        store, newest = self.review.service.store, self.review.service.newest_images(reader, MOST)
        own = batches(newest, store.reviewed_among([image.sha256 for image in newest]))
        if len(newest) >= MOST:
            older = store.with_older({b.name for b in own if not b.is_group}, newest[-MOST:], stem)
            own = [replace(b, cut=not b.is_group and b.name in older) for b in own]
        wanted = filter_from(asked.shown)
        if not any((wanted.stage, wanted.label, wanted.name, wanted.reader)):
            return own
        listed = self.review.images.walk(reader, replace(wanted, order=Order.TIME))
        images = [entry.image for entry in islice(listed, MOST + 1)]
        shown = shown_batch(images[:MOST], store.reviewed_among([image.sha256 for image in images]))
        return [replace(shown, cut=len(images) > MOST), *own]


def _open_in(value: Any) -> str | None:
    """The count that the page shows."""
    open = value.get("open") if isinstance(value, Mapping) else None
    return str(open) if open else None
