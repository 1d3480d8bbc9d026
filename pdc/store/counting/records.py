"""Values of count sessions, as the store hands them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pdc.domain.values import Question


@dataclass(frozen=True, slots=True)
class CountBegun:
    """How a session was begun. `protocol` is the whole JSON text of its protocol, `chosen` how its fields were, in words."""

    id: str
    sample: str
    protocol: str
    question: Question
    chamber: str | None
    chosen: str
    by: str
    at: datetime


class CountEventKind(StrEnum):
    """`field`: an image is a field of a replicate; `withdrawn`: no longer, with a reason. `fill`: what the protocol asks for.
    `note`: what a reader noted of a field. `area`: what of a field, or of all, is counted."""

    FIELD = "field"
    WITHDRAWN = "withdrawn"
    FILL = "fill"
    NOTE = "note"
    AREA = "area"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class CountEvent:
    """Something that was decided in a session. `value` is plain JSON; `replicate` counts from 1, None: the whole sample."""

    session: str
    kind: CountEventKind
    by: str
    at: datetime
    replicate: int | None = None
    image_sha256: str | None = None
    name: str = ""
    value: Any = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class KeptSheet:
    """A sheet that was kept; `revision` counts from 1 in its session. `amends` is the id of the sheet whose place it takes."""

    id: str
    session: str
    revision: int
    status: str
    text: str
    author: str
    made_at: datetime
    amends: str | None = None
    why: str = ""
