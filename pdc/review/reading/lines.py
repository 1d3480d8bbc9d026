"""The lines of revisions that a draft may belong to: the reviews of an image, one reader's own read, the consensus, or none.

A draft's key says to which it belongs, so that work of one line never turns up in another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

from pdc.domain.agreement.consensus import undecided
from pdc.domain.errors import SeveralReaders
from pdc.domain.message import Message
from pdc.domain.values import Question, Review
from pdc.review.reading.reads import Reads
from pdc.store import Store
from pdc.store.reading.records import ReadTask
from pdc.store.review_queries import DraftVersion

READ, CONSENSUS = "read", "consensus"
UNDECIDED = (
    "The readers are tied about {n} objects (dashed): press F for each, then accept (A), reject (R) or label it, and save."
)
OTHER_QUESTION = "You read this image beside others, for {labels} as {task}. Ask for that again, then save. Your draft is kept."
GIVEN_SINCE = "This image was given to you to read on your own after you had opened it. Open it again, then mark it afresh."


def fresh_key(kind: str = "") -> str:
    """A new key of a draft of this kind of line."""
    return f"{kind}-{uuid4().hex}" if kind else uuid4().hex


def kind_of(key: str) -> str:
    """`read1` and so on for a read of that turn, `consensus`, or nothing for the reviews."""
    return key.rpartition("-")[0]


class Line(Protocol):
    """What a draft goes on from, and where its save goes."""

    def newest(self) -> Review | None:
        """What its reader may go on from."""
        ...

    def base(self) -> int:
        """The revision behind which the next save goes: 0 where there is none."""
        ...

    def revision(self, n: int) -> Review | None: ...

    def revisions(self) -> list[Review]:
        """All that its reader may see, oldest first."""
        ...

    def append(self, review: Review, key: str, base: int, seen: DraftVersion | None, draft: str = "") -> Review: ...


@dataclass(frozen=True, slots=True)
class SharedLine:
    """The reviews of an image and question; where readers are `apart` each goes on from their own only."""

    store: Store
    sha256: str
    question: Question
    author: str
    apart: bool = False
    private: bool = False

    def newest(self) -> Review | None:
        return self.store.current_review(self.sha256, self.question, self.author if self.apart else None)

    def base(self) -> int:
        current = self.store.current_review(self.sha256, self.question)
        return current.revision if current else 0

    def revision(self, n: int) -> Review | None:
        found = self.store.revision(self.sha256, self.question, n)
        return None if found is not None and self.apart and found.author != self.author else found

    def revisions(self) -> list[Review]:
        said = self.store.reviews(self.sha256, self.author if self.private else None, unseen=True)
        return [r for r in said if r.question == self.question]

    def append(self, review: Review, key: str, base: int, seen: DraftVersion | None, draft: str = "") -> Review:
        return self.store.save_review(review, key=key, base_revision=base, seen=seen, apart=self.apart, draft=draft)


@dataclass(frozen=True, slots=True)
class ConsensusLine:
    """The reviews, where each is a consensus of the readers; only who may make one goes on from it."""

    reviews: SharedLine
    reads: Reads

    def newest(self) -> Review | None:
        return self.reviews.newest()

    def base(self) -> int:
        return self.reviews.base()

    def revision(self, n: int) -> Review | None:
        return self.reviews.revision(n)

    def revisions(self) -> list[Review]:
        return self.reviews.revisions()

    def append(self, review: Review, key: str, base: int, seen: DraftVersion | None, draft: str = "") -> Review:
        basis = self.reads.basis(review.image_sha256, review.question, review.author)
        if n := undecided(review.findings):
            raise SeveralReaders(UNDECIDED, n=n)
        return self.reviews.append(replace(review, rests_on=basis), key, base, seen, draft)


@dataclass(frozen=True, slots=True)
class OwnLine:
    """What one reader among several made of an image, in one turn. Nobody else's work is in it."""

    store: Store
    sha256: str
    question: Question
    author: str
    turn: int

    def newest(self) -> Review | None:
        return self.store.current_read(self.sha256, self.question, self.author, self.turn)

    def base(self) -> int:
        newest = self.newest()
        return newest.revision if newest else 0

    def revision(self, n: int) -> Review | None:
        return next((r for r in self.revisions() if r.revision == n), None)

    def revisions(self) -> list[Review]:
        own = self.store.read_revisions(self.sha256, self.question, self.author)
        return [r.review for r in own if r.turn == self.turn]

    def append(self, review: Review, key: str, base: int, seen: DraftVersion | None, draft: str = "") -> Review:
        return self.store.save_read(review, turn=self.turn, key=key, base_revision=base, seen=seen, draft=draft)


@dataclass(frozen=True, slots=True)
class ClosedLine:
    """An image that the reader reads beside others, under a question that is not theirs: nothing is shown of it or saved."""

    why: Message

    def newest(self) -> Review | None:
        return None

    def base(self) -> int:
        return 0

    def revision(self, n: int) -> Review | None:
        return None

    def revisions(self) -> list[Review]:
        return []

    def append(self, review: Review, key: str, base: int, seen: DraftVersion | None, draft: str = "") -> Review:
        raise SeveralReaders(self.why)


def closed_line(part: ReadTask, question: Question) -> ClosedLine:
    """The line of a draft that does not belong to what its reader reads of the image."""
    asked = part.given.question
    if asked == question:
        return ClosedLine(Message(GIVEN_SINCE))
    return ClosedLine(Message(OTHER_QUESTION, labels=", ".join(asked.labels), task=asked.task))
