"""Values of several readers an image, as the store hands them out: who was asked to read, what they read, who signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pdc.domain.values import Question, Review, Verdict

Subject = tuple[str, Question]
"""the sha256 of an image, and a question about it"""


class ReaderChange(StrEnum):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """A reader was asked to read an image under a question, one among several, or no longer.

    `turn` is 1 the first time, 2 where the same image is given to the same reader again. Nothing is said of it before
    `opens_at`. `shows_model`: the reader sees what the model found.
    """

    image_sha256: str
    question: Question
    kind: ReaderChange
    reader: str
    by: str
    at: datetime
    opens_at: datetime
    turn: int = 1
    shows_model: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A read without its marks."""

    id: str
    verdict: Verdict
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReadTask:
    """What one reader was asked to read and has not been told to leave: how it was given, and their newest read of it."""

    given: ReaderEvent
    last: ReadLine | None = None

    @property
    def finished(self) -> bool:
        """Whether there is a read; skipping is none."""
        return self.last is not None and self.last.verdict is not Verdict.SKIPPED


@dataclass(frozen=True, slots=True)
class Read:
    """One reader's read of an image: a review in a line of revisions of its own. `turn` 2 and more: given to them again."""

    review: Review
    turn: int


class SignatureKind(StrEnum):
    SIGNED = "signed"
    REOPENED = "re-opened"


@dataclass(frozen=True, slots=True)
class Signature:
    """A line of the trail of signatures: this revision was signed, with this meaning, or re-opened with this reason."""

    review_id: str
    image_sha256: str
    question: Question
    kind: SignatureKind
    revision: int
    by: str
    at: datetime
    meaning: str = ""
    reason: str = ""
