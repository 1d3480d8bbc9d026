"""A reader's work in progress on one question about one image, and what may stand in its way."""

from __future__ import annotations

from dataclasses import dataclass

from pdc.domain.message import Message
from pdc.domain.values import Findings, Image, Prediction, Question, Review
from pdc.store.review_queries import DraftVersion


@dataclass(frozen=True, slots=True)
class Draft:
    """One reader's work on one question about one image; the only state a session has.

    `base_revision` is the stored revision it started from (0: none); `key` makes its save idempotent and names its place
    among the reader's drafts; `seen` is the stored draft it goes on from; `rev` counts the times the server replaced the
    findings, so that an editor can tell a new answer from an old one; `blind` means that nothing of any prediction may be
    shown before it is saved. `chosen` is what the reader last chose to ask of images with no question of their own; `carried`
    says that this image was opened under it.
    """

    image: Image
    question: Question
    author: str
    findings: Findings
    prediction: Prediction | None
    base_revision: int
    key: str
    rev: int = 0
    note: Message = Message("")
    seen: DraftVersion | None = None
    blind: bool = False
    chosen: Question | None = None
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a reader has, what somebody saved meanwhile, and what both had started from."""

    base: Findings
    mine: Draft
    theirs: Review
