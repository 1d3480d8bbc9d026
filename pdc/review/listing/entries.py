"""What a list of images shows: the stage of each, what is asked for, one page of it, and how far a reader is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pdc.domain.errors import BadSetting
from pdc.domain.values import Image, Verdict
from pdc.review.reading.reads import Standing
from pdc.store.records import Digest

END = "end"  # asked for before it: the last page

TO_DO, MY_READS, HELD_BACK = "to do", "my reads", "held back"  # what a list may show beside one stage


class Stage(StrEnum):
    NEW = "new"
    PREDICTED = "predicted"
    IN_REVIEW = "in review"
    DONE = "done"
    SKIPPED = "skipped"
    AUTO_ACCEPTED = "auto-accepted"
    SENT_BACK = "sent back"
    BEING_READ = "being read"
    TO_ADJUDICATE = "to adjudicate"
    RETIRED = "retired"

    @property
    def open(self) -> bool:
        """Whether somebody still has to work on it."""
        return self not in (Stage.DONE, Stage.SKIPPED, Stage.RETIRED, Stage.BEING_READ, Stage.AUTO_ACCEPTED)


STAGES = (*map(str, Stage), TO_DO, MY_READS, HELD_BACK)
NO_STAGE = "There is no stage {stage}; use one of {stages}."
OF_VERDICT = {Verdict.SKIPPED: Stage.SKIPPED, Verdict.AUTO_ACCEPTED: Stage.AUTO_ACCEPTED}


def check_stage(stage: str) -> None:
    """BadSetting where a list has no such stage; empty: all."""
    if stage and stage not in STAGES:
        raise BadSetting(NO_STAGE, stage=repr(stage), stages=", ".join(STAGES))


class Order(StrEnum):
    """In which order a list comes."""

    TIME = "time"
    NAME = "name"
    UNCERTAIN = "uncertain"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """Which images, in which order. Empty strings: all. `stage` may also be `to do`, `my reads`, what the reader reads beside
    others, or `held back`; `reader` "-" means assigned to nobody."""

    stage: str = ""
    label: str = ""
    name: str = ""
    reader: str = ""
    order: Order = Order.TIME


@dataclass(frozen=True, slots=True)
class Entry:
    """`model` and `reviewed` are what was said about the image's own question, and what was left. All None where
    nothing is known or shown. `is_mine`: its reader reads it beside others; `standing` is how far its readers are, for
    everybody else; `signed` is who signed what is shown; `held`: it is held back from exports."""

    image: Image
    stage: Stage
    reader: str | None = None
    note: str = ""
    revision: int | None = None
    author: str | None = None
    model: Digest | None = None
    reviewed: Digest | None = None
    is_mine: bool = False
    standing: Standing | None = None
    signed: str | None = None
    held: bool = False

    @property
    def disagreement(self) -> int:
        """How far the reader's count is from the model's."""
        return abs(self.reviewed.total - self.model.total) if self.reviewed and self.model else -1


@dataclass(frozen=True, slots=True)
class Progress:
    """`per_hour` is this reader's pace over the last hour, None before there are three images to tell it by. What was
    auto-accepted is not done; `predicted` are those with an answer that nobody reviewed. `capped`: there are at least so many.
    `waiting`: images whose state is still being worked out; a list shows them as they were."""

    done: int
    total: int
    per_hour: float | None
    auto_accepted: int = 0
    predicted: int = 0
    capped: bool = False
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """How long a list is, at least so long where it is `capped`, and how many of its images are in each stage."""

    total: int
    stages: Mapping[str, int]
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `first` and `last` are what to ask for the part before or after it: None where the list begins or ends
    there. `counted` is about the whole list."""

    entries: tuple[Entry, ...]
    first: str | None
    last: str | None
    counted: Counted
