"""Which question belongs to an image. The page, the list, its numbers and what is asked ahead all go by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pdc.domain.errors import BadQuestion
from pdc.domain.message import Message
from pdc.domain.prompts import task_from
from pdc.domain.values import UNSEEN, Findings, Question, Status, Verdict
from pdc.review.drafts import Draft, unsaid_nones
from pdc.review.examples import first_question
from pdc.review.labels import Labels
from pdc.review.reading.lines import READ, kind_of
from pdc.review.service import ReviewService
from pdc.store.database import Images
from pdc.store.reading.records import ReadTask
from pdc.store.records import DraftLine, ReviewLine

OTHER_LABELS = "The bar asks for {bar}; the marks on the screen answer {marks}. Look at both, then save again."
OTHER_TASK = "The bar names another task than the marks on the screen answer. Look at both, then save again."
NOT_YET = (
    "Not saved yet: nothing is marked, and you did not choose {labels} as the question for this image. "
    "Save again if it suits this one."
)
NOT_SAID = (
    "Not saved yet: nothing is marked as {labels}, and the model has not looked for it. "
    "Save again if there is none in this image."
)

EMPTY_FIELD = "Not saved yet: nothing is marked in this field. Save again if there is nothing to count in it."


@dataclass(frozen=True, slots=True)
class Own:
    """The question that belongs to an image. `chosen`: by a reader, or in a review of one; else the model was only asked it."""

    question: Question
    chosen: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What is stored about images, without marks, as far as one reader may know: by the sha256 of each image.

    `parts` are what the reader reads beside others: of those images nothing is here that somebody else said. `drafts` are the
    reader's own; `reviews` the newest that they may go on from, `mine` their own newest; `answers` the
    questions that the model has answered, the last one at the end, with the id of the newest answer to each. `asked` is what of
    a question the model is asked.
    """

    drafts: dict[str, DraftLine]
    mine: dict[str, ReviewLine]
    reviews: dict[str, ReviewLine]
    answers: dict[str, dict[Question, str]]
    public: frozenset[str] | None
    asked: Callable[[Question], Question | None]
    parts: Mapping[str, ReadTask] = field(default_factory=dict)
    due: Mapping[str, Question] = field(default_factory=dict)
    """the questions of which the reader may make the consensus now"""

    def own(self, sha256: str) -> Own | None:
        """What the reader reads beside others, else their draft, else their last review, else anybody's, else the last answer."""
        if part := self.parts.get(sha256):
            return Own(part.given.question, True)
        if question := self.due.get(sha256):
            return Own(question, True)
        draft, mine = self.drafts.get(sha256), self.mine.get(sha256)
        if draft and not (mine and mine.created_at > draft.saved_at):
            return Own(draft.question, True)
        if review := mine or self.reviews.get(sha256):
            return Own(review.question, review.verdict not in UNSEEN)
        asked = [q for q in self.answers.get(sha256, {}) if self.public is None or self.public.issuperset(q.labels)]
        return Own(asked[-1], False) if asked else None

    def review(self, sha256: str) -> ReviewLine | None:
        """The newest review of the image's own question, else the reader's own."""
        own, newest = self.own(sha256), self.reviews.get(sha256)
        return newest if own and newest and newest.question == own.question else self.mine.get(sha256)

    def answer(self, sha256: str) -> str | None:
        """The id of the newest answer to the image's own question."""
        own, answers = self.own(sha256), self.answers.get(sha256, {})
        asked = own and (own.question if own.question in answers else self.asked(own.question))
        return answers.get(asked) if asked else None


def said_about(service: ReviewService, reader: str, images: Images = None) -> Said:
    """What is stored about one image, about some (a few) or about all. Where reads are blind no answer is known, and
    nothing of fields of a count that this reader has still to read blind; where images are private no
    label that another visitor made."""
    store = service.store
    parts = service.reads.parts(reader, images)
    lines = store.review_lines(reader if service.apart else None, images, unseen=True)
    kept = service.kept_from(reader, images if isinstance(images, str) else None)
    lines = [r for r in lines if r.image_sha256 not in parts and r.image_sha256 not in kept]
    hidden = kept | {sha for sha, part in parts.items() if not part.given.shows_model}
    answers = {} if service.blind else store.answered_questions(images)
    return Said(
        {d.image_sha256: d for d in store.draft_lines(images) if d.author == reader and of_part(d, parts)},
        newest_of(r for r in lines if r.author == reader and r.verdict not in UNSEEN),
        newest_of(lines),
        {sha: of for sha, of in answers.items() if sha not in hidden},
        frozenset(store.labels()) if service.private else None,
        service.asked,
        parts,
        dict(service.reads.to_adjudicate(reader, images)),
    )


def newest_of(lines: Iterable[ReviewLine]) -> dict[str, ReviewLine]:
    """By image: the newest, and none where that was taken back."""
    newest = {r.image_sha256: r for r in lines}
    return {sha: r for sha, r in newest.items() if r.verdict is not Verdict.TAKEN_BACK}


def of_part(draft: DraftLine, parts: Mapping[str, ReadTask]) -> bool:
    """Whether unsaved work belongs to what its reader reads of the image beside others, where they do."""
    part = parts.get(draft.image_sha256)
    return part is None or kind_of(draft.key) == f"{READ}{part.given.turn}"


def labels_of(service: ReviewService) -> Labels:
    """The labels that readers here may ask for."""
    return Labels(service.store, lambda: service.predictor.labels, private=service.private, allowed=service.allowed)


class Questions:
    """What each image is asked: its own question, else what the reader pinned for images without one, else `first`.

    A none under a question that nobody chose for the image may not be meant: the
    first save of one only asks (`doubted`).
    """

    def __init__(self, service: ReviewService, first: Callable[[], Question] = first_question) -> None:
        self.service, self.labels, self._first = service, labels_of(service), first
        self.suits: dict[str, Question] = {}  # what to ask about an example, by the sha256 of its image, once it was opened

    @property
    def first(self) -> Question:
        """What is asked of an image that nobody has said anything about."""
        return self._first()

    def of(self, sha256: str, reader: str, pinned: Question | None = None) -> Question:
        """What is asked about this image."""
        own = self._own(sha256, reader)
        return own.question if own else pinned or self.first

    def open(self, sha256: str, reader: str, before: Draft | None = None, under: Question | None = None) -> Draft:
        """The image's draft under its question, or the one that it is to be read under. The pin is that of the draft `before`."""
        pinned, own = before.pinned if before else None, Own(under, True) if under else self._own(sha256, reader)
        draft = self.service.open(sha256, own.question if own else pinned or self.first, reader)
        self.service.store.record_view(reader, sha256)
        return replace(draft, pinned=pinned, carried=not (own and own.chosen))

    def change(self, draft: Draft, question: Question) -> Draft:
        """The same image and marks under a question that its reader chose for it, on disk: it comes back under it."""
        pinned = question if draft.pinned == draft.question else draft.pinned
        changed = replace(self.service.change_question(draft, question), pinned=pinned, carried=False)
        sha256, reader = draft.image.sha256, draft.author
        if draft.blank:
            self.service.store.drop_draft(reader, sha256, draft.question, draft.key, draft.seen)
        if self.of(sha256, reader) != changed.question:
            self.service.keep(changed)
        return changed

    def pin(self, draft: Draft) -> Draft:
        """From now on its question is that of images with none of their own; pinned already, no longer."""
        return replace(draft, pinned=None if draft.pinned else draft.question)

    def doubted(self, draft: Draft, counted: bool = False) -> Draft | None:
        """The draft with a line that asks whether its none is meant, where it may not be; saved again, it is.

        `counted`: it is a field of a count. Read blind, nothing on the screen says whether anybody has looked at it.
        """
        if counted and draft.blind and not draft.confirmed and says_none(draft.findings, draft.question):
            return replace(draft, confirmed=draft.question.labels, note=Message(EMPTY_FIELD))
        unsaid = unsaid_nones(draft)
        if set(unsaid) - set(draft.confirmed):
            return replace(draft, confirmed=unsaid, note=Message(NOT_SAID, labels=", ".join(unsaid)))
        left_out = set(self.first.labels) - set(draft.question.labels)
        if not (draft.carried and left_out and says_none(draft.findings, draft.question)):
            return None
        return replace(draft, carried=False, note=Message(NOT_YET, labels=", ".join(draft.question.labels)))

    def named(self, question: Question, draft: Draft) -> Question:
        """The question with its labels under their names; those that are in no dictionary yet are made."""
        names = {label: self.labels.add(label, draft.author) for label in question.labels if label not in draft.question.labels}
        return replace(question, labels=tuple(dict.fromkeys(names.get(label, label) for label in question.labels)))

    def _own(self, sha256: str, reader: str) -> Own | None:
        own = said_about(self.service, reader, sha256).own(sha256)
        suits = self.suits.get(sha256)
        return own if suits is None or (own and own.chosen) else Own(suits, True)


def says_none(findings: Findings, question: Question) -> bool:
    """Whether nothing is counted, and the reader has rejected nothing either, nor said that there is more."""
    return (
        findings.complete and not findings.count(question.task) and all(m.status is not Status.REJECTED for m in findings.marks)
    )


def question_from(task: str, labels: Sequence[str]) -> Question:
    return Question(task_from(task), tuple(label.strip() for label in labels))


def check_bar(asked: Question, shown: Question) -> None:
    """Raises BadQuestion when the bar asks for something else than the marks on the screen answer."""
    if set(asked.labels) != set(shown.labels):
        bar, marks = ", ".join(asked.labels), ", ".join(shown.labels)
        raise BadQuestion(OTHER_LABELS, bar=bar, marks=marks)
    if asked.task is not shown.task:
        raise BadQuestion(OTHER_TASK)
