"""Values the store hands out that are no nouns of the domain: they exist only because something is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pdc.domain.users.roles import Role
from pdc.domain.values import Findings, Question, RunStatus, Verdict


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A reader's unsaved work on one image and question, and the revision it started from (0: none).

    `key` tells two tabs of the same reader apart: each keeps its own draft.
    """

    author: str
    image_sha256: str
    question: Question
    findings: Findings
    base_revision: int
    prediction_id: str | None
    saved_at: datetime
    key: str = ""

    @property
    def seen(self) -> tuple[str, datetime]:
        """What names this state of this draft: whoever goes on from it takes its place, unless it was changed since."""
        return self.key, self.saved_at


CLEANER = "pdc"  # retires what visitors of a Space leave behind


class EventKind(StrEnum):
    ASSIGNED = "assigned"
    SENT_BACK = "sent_back"
    RETIRED = "retired"
    RESTORED = "restored"
    CONFIRMED = "confirmed"
    HELD_BACK = "held_back"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Event:
    """Something decided about an image: assigned to `reader` (None: to nobody), sent back with a note, or retired and restored,
    or held back from exports and released, with a reason, where `reader` is whose image it is (None: everybody's). `confirmed`:
    the review of `reader` was looked at, and is right for the reason that the note gives."""

    image_sha256: str
    kind: EventKind
    by: str
    reader: str | None
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A review without its marks, for lists."""

    id: str
    image_sha256: str
    verdict: Verdict
    author: str
    revision: int
    created_at: datetime
    question: Question


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft without its marks, for lists."""

    image_sha256: str
    author: str
    saved_at: datetime
    question: Question
    key: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a list shows of findings: the count per label, and how many marks are counted or left out wrongly by their own
    scores, if any has one. Where a label has no counted mark, its expected number of objects is what is left out, if known."""

    counts: Mapping[str, int]
    doubt: float | None
    asked: tuple[str, ...] = field(default=(), compare=False)
    """the labels of the question: what a count of 0 is about"""
    complete: bool = True
    """whether the image shows no more of them"""
    none: float | None = None
    """where nothing is counted: the probability that there is nothing, as the model has it; None: unknown"""
    unlike: bool = False
    """whether the image does not look like those that the model was trained on for one of them"""
    likeness: Mapping[str, float] = field(default_factory=dict, compare=False)
    """by label the share of the images that the model was trained on that are less like them than this one"""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Activation:
    """One line of the history of what serves: an adapter was promoted, or what served last of those before a roll-back (None:
    the base model alone).

    `rolled_back` tells a roll-back from a promotion; None in lines written before that was noted. `labels` are those that the
    promotion is about; empty: all; None: all, and it took the place of everything that served. `seq` numbers the lines, and a
    roll-back `undoes` the promotion with that number; None: the last one, as when one adapter served at a time.
    """

    base: str
    adapter: str | None
    by: str
    reason: str
    at: datetime
    rolled_back: bool | None = None
    labels: tuple[str, ...] | None = None
    seq: int = 0
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One measurement on a locked test set: of which adapter (None: the base), in which release, by whom and why. `forced`: it
    may be the second of its release. `digest` tells the set whatever it is called; `at` None: now."""

    test_set: str
    digest: str
    adapter: str | None
    release: str
    by: str
    reason: str
    forced: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """What a saved review took its reader: seconds they were active, moves of the pointer (a click is one, a drag two), keys, and
    edits by kind. When read back also the image's name and when the review was saved."""

    seconds: float
    moves: int
    keys: int
    edits: Mapping[str, int]
    image: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A training run. `folder` is its run folder; `finished_at` is None while it runs."""

    name: str
    folder: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """Who brought an image, and when."""

    owner: str
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredUser:
    name: str
    password_hash: str
    created_at: datetime
    role: Role = Role.ADMIN


@dataclass(frozen=True, slots=True)
class EditCount:
    """The `number`-th reviewed image: marks added, removed, moved or relabelled there, the mean of it and the nine before it,
    and the adapter (None: the base) whose answer was corrected."""

    number: int
    edits: int
    mean: float
    adapter: str | None


ScoreKey = tuple[str, str | None, int, str]
"""Whose scores: task, adapter (None: the base model), number of looks, label."""
