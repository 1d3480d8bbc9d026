"""The history tab: all that was said about the image on the review tab, compared two by two."""

from __future__ import annotations

from asyncio import to_thread
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from pdc.domain.diff import diff
from pdc.domain.errors import NotFound
from pdc.domain.message import Message, joined
from pdc.domain.prompts import count_in_words
from pdc.domain.values import Findings
from pdc.review.drafts import Draft
from pdc.review.history import History, Version
from pdc.web.ui.record.panel import RecordPanel
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.screen import show_errors, status_line
from pdc.web.ui.view import FATES, Node, NodeView, draw_correction, el, picture, stands
from pdc.web.ui.words import word

NOTHING = Message("Open an image on the review tab first; everything that was said about it is shown here.")
TRAIL = Message("Trail of this image and question:")
KINDS = ("kept", "moved", "relabelled", "added", "removed")
COUNTED = "{name}: counted {n}, then {m}."
BASE_ALONE = Message("the base model alone")
UNUSABLE = "Not asked, as they were trained on other weights: {names}. `python -m finetune retrain` trains them anew."
WAITING = Message("The adapter is answering …")
UNREAD = Message("The answer could not be read.")


class HistoryTab:
    """Builds the tab and holds its handlers."""

    def __init__(self, history: History, review: ReviewTab, record: RecordPanel | None = None) -> None:
        self.history, self.review, self.record = history, review, record

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks."""
        with gr.Row(elem_classes="pdc-question"):
            self.before = gr.Dropdown([], label=word("From"), scale=4, min_width=200)
            self.after = gr.Dropdown([], label=word("To"), scale=4, min_width=200)
            self.beside = gr.Checkbox(False, label=word("Side by side"), scale=0, min_width=160)
            self.reopen_button = gr.Button(word("Reopen “To” as a draft"), scale=0, min_width=170)
        with gr.Row(elem_classes=["pdc-question", "pdc-asks-adapter"]):
            self.adapter = gr.Dropdown([], label=word("Adapter that has not answered yet"), scale=4, min_width=200)
            self.ask_button = gr.Button(word("Ask it"), scale=0, min_width=80)
        self.view = NodeView()
        if self.record:
            self.record.build()

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        """Wire the components, once the review tab has its own."""
        draft, pair = self.review.draft, [self.before, self.after, self.beside]
        lists = [self.before, self.after, self.adapter, self.view]
        if self.record:
            self.record.opens(tab)
        tab.select(show_errors(self.show), [draft], lists, show_progress="hidden")
        gr.on([p.input for p in pair], show_errors(self.compare), [draft, *pair], self.view, show_progress="hidden")
        self.ask_button.click(show_errors(self.ask), [draft, self.adapter], lists, show_progress="hidden")
        review = [self.review.draft, self.review.editor, self.review.status]
        self.reopen_button.click(
            show_errors(self.reopen), [draft, self.review.editor, self.after], [*review, bar], show_progress="hidden"
        )

    # Handlers ---------------------------------------------------------------------------------------------------

    def show(self, draft: Draft | None) -> tuple[Any, Any, Any, Node]:
        """The versions of the open image, the last against what it corrects (else against the one before)."""
        if draft is None:
            return gr.update(choices=[]), gr.update(choices=[]), gr.update(choices=[]), el("p", NOTHING, cls="pdc-empty")
        versions = self.history.versions(draft)
        before, after = _last_two(versions)
        named = [(v.title, v.id) for v in versions]
        unasked = [(name or BASE_ALONE, name or "") for name in self.history.unasked(draft)]
        parts = (_compared(draft, before, after, beside=False), *self._trail(draft), *self._unusable())
        view = el("div", *parts, cls="pdc-adapters" if unasked else "pdc-no-adapter")
        return (
            gr.update(choices=named, value=before.id if before else None),
            gr.update(choices=named, value=after.id if after else None),
            gr.update(choices=unasked, value=unasked[0][1] if unasked else None),
            view,
        )

    def _trail(self, draft: Draft) -> list[Node]:
        """Signatures, re-openings and who was asked to read."""
        lines = self.history.trail(draft)
        return [el("p", TRAIL), el("ul", *(el("li", line) for line in lines))] if lines else []

    def _unusable(self) -> list[Node]:
        names = ", ".join(a.name for a in self.history.outdated())
        return [el("p", Message(UNUSABLE, names=names))] if names else []

    def compare(self, draft: Draft | None, before: str | None, after: str | None, beside: bool) -> Node:
        if draft is None:
            return el("p", NOTHING, cls="pdc-empty")
        known = {v.id: v for v in self.history.versions(draft)}
        return _compared(draft, known.get(before or ""), known.get(after or ""), beside)

    async def ask(self, draft: Draft | None, adapter: str | None) -> AsyncIterator[tuple[Any, Any, Any, Node]]:
        """Have one more adapter answer, for comparison; the draft stays as it is. Waiting for it holds no thread."""
        if draft is not None and adapter is not None:
            yield gr.skip(), gr.skip(), gr.skip(), el("p", WAITING)
            watch = await to_thread(self.history.ask, draft, adapter or None)
            await watch.whole()
        yield await to_thread(self.show, draft)

    def reopen(self, draft: Draft | None, shown: Any, version: str | None) -> tuple[Draft, Any, str, Any]:
        """An old revision or an answer as a new draft, on the review tab."""
        known = {v.id: v for v in self.history.versions(draft)} if draft else {}
        if draft is None or version not in known:
            raise NotFound("Choose under “To” what to reopen.")
        self.review.leave(draft)
        again = self.history.reopen(self.review.asking.now(draft), known[version])
        return again, self.review.value_of(again, shown), status_line(again), gr.update(selected="review")


def _last_two(versions: list[Version]) -> tuple[Version | None, Version | None]:
    if not versions:
        return None, None
    after = versions[-1]
    corrects = after.review.prediction_id if after.review else None
    before = next((v for v in versions if v.id == corrects), versions[-2] if len(versions) > 1 else None)
    return before, after


def _compared(draft: Draft, before: Version | None, after: Version | None, beside: bool) -> Node:
    if after is None:
        return el("p", Message("Nothing has been said about this image and question yet."))
    old, new = (before.findings if before else None) or Findings(), after.findings or Findings()
    changes = diff(old, new)
    kinds = Counter(str(c.kind) for c in changes)
    told = [Message(FATES[kind], n=kinds[kind]) for kind in KINDS]
    legend = [el("li", words, data_kind=kind) for kind, words in zip(KINDS, told, strict=True)]
    n, m = (count_in_words(f.count(draft.question.task), draft.question.labels, f.complete) for f in (old, new))
    counts = Message(COUNTED, name=draft.image.name, n=n, m=m)
    if beside and before is not None:
        pictures = [_figure(draft, v) for v in (before, after)]
    else:
        shapes = [node for c in changes for node in draw_correction(c)]
        pictures = [el("figure", picture(draft.image, shapes, joined([counts, *told], " · ")))]
    words = el("p", counts, *_unread(before, after))
    return el("section", words, el("ul", *legend, cls="pdc-legend"), el("div", *pictures, cls="pdc-pair"))


def _unread(*versions: Version | None) -> list[Message]:
    return [joined([" ", v.title, UNREAD], " · ") for v in versions if v is not None and v.findings is None]


def _figure(draft: Draft, version: Version) -> Node:
    marks = version.findings.marks if version.findings else ()
    return el("figure", picture(draft.image, [stands(m) for m in marks], version.title), el("figcaption", version.title))
