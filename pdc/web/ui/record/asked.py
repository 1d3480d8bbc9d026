"""Which lines of the record somebody asks for, as the page and the address of its table say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pdc.domain.errors import BadQuestion
from pdc.store.audit.lines import RecordFilter

NO_DAY = "{text} is no day; write it as 2026-11-27."
FIELDS: tuple[str, ...] = ("image", "user", "kind", "since", "until")


def filter_of(said: Mapping[str, str | None]) -> RecordFilter:
    """The filter of these words; empty ones ask for everything. `until` is the last day. BadQuestion for what is no day."""
    image, user, kind, since, until = ((said.get(name) or "").strip() or None for name in FIELDS)
    last = _day(until)
    return RecordFilter(image, user, kind, _day(since), last and last + timedelta(days=1))


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError:
        raise BadQuestion(NO_DAY, text=repr(text)) from None
