"""What stage an image is in, and how a list orders it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pdc.review.listing.entries import OF_VERDICT, Stage
from pdc.store.reading.records import ReadLine
from pdc.store.records import Event, ReviewLine

END = "\1"  # of a part of a name: before every other sign


def stage_of(review: ReviewLine | ReadLine | None, draft_at: datetime | None, back: Event | None, answered: bool) -> Stage:
    """What happened last counts."""
    reviewed_at = review.created_at if review else datetime.min.replace(tzinfo=UTC)
    if draft_at and draft_at > max(reviewed_at, back.at if back else reviewed_at):
        return Stage.IN_REVIEW
    if back and back.at > reviewed_at:
        return Stage.SENT_BACK
    if review:
        return OF_VERDICT.get(review.verdict, Stage.DONE)
    return Stage.PREDICTED if answered else Stage.NEW


def name_key(name: str) -> str:
    """A text that orders names as people do: “b9” before “b10”. To be compared sign by sign."""
    parts = re.split(r"(\d+)", name.casefold())
    return "".join(_number(part) if part.isdecimal() else part + END for part in parts)


def _number(digits: str) -> str:
    """Shorter numbers first."""
    plain = str(int(digits)) if len(digits) < 1000 else digits
    return f"{len(plain):03}{plain}"
