"""Parts of a list: behind a place, before it, and around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from pdc.review.listing.reading import Place, Reading
from pdc.store.listing.records import ListedRow

Placed = tuple[Place, ListedRow]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows, and what to ask for before and behind them: None where the list begins or ends there."""

    rows: tuple[ListedRow, ...]
    first: str | None
    last: str | None


def behind_place(reading: Reading, start: Place, limit: int) -> Part:
    """There may be something before it: who asks knows what."""
    found, more = _some(reading, start, limit)
    return _part(found, True, more)


def before_place(reading: Reading, start: Place | None, limit: int) -> Part:
    """The end of the list where `start` is None."""
    found, more = _some(reading, start, limit, back=True)
    return _part(found[::-1], more, start is not None)


def around_place(reading: Reading, middle: Place | None, limit: int) -> Part:
    """From the first where `middle` is None. Near an end of the list there is more from the other side."""
    before, earlier = _some(reading, middle, limit, back=True) if middle else ([], False)
    half = limit // 2
    behind, later = _some(reading, _just_before(middle), limit)
    taken = min(len(before), max(half, limit - len(behind)))
    shown = [*before[:taken][::-1], *behind[: limit - taken]]
    return _part(shown, earlier or taken < len(before), later or len(behind) > limit - taken)


def _just_before(place: Place | None) -> Place | None:
    """So that what is behind it begins with what stands there: the last of the key is a whole number."""
    return place and Place(place.section, (*place.key[:-1], int(place.key[-1]) - 1))


def _some(reading: Reading, start: Place | None, limit: int, *, back: bool = False) -> tuple[list[Placed], bool]:
    """So many rows, and whether there are more."""
    found = list(islice(reading.walk(start, back=back, at_once=limit + 1), limit + 1))
    return found[:limit], len(found) > limit


def _part(found: Sequence[Placed], earlier: bool, later: bool) -> Part:
    first = _cursor(*found[0]) if found and earlier else None
    last = _cursor(*found[-1]) if found and later else None
    return Part(tuple(row for _, row in found), first, last)


def _cursor(place: Place, row: ListedRow) -> str:
    """A place in the order of names is told by its image: a name may be long."""
    return row.image_sha256 if any(isinstance(part, str) for part in place.key) else place.cursor()
