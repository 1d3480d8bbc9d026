"""Answers that leave nothing in doubt by their own numbers: accepted unseen, under a verdict of their own, and taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pdc.domain.carrying import answer_to, unasked
from pdc.domain.certainty.counts import worth_of_all
from pdc.domain.doubt import believable, unlike
from pdc.domain.errors import Forbidden, StaleSave
from pdc.domain.message import Message
from pdc.domain.values import Findings, Image, Prediction, Question, Status, Verdict
from pdc.review.listing.entries import TO_DO, Entry, Stage, WorklistFilter
from pdc.review.questions import said_about
from pdc.review.worklist import Worklist
from pdc.store.database import pieces

BLIND = "Reads are blind here: every image is looked at, and none is accepted unseen."
LOOKED = 2000  # images that are looked at together
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
    """Which images may be accepted unseen, by sha256, and how many others are left to a reader, by reason. With
    `more` there are others that nobody looked at now."""

    images: tuple[str, ...]
    left: Mapping[str, int]
    more: bool = False

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
        """Of the images of the list that nobody has reviewed; of very many, of those with the least doubt."""
        self._not_blind()
        listed = self.images.least_doubtful(reader, wanted, LOOKED)
        why = {sha: reason for sha, _, reason in self._judged([e for e in listed if e.stage.open], reader)}
        sure = tuple(sha for sha, reason in why.items() if reason is None)
        return Offer(sure, Counter(reason for reason in why.values() if reason), len(listed) == LOOKED)

    def accept(self, shas: Collection[str], reader: str) -> list[str]:
        """Accept those of the images that nothing speaks against now; returns them. Whoever presses is the author."""
        self._not_blind()
        judged = list(self._judged(self.images.shown_of(reader, WorklistFilter(TO_DO), shas), reader))
        sure = [(sha, question) for sha, question, why in judged if question and why is None]
        return [sha for sha, question in sure if self._append(sha, question, reader, Verdict.AUTO_ACCEPTED)]

    def take_back(self, shas: Collection[str], reader: str) -> list[str]:
        """Say of those that were accepted unseen, and that nobody has looked at since, that they are not; returns them."""
        asked = list(self._asked(self.images.shown_of(reader, WorklistFilter(Stage.AUTO_ACCEPTED), shas), reader))
        return [e.image.sha256 for e, own in asked if own and self._append(e.image.sha256, own, reader, Verdict.TAKEN_BACK)]

    def _not_blind(self) -> None:
        if self.service.blind:
            raise Forbidden(BLIND)

    def _judged(self, listed: Collection[Entry], reader: str) -> Iterator[tuple[str, Question | None, str | None]]:
        """sha256, the image's own question, and why it is left to a reader, or None."""
        for entry, question in self._asked(listed, reader):
            stage = Stage.IN_REVIEW if entry.is_mine else entry.stage
            yield entry.image.sha256, question, self._doubt(entry.image, stage, question)

    def _asked(self, listed: Collection[Entry], reader: str) -> Iterator[tuple[Entry, Question | None]]:
        """Each image with its own question, if it has one."""
        for some in pieces(listed):
            said = said_about(self.service, reader, [entry.image.sha256 for entry in some])
            for entry in some:
                own = said.own(entry.image.sha256)
                yield entry, own and own.question

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
