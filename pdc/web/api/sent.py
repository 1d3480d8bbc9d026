"""A review as a program sends it, put to the test: nothing is stored that was not said, by the program or by the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import uuid4

from pdc.client import shapes
from pdc.domain.carrying import answer_to
from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size, clip
from pdc.domain.message import Message
from pdc.domain.values import Aside, Findings, Image, Mark, Origin, Prediction, Question, Review, Shape, Verdict
from pdc.formats.records import has_area, inside
from pdc.review.drafts import Draft, unsaid_nones
from pdc.web.ui.annotator import BAD_ID, MAX_ID_LENGTH, NOT_PART, findings_from

NOTHING_SAID = "Send marks, or stated counts for the task counting, or the prediction that you accept, or skip."
UNREADABLE = "This answer could not be read, so it cannot be accepted as it is; send marks."
MARKS_ALONE = "The task {task} is answered with marks, and its counts follow them. Send marks in place of stated."
COUNTS_ALONE = "The task {task} is answered with counts. Send stated in place of marks."
NOT_STATED = "The counts in stated lack {labels}. Say how many there are of each label of the question, 0 for none."
STATED_TWICE = "In stated {label} has two counts, under several words for it. Say its count once."
NOT_ASKED = (
    "The model was not asked for {labels}, so its answer does not say whether there are any. "
    "Ask it for these labels too, or send marks."
)
NOT_SAID = (
    "Nothing is marked as {labels}, and the model was not asked for it. "
    "Name it in none if the image shows none, or send complete as false."
)
BOTH = "The label {label} is named in none, and marks of it were sent. Leave out one of the two."
SAME_ID = "The marks {first} and {second} of the list, counted from 0, have the same id. Give each its own, or none."
NAMED = "Mark {n} of the list, counted from 0,"
NO_SIZE = "Mark {n} of the list, counted from 0, is a box without a size. Give it a width and a height, or leave it out."


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent about an image under a question. `resolve` gives the label that a word means; it was made from a
    prediction, and goes on from the revision `base`, where there are such."""

    review: shapes.ReviewSent
    image: Image
    question: Question
    resolve: Callable[[str], str]
    made_from: Prediction | None
    base: Review | None

    def findings(self) -> Findings:
        """The marks or counts as they were sent, else those of the prediction, else with `skip` none. PdcError where they cannot
        be. What the revision before had kept aside for other labels stays with it."""
        self._check_task()
        aside = self.base.findings.aside if self.base else Aside()
        if self.review.marks is not None:
            return Findings(self._marks(self.review.marks), {}, aside, self.review.complete)
        if self.review.stated is not None:
            return Findings((), self._stated(self.review.stated), aside, self.review.complete)
        if self.made_from is None and not self.review.skip:
            raise BadSetting(NOTHING_SAID)
        answer = self._answer()
        if answer is None and not self.review.skip:
            raise BadSetting(UNREADABLE)
        answer = answer or Findings()
        return Findings(answer.marks, answer.stated, aside, answer.complete and self.review.complete)

    def check_nones(self, draft: Draft) -> None:
        """BadSetting where the draft would say that labels are not in the image, and nobody has said so: not the model, for it
        was not asked for them, and not the program."""
        none = [self._named(word) for word in self.review.none]
        for label in none:
            if label not in self.question.labels:
                raise BadSetting(NOT_PART, label=repr(label), labels=", ".join(self.question.labels))
            if any(m.label == label for m in draft.findings.marks):
                raise BadSetting(BOTH, label=label)
        if self.review.skip or self.review.stated is not None:
            return
        said = none if self.review.marks is not None else []
        if unsaid := [label for label in unsaid_nones(replace(draft, base_revision=0)) if label not in said]:
            raise BadSetting(NOT_ASKED if self.review.marks is None else NOT_SAID, labels=", ".join(unsaid))

    def is_stored_as(self, stored: Review, draft: Draft) -> bool:
        """Whether a review says what was sent."""
        made_from = draft.prediction and draft.prediction.id
        skipped = stored.verdict is Verdict.SKIPPED
        return (stored.findings, stored.prediction_id, skipped) == (draft.findings, made_from, self.review.skip)

    def _check_task(self) -> None:
        """What does not belong to the task would be dropped, and a 0 stored in its place."""
        task = self.question.task
        if task.has_marks and self.review.stated is not None:
            raise BadSetting(MARKS_ALONE, task=str(task))
        if not task.has_marks and self.review.marks is not None:
            raise BadSetting(COUNTS_ALONE, task=str(task))

    def _named(self, word: str) -> str:
        return word if word in self.question.labels else self.resolve(word)

    def _stated(self, said: Mapping[str, int]) -> Mapping[str, int]:
        stated: dict[str, int] = {}
        for word, n in said.items():
            if (label := self._named(word)) in stated:
                raise BadSetting(STATED_TWICE, label=label)
            stated[label] = n
        if left := [label for label in self.question.labels if label not in stated]:
            raise BadSetting(NOT_STATED, labels=", ".join(left))
        return findings_from({"marks": [], "stated": stated}, wh=self._size, labels=self.question.labels).stated

    def _marks(self, said: Sequence[shapes.MarkSent]) -> tuple[Mark, ...]:
        """Each is called by its place in the list until all are known to be sound, so that a refusal says which it is."""
        known, ids = self._known(), self._ids(said)
        names = {word: self._named(word) for word in {m.label for m in said}}

        def fit(shape: Shape, size: Size, place: str) -> Shape:
            before = known.get(ids[int(place)])
            return clip(shape, size) if before and before.shape == shape else _within(shape, size, place)

        told = [m.model_dump(mode="json", exclude_none=True) for m in said]
        marks = [{**m, "id": str(n), "label": names[m["label"]]} for n, m in enumerate(told)]
        found = findings_from({"marks": marks}, wh=self._size, labels=self.question.labels, fit=fit).marks
        return tuple(_true(replace(m, id=id), known.get(id), self._size) for m, id in zip(found, ids, strict=True))

    def _ids(self, said: Iterable[shapes.MarkSent]) -> list[str]:
        """Sent again under the same name, a mark without an id is given the same one."""
        seed, places = self.review.request or uuid4().hex, dict[str, int]()
        for n, mark in enumerate(said):
            id = mark.id or f"api-{sha256(f'{seed} {n}'.encode()).hexdigest()[:12]}"
            if not id.isprintable():
                raise BadSetting(BAD_ID, n=MAX_ID_LENGTH, id=repr(id))
            if (first := places.setdefault(id, n)) != n:
                raise BadSetting(SAME_ID, first=first, second=n)
        return list(places)

    def _known(self) -> dict[str, Mark]:
        """By id the marks that the model made, of the prediction or as the revision before has them."""
        found = (self.base and self.base.findings, self._answer())
        return {m.id: m for findings in found if findings for m in findings.marks}

    def _answer(self) -> Findings | None:
        return self.made_from and answer_to(self.made_from, self.question)

    @property
    def _size(self) -> Size:
        return self.image.width, self.image.height


def _within(shape: Shape, size: Size, place: str) -> Shape:
    """The shape as an import takes it: no more than a rounding outside of the image, and of some size."""
    if not has_area(shape):
        raise BadSetting(NO_SIZE, n=place)
    return inside(shape, size, Message(NAMED, n=place))


def _true(mark: Mark, before: Mark | None, size: Size) -> Mark:
    """The mark without anything that only the model can say of it, but for what the model did say."""
    if before is None:
        return replace(mark, origin=Origin.HUMAN, score=None, expert=None, votes=None)
    kept = before.origin is Origin.HUMAN or (clip(before.shape, size), before.label) == (mark.shape, mark.label)
    origin = before.origin if kept else Origin.EDITED
    return replace(mark, origin=origin, score=before.score, expert=before.expert, votes=before.votes)
