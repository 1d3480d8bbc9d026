"""The model's answers: the stored one where there is one, else a new one, mark by mark, beside what a reader does meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pdc.domain.errors import BadQuestion
from pdc.domain.message import Message
from pdc.domain.values import Box, Findings, Image, Prediction, Question
from pdc.domain.view import View
from pdc.images.intake import ImageFiles
from pdc.images.window import looks
from pdc.inference.predictors.base import Answer, Predictor, SoFar
from pdc.inference.predictors.vote import VotePredictor
from pdc.review.drafts import Draft
from pdc.review.requests import Cancelled, Priority, RequestTable, Watch
from pdc.store.database import Images
from pdc.store.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.review.service import ReviewService

Part = SoFar | Prediction
"""An answer in the making, and the whole one."""
Serving = tuple[str, str | None, tuple[str, ...]]
"""The names of the model, of its adapter, and of the experts that answer a question."""
UNTAUGHT = "The model does not know {labels}; it was not asked about that. Mark by hand; train when some images are done."
MOST = 200  # answers kept for drafts that are open somewhere, beside those that are still being made
STOPPED = Message("Stopped. What the model found so far stays; ask again for the whole answer.")
STOPPED_ZOOM = Message("Stopped looking closer; your marks are as they were.")


class Answers:
    """Every method may be called from any thread.

    `serving` says which model, adapter and experts would answer a question now; an answer they gave before is not asked for
    again. Without it any stored answer will do. `versions` are those of the model whose answers will do, the present one first;
    none: all will. `at_once` is how many questions the predictor takes at a time. `answered` is told the sha256 of each image
    that was answered.
    """

    def __init__(
        self,
        store: Store,
        files: ImageFiles,
        predictor: Predictor,
        serving: Callable[[Question], Serving] | None = None,
        at_once: int = 1,
        versions: Sequence[str | None] = (),
    ) -> None:
        self.store, self.files, self.predictor, self.serving = store, files, predictor, serving
        self.versions = versions
        self.requests = RequestTable(at_once)
        self.answered: Callable[[str], object] = lambda sha256: None

    def asked(self, question: Question) -> Question | None:
        """What the model is asked of a question: the labels it was taught, as far as it says; None where that is none."""
        untaught = self.predictor.untaught(question)
        left = tuple(label for label in question.labels if label not in untaught)
        return replace(question, labels=left) if left else None

    def must_ask(self, question: Question) -> Question:
        """What the model is asked of a question; BadQuestion where it was taught none of the labels."""
        asked = self.asked(question)
        if asked is None:
            raise BadQuestion(untaught_note(question.labels))
        return asked

    def known(self, sha256: str, question: Question) -> Prediction | None:
        """The stored answer of the model and adapter that serve now; the one from the most looks."""
        asked = self.asked(question)
        return self._known(sha256, asked) if asked else None

    def _known(self, sha256: str, asked: Question, looks: int = 1) -> Prediction | None:
        if self.serving is None:
            return self.store.newest_prediction(sha256, asked, looks)
        return self.store.latest_prediction(sha256, asked, *self.serving(asked), versions=self.versions, looks=looks)

    def answered_images(self, question: Question, looks: int = 1, of: Images = None) -> frozenset[str]:
        """The images (`of` some) with a stored answer to a question, from at least so many looks, by who serves now; empty where
        the model was taught none of it."""
        asked = self.asked(question)
        if asked is None:
            return frozenset()
        return self.store.answered_images(asked, self.serving(asked) if self.serving else None, self.versions, looks, of)

    def request(
        self,
        image: Image,
        question: Question,
        priority: Priority = Priority.SCREEN,
        *,
        again: bool = False,
        taken: bool = False,
        looks: int = 1,
    ) -> Watch[Part]:
        """What the model finds, as it comes, and at last the stored answer; that alone where it is known.

        Labels that it was never taught are not asked; BadQuestion where all are such. `again`: a known answer will not do.
        `taken`: ids of an older answer's marks are in use, so that new ones need others. `looks`: from how many looks at least.
        """
        asked = self.must_ask(question)
        if not again and (known := self._known(image.sha256, asked, looks)):
            return self.requests.finished(known)
        who = self.serving(asked) if self.serving else None
        work = partial(self._answer, image, asked, looks, again, f"-{uuid4().hex[:4]}" if taken else "")
        return self.requests.ask((image.sha256, asked, who, again, taken, looks), priority, work)

    def answer(self, image: Image, question: Question, priority: Priority = Priority.SCREEN, *, looks: int = 1) -> Prediction:
        """The stored answer from at least so many looks, or a new one; waits for it. Raises what went wrong."""
        found = self.request(image, question, priority, looks=looks).result()
        assert isinstance(found, Prediction)
        return found

    def _answer(
        self, image: Image, question: Question, looks: int, again: bool, tail: str, cancelled: Cancelled
    ) -> Iterator[Part]:
        known = None if again else self._known(image.sha256, question, looks)
        if known:
            yield known
            return
        pixels = self.files.open(image.sha256)
        for part in VotePredictor(self.predictor, looks).stream(pixels, question, cancelled):
            if isinstance(part, SoFar):
                yield replace(part, findings=_renamed(part.findings, tail))
            else:
                yield self._stored(image, question, part, tail, _view(image, pixels), once=not again)

    def _stored(
        self, image: Image, question: Question, answer: Answer, tail: str, view: View | None, *, once: bool
    ) -> Prediction:
        """An answer as a prediction, stored; `once`: or the one that another process has stored meanwhile."""
        prediction = Prediction(
            uuid4().hex,
            image.sha256,
            question,
            _renamed(answer.findings, tail) if answer.findings else None,
            answer.raw,
            answer.model,
            answer.adapter,
            answer.prompt_version,
            answer.seconds,
            datetime.now(UTC),
            answer.cut,
            answer.max_pixels,
            answer.short_of_memory,
            view=view,
            experts=answer.experts,
            counts=answer.counts,
            likeness=answer.likeness,
            version=self.versions[0] if self.versions else None,
            looks=answer.looks,
            lost_looks=answer.lost_looks,
        )
        stored = self.store.add_prediction(prediction, once=once)
        self.answered(image.sha256)
        return stored


def untaught_note(labels: Sequence[str]) -> Message:
    """What a reader is told of labels that the model was never taught."""
    return Message(UNTAUGHT, labels=", ".join(labels))


def _view(image: Image, pixels: PilImage) -> View | None:
    """What the model saw of the file. Of images from before views were kept it can still be told whether they look black."""
    seen = None if image.view else looks(pixels)
    return View(looks=seen) if seen else image.view


def _renamed(findings: Findings, tail: str) -> Findings:
    return replace(findings, marks=tuple(replace(m, id=m.id + tail) for m in findings.marks)) if tail else findings


class DraftAnswer:
    """The answer that one open draft is given: the draft as it was when asked, beside what has come since.

    `show` puts a part of the answer beside the draft; `stopped` is the note of a draft whose reader stopped it.
    """

    def __init__(self, draft: Draft, watch: Watch[Any], show: Callable[[Draft, Any], Draft], stopped: Message) -> None:
        self.watch = watch
        self._draft, self._show, self._note = draft, show, stopped
        self._stopped: Draft | None = None

    @property
    def answering(self) -> bool:
        return not self.watch.over

    def now(self) -> Draft:
        """The draft beside what has come so far; its `rev` grows with every part."""
        if self._stopped is not None:
            return self._stopped
        parts, part = self.watch.newest
        return self._draft if part is None else replace(self._show(self._draft, part), rev=self._draft.rev + parts)

    def stop(self) -> None:
        """Ask the model for no more; what was found so far is shown."""
        if self.answering:
            so_far = self.now()
            self._stopped = replace(so_far, note=self._note, rev=so_far.rev + 1)
            self.watch.leave()

    async def changes(self) -> AsyncIterator[tuple[Draft, bool]]:
        """The draft now and after every change, and whether the answer still goes on; holds no thread.

        Ends after the last one, or at once when the reader has left. Raises what went wrong.
        """
        async for _, over in self.watch:
            yield self.now(), not over
        if self._stopped is not None:
            yield self._stopped, False


class OpenAnswers:
    """The answers that drafts were given since they were opened, by the drafts' keys. Any thread."""

    def __init__(self, service: ReviewService) -> None:
        self._service, self._lock = service, Lock()
        self._answers: dict[str, DraftAnswer] = {}

    def begin(self, draft: Draft, region: Box | None = None, looks: int | None = None) -> DraftAnswer:
        """Ask about this draft, with so many looks, or closer about a region of it; what was being answered for it is left."""
        self.leave(draft)
        answer = self._service.zoom(draft, region) if region else self._service.ask(draft, looks)
        with self._lock:
            self._answers.pop(draft.key, None)
            self._answers[draft.key] = answer
            self._forget_old()
        return answer

    def now(self, draft: Draft) -> Draft:
        """The draft with the answer that it has been given meanwhile; its findings are left as they are."""
        answer = self._answers.get(draft.key)
        if answer is None:
            return draft
        given = answer.now()
        return replace(draft, prediction=given.prediction or draft.prediction, rev=max(draft.rev, given.rev), blind=given.blind)

    def answering(self, draft: Draft) -> bool:
        answer = self._answers.get(draft.key)
        return answer is not None and answer.answering

    def stop(self, draft: Draft | None) -> None:
        """End the answer that is being made, if there is one; what was found so far is shown."""
        if draft and (answer := self._answers.get(draft.key)):
            answer.stop()

    def leave(self, draft: Draft) -> None:
        """End it, and show nothing more of it: the reader has gone on."""
        if answer := self._answers.get(draft.key):
            answer.watch.leave()

    def _forget_old(self) -> None:
        """Of answers that are over only the newest are kept; one in the making is never forgotten."""
        over = [key for key, answer in self._answers.items() if not answer.answering]
        for key in over[: max(0, len(self._answers) - MOST)]:
            del self._answers[key]
