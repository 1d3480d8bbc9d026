"""Values of jobs, as the store hands them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work. `asked` is what it is to do and `result` what came of it, both as JSON can hold them; `words` say
    what is being done now, and `error` why it failed: a Message each. `total` is None while nobody knows it."""

    id: int
    kind: str
    asked: Mapping[str, Any]
    state: JobState
    by: str
    made: datetime
    done: int = 0
    total: int | None = None
    words: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    heartbeat: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    tries: int = 0
    parent: int | None = None
    """the job that this one tries again"""
    cancelled_by: str | None = None
    """who asked it to end; it is cancelled once it has"""

    @property
    def is_open(self) -> bool:
        """Whether it has still to end."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs to list: of one user or of all, of some kinds, in some states, only those before the job of that id."""

    by: str | None = None
    kinds: tuple[str, ...] = ()
    states: tuple[JobState, ...] = ()
    before: int | None = None
