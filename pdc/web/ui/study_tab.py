"""The reading study: what readers changed after they had seen the model, against a reference that somebody named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from pdc.domain.carrying import answer_to
from pdc.domain.message import Message
from pdc.domain.values import Findings, Review
from pdc.review.blind_reading import Changes, Reading, blind_readings, count_changes
from pdc.review.service import ReviewService
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, NodeView, el, table
from pdc.web.ui.words import word

HEAD = (
    Message("Reader"),
    Message("Reads"),
    Message("Then shown the model"),
    Message("Wrong → right"),
    Message("Right → wrong"),
    Message("Wrong before"),
    Message("Wrong after"),
    Message("Same count as the model, before"),
    Message("after"),
    Message("Same count as the reference, before"),
    Message("after"),
)
EXPLAINED = Message(
    "Counted in objects: one of the reference that was not found (same place and label), or a mark that fits none of it; when "
    "only counting, labels with another number. The reference is the newest review by the reader you choose, and never judges "
    "that reader. It is taken for true here; nothing else makes it so."
)
EMPTY = Message("There are no blind reads yet. Every reader saves a read of their own before the model is shown.")
HIDDEN = Message("While reads are blind this page shows only images you have read yourself.")


class StudyTab:
    """Builds the tab and holds its handlers."""

    def __init__(self, service: ReviewService) -> None:
        self.service = service

    def build(self, demo: gr.Blocks) -> None:
        with gr.Row(elem_classes="pdc-question"):
            self.reference = gr.Dropdown([], label=word("Reference reader"), scale=1, min_width=240)
        self.view = NodeView()

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        tab.select(show_errors(self.show), None, [self.reference, self.view], show_progress="hidden")
        self.reference.input(show_errors(self.against), self.reference, self.view, show_progress="hidden")

    # Handlers ---------------------------------------------------------------------------------------------------

    def show(self, request: gr.Request) -> tuple[Any, Node]:
        authors = sorted({r.author for r in self.service.store.review_lines(user_of(request) if self.service.private else None)})
        return gr.update(choices=authors), self.against(None, request)

    def against(self, reference: str | None, request: gr.Request) -> Node:
        """One row a reader: what changed after the model was shown, against this reader's reviews."""
        reviews = self.service.reviews(user_of(request))
        found = [r for r in blind_readings(reviews) if r.author != reference and self._may_see(r, user_of(request))]
        if not found:
            return el("p", EMPTY)
        truth = {(r.image_sha256, r.question): r for r in reviews if r.author == reference}
        authors = sorted({r.author for r in found})
        rows = [self._row(author, [r for r in found if r.author == author], truth) for author in authors]
        note = [el("p", HIDDEN)] if self.service.blind else []
        return el("section", table(HEAD, rows), el("p", EXPLAINED), *note, cls="pdc-study")

    def _may_see(self, reading: Reading, reader: str) -> bool:
        return not self.service.hides(reading.image_sha256, reading.question, reader)

    def _row(self, author: str, own: Sequence[Reading], truth: dict[Any, Review]) -> tuple[object, ...]:
        judged = [(r, truth[r.image_sha256, r.question]) for r in own if r.after and (r.image_sha256, r.question) in truth]
        total = sum((count_changes(r, t.findings) for r, t in judged), Changes())
        numbers = (total.wrong_to_right, total.right_to_wrong, total.wrong_before, total.wrong_after)
        second = [r for r in own if r.after]
        model = [(r, found) for r in second if (found := self._answer_shown(r)) is not None]
        return (
            author,
            len(own),
            len(second),
            *(numbers if judged else ("–",) * 4),
            *_agreement([(r, found.count(r.question.task)) for r, found in model]),
            *_agreement([(r, t.findings.count(r.question.task)) for r, t in judged]),
        )

    def _answer_shown(self, reading: Reading) -> Findings | None:
        """What the model had answered when the reader read again; None when nothing was shown or readable."""
        shown = reading.after.prediction_id if reading.after else None
        return answer_to(self.service.store.prediction(shown), reading.question) if shown else None


def _agreement(pairs: Sequence[tuple[Reading, int]]) -> tuple[str, str]:
    """How many reads had that count, before and after the model was shown."""
    if not pairs:
        return "–", "–"
    before = sum(r.blind.findings.count(r.question.task) == n for r, n in pairs)
    after = sum((r.after or r.blind).findings.count(r.question.task) == n for r, n in pairs)
    return f"{before} / {len(pairs)}", f"{after} / {len(pairs)}"
