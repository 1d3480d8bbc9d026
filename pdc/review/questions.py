"""Which question an image is opened under: its own, else the one the reader chose in the bar, else that of a first visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pdc.domain.errors import BadQuestion
from pdc.domain.message import Message
from pdc.domain.prompts import task_from
from pdc.domain.values import Findings, Question, Status
from pdc.review.drafts import Draft, unsaid_nones
from pdc.review.service import ReviewService

OTHER_LABELS = "The bar asks for {bar}; the marks on the screen answer {marks}. Ask the model, or set the bar back, then save."
OTHER_TASK = "The bar names another task than the marks on the screen answer. Ask the model, or set the bar back, then save."
NOT_YET = (
    "Not saved yet: nothing is marked, and {labels} is a question you chose for another image. Save again if it suits this one."
)
NOT_SAID = (
    "Not saved yet: nothing is marked as {labels}, and the model has not looked for it. "
    "Save again if there is none in this image."
)


class Questions:
    """A question that belongs to an image (a draft's, a review's, an example's) is never carried to another image.

    What the reader chose in the bar is carried. A none under it could be about an image that it does not suit: the first save
    of one only asks (`doubted`).
    """

    def __init__(self, service: ReviewService, first: Question) -> None:
        self.service, self.first = service, first
        self.suits: dict[str, Question] = {}  # what to ask about an example, by the sha256 of its image, once it was opened

    def of(self, sha256: str, reader: str, chosen: Question | None) -> Question:
        """What is asked about this image."""
        return self._own(sha256, reader) or chosen or self.first

    def open(self, sha256: str, reader: str, before: Draft | None = None, chosen: Question | None = None) -> Draft:
        """The image's draft under its question. `chosen` is what the bar says where no image was open before."""
        chosen = before.chosen if before else chosen
        own = self._own(sha256, reader)
        draft = self.service.open(sha256, own or chosen or self.first, reader)
        return replace(draft, chosen=chosen, carried=own is None and before is not None and chosen is not None)

    def choose(self, draft: Draft, question: Question) -> Draft:
        """The same image under a question that the reader chose in the bar, with the marks of the draft."""
        return replace(self.service.change_question(draft, question), chosen=question)

    def doubted(self, draft: Draft) -> Draft | None:
        """The draft with a line that asks whether its none is meant, where it may not be; saved again, it is."""
        unsaid = unsaid_nones(draft)
        if set(unsaid) - set(draft.confirmed):
            return replace(draft, confirmed=unsaid, note=Message(NOT_SAID, labels=", ".join(unsaid)))
        left_out = set(self.first.labels) - set(draft.question.labels)
        if not (draft.carried and left_out and says_none(draft.findings, draft.question)):
            return None
        return replace(draft, carried=False, note=Message(NOT_YET, labels=", ".join(draft.question.labels)))

    def _own(self, sha256: str, reader: str) -> Question | None:
        draft = self.service.store.newest_draft(reader, sha256)
        if draft and not says_none(draft.findings, draft.question):
            return draft.question
        return self.service.reviewed_with(sha256, reader) or self.suits.get(sha256)


def says_none(findings: Findings, question: Question) -> bool:
    """Whether nothing is counted, and the reader has rejected nothing either."""
    return not findings.count(question.task) and all(m.status is not Status.REJECTED for m in findings.marks)


def question_from(task: str, labels: Sequence[str]) -> Question:
    return Question(task_from(task), tuple(label.strip() for label in labels))


def check_bar(asked: Question, shown: Question) -> None:
    """Raises BadQuestion when the bar asks for something else than the marks on the screen answer."""
    if set(asked.labels) != set(shown.labels):
        bar, marks = ", ".join(asked.labels), ", ".join(shown.labels)
        raise BadQuestion(OTHER_LABELS, bar=bar, marks=marks)
    if asked.task is not shown.task:
        raise BadQuestion(OTHER_TASK)
