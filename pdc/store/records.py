"""Values the store hands out that are no nouns of the domain: they exist only because something is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pdc.domain import Findings, Question
from pdc.runs import RunStatus


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A reader's unsaved work on one image and question, and the revision it started from (0: none)."""

    author: str
    image_sha256: str
    question: Question
    findings: Findings
    base_revision: int
    prediction_id: str | None
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Activation:
    """One line of the history of what served: an adapter's name, or None for the base model alone."""

    base: str
    adapter: str | None
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A training run. `folder` is its run folder; `finished_at` is None while it runs."""

    name: str
    folder: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredUser:
    name: str
    password_hash: str
    created_at: datetime
