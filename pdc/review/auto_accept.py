"""Answers that leave nothing in doubt by their own numbers: accepted unseen, under a verdict of their own, and taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pdc.domain.carrying import answer_to, unasked
from pdc.domain.certainty.counts import worth_of_all
from pdc.domain.doubt import believable, unlike
from pdc.domain.errors import Forbidden, StaleSave
from pdc.domain.message import Message
from pdc.domain.values import Findings, Image, Prediction, Question, Status, Verdict
from pdc.review.listing.entries import Stage, WorklistFilter
from pdc.review.questions import said_about
from pdc.review.worklist import Worklist

BLIND = "Reads are blind here: every image is looked at, and none is accepted unseen."
LIKELY = 0.5  # the least score of a mark of whose label no count is known

IN_WORK = "{n} in work, sent back, or given to several readers"
UNANSWERED = "{n} not answered by the model that serves now"
NOT_WHOLE = "{n} with an answer that is cut, incomplete or could not be read"
DARK = "{n} in which hardly anything can be seen"
DOUBTFUL = "{n} with doubtful marks"
STRANGE = "{n} unlike the images that the model knows"
UNSURE = "{n} where the model is not sure that there is nothing"
REASONS = (DOUBTFUL, UNSURE, STRANGE, DARK, NOT_WHOLE, UNANSWERED, IN_WORK)


@dataclass(frozen=True, slots=True)
class Offer:
    """Which images may be accepted unseen, by sha256, and how many others are left to a reader, by reason."""

    images: tuple[str, ...]
    left: Mapping[str, int]

    @property
    def total(self) -> int:
        return len(self.images) + sum(self.left.values())

    @property
    def reasons(self) -> list[Message]:
        return [Message(why, n=self.left[why]) for why in REASONS if self.left.get(why)]


class AutoAccept:
    """Any thread. Forbidden where reads are blind."""

    def __init__(self, images: Worklist) -> None:
        self.images, self.service = images, images.service

    def offer(self, reader: str, wanted: WorklistFilter) -> Offer:
        """Of the images of the list that nobody has reviewed."""
        if self.service.blind:
            raise Forbidden(BLIND)
        listed = self.images.walk(reader, wanted)
        stages = {e.image: Stage.IN_REVIEW if e.is_mine else e.stage for e in listed if e.stage.open}
        asked = self._asked(reader)
        why = {image: self._doubt(image, stage, asked.get(image.sha256)) for image, stage in stages.items()}
        sure = tuple(image.sha256 for image, reason in why.items() if reason is None)
        return Offer(sure, Counter(reason for reason in why.values() if reason))

    def accept(self, shas: Collection[str], reader: str) -> list[str]:
        """Accept those of the images that nothing speaks against now; returns them. Whoever presses is the author."""
        wanted, asked = set(shas), self._asked(reader)
        sure = [sha for sha in self.offer(reader, WorklistFilter()).images if sha in wanted]
        return [sha for sha in sure if self._append(sha, asked[sha], reader, Verdict.AUTO_ACCEPTED)]

    def take_back(self, shas: Collection[str], reader: str) -> list[str]:
        """Say of those that were accepted unseen, and that nobody has looked at since, that they are not; returns them."""
        wanted, asked = set(shas), self._asked(reader)
        unseen = list(self.images.shas(reader, WorklistFilter(Stage.AUTO_ACCEPTED)))
        return [sha for sha in unseen if sha in wanted and self._append(sha, asked[sha], reader, Verdict.TAKEN_BACK)]

    def _asked(self, reader: str) -> dict[str, Question]:
        """The own question of each image that has one."""
        said = said_about(self.service, reader)
        owns = {sha: said.own(sha) for sha in (*said.answers, *said.reviews)}
        return {sha: own.question for sha, own in owns.items() if own}

    def _append(self, sha256: str, question: Question, reader: str, verdict: Verdict) -> bool:
        try:
            self.service.save(self.service.open(sha256, question, reader), verdict)
        except StaleSave:  # somebody else was at it
            return False
        return True

    def _doubt(self, image: Image, stage: Stage, question: Question | None) -> str | None:
        """Why the image is left to a reader, or None."""
        if stage not in (Stage.NEW, Stage.PREDICTED):
            return IN_WORK
        answer = self.service.known(image.sha256, question) if question else None
        if question is None or answer is None:
            return UNANSWERED
        seen = answer.view or image.view
        return DARK if seen and seen.warning else doubt_about(answer, question)


def doubt_about(answer: Prediction, question: Question) -> str | None:
    """What speaks against accepting an answer unseen, by its own numbers; None where nothing does."""
    found = answer_to(answer, question)
    if found is None or answer.cut or not found.complete or unasked(answer, question):
        return NOT_WHOLE
    if _has_doubtful(found, answer.counts):
        return DOUBTFUL
    if unlike({n: answer.likeness[n] for n in question.labels if n in answer.likeness}, [m.label for m in found.marks]):
        return STRANGE
    return None if _is_sure(answer, found, question) else UNSURE


def _has_doubtful(found: Findings, known: Collection[str]) -> bool:
    """Whether a mark may well be no object. Of a label without a known count not even a threshold may be known."""
    return any(m.status is Status.DOUBTFUL or m.score is None or (m.label not in known and m.score < LIKELY) for m in found.marks)


def _is_sure(answer: Prediction, found: Findings, question: Question) -> bool:
    """Whether nothing is missing as far as that is known: that there is nothing at all has to be known to be sure."""
    said = found.counts(question.task)
    if sum(said.values()):
        return True
    chances = believable(answer.counts, answer.likeness)
    together = worth_of_all(chances, said, question.labels) if set(question.labels) <= chances.keys() else None
    return together is not None and together.sure
