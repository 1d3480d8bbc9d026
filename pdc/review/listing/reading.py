"""One list as one reader asks for it, read a part at a time from any place, either way.

A list is one section of rows after the other, each in the order of an index. Least sure first: the batch that was
chosen together, unusual images, then by doubt, those of which none is known in the middle, and those without an answer at last.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

from pdc.domain.errors import NotFound
from pdc.review.listing.entries import HELD_BACK, MY_READS, TO_DO, Order, Stage, WorklistFilter
from pdc.review.listing.rows import DOUBTED, UNANSWERED, UNDOUBTED, UNUSUAL
from pdc.store import Store
from pdc.store.listing.pages import key_of
from pdc.store.listing.records import Asked, Key, ListedRow, Mode, Section

UNKNOWN_PLACE = "This place in the list is not known any more; begin at the top."
BY_TIME = Section("time", ("place",))
OF_ORDER = {
    Order.TIME: BY_TIME,
    Order.NAME: Section("name", ("name_key", "place")),
    Order.DISAGREEMENT: Section("agreement", ("agreement", "place")),
}
Sections = tuple[tuple[Section, ...], ...]
"""one after the other; several in one place are merged"""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a list: in which section, and where in it."""

    section: int
    key: Key

    def cursor(self) -> str:
        """As a text that says nothing to whoever keeps it."""
        return urlsafe_b64encode(json.dumps([self.section, *self.key]).encode()).decode().rstrip("=")

    @classmethod
    def at(cls, cursor: str) -> Place:
        """NotFound where it is none."""
        try:
            section, *key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            return cls(int(section), tuple(key))
        except (ValueError, TypeError):
            raise NotFound(UNKNOWN_PLACE) from None


@dataclass(frozen=True, slots=True)
class View:
    """Whose list: their rooms, and the home of the names that they know."""

    rooms: tuple[str, ...]
    home: str

    @classmethod
    def of(cls, mode: Mode, reader: str, retired: bool = False) -> View:
        return cls((mode.retired(reader),) if retired else mode.rooms(reader), reader if mode is Mode.PRIVATE else "")


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows that are `asked` for, section by section; `batch` comes before all sections."""

    store: Store
    view: View
    asked: Asked
    sections: Sections
    batch: tuple[str, ...] = ()

    def walk(self, start: Place | None = None, *, back: bool = False, at_once: int = 1000) -> Iterator[tuple[Place, ListedRow]]:
        """Everything behind a place (None: all), or before it, the nearest first; read so many at once."""
        last = len(self.sections)
        here = start.section if start else last if back else 0
        for section in range(here, -1, -1) if back else range(here, last + 1):
            key = start.key if start and section == start.section else None
            while rows := self._rows(section, key, back, at_once):
                for row in rows:
                    key = self._key(section, row)
                    yield Place(section, key), row
                if len(rows) < at_once or section == 0:
                    break

    def _rows(self, section: int, key: Key | None, back: bool, limit: int) -> list[ListedRow]:
        if section == 0:
            return self._of_batch(key, back)
        asked = replace(self.asked, skip=(*self.asked.skip, *self.batch))
        parts = [
            self.store.list_part(self.view.rooms, self.view.home, asked, part, limit=limit, start=key, back=back)
            for part in self.sections[section - 1]
        ]
        return parts[0] if len(parts) == 1 else list(islice(merge(*parts, key=lambda row: row.place, reverse=back), limit))

    def _of_batch(self, key: Key | None, back: bool) -> list[ListedRow]:
        if not self.batch:
            return []
        asked = replace(self.asked, only=self.batch)
        found = self.store.list_part(self.view.rooms, self.view.home, asked, BY_TIME, limit=len(self.batch))
        rows = sorted(found, key=lambda row: self._key(0, row), reverse=back)
        return [row for row in rows if key is None or (self._key(0, row) < key if back else self._key(0, row) > key)]

    def _key(self, section: int, row: ListedRow) -> Key:
        if section == 0:
            return (self.batch.index(row.image_sha256),)
        return key_of(row, self.sections[section - 1][0].keys)

    def place_of(self, row: ListedRow) -> Place:
        """Where an image stands, or would stand if it were asked for."""
        if row.image_sha256 in self.batch:
            return Place(0, self._key(0, row))
        at = next(i for i, parts in enumerate(self.sections, 1) if any(_is_in(row, part) for part in parts))
        return Place(at, self._key(at, row))


def _is_in(row: ListedRow, part: Section) -> bool:
    return (
        part.rank in (None, row.rank)
        and part.doubt in (None, row.doubt)
        and (part.most is None or row.doubt < part.most)
        and (part.least is None or row.doubt > part.least)
    )


def asked_of(wanted: WorklistFilter) -> Asked:
    """What a filter asks for, of the rooms that it is about."""
    beside = wanted.stage in (TO_DO, MY_READS, HELD_BACK, Stage.RETIRED)
    return Asked(
        "" if beside else wanted.stage,
        wanted.stage == TO_DO,
        wanted.stage == MY_READS,
        wanted.stage == HELD_BACK,
        None if not wanted.reader else "" if wanted.reader == "-" else wanted.reader,
        wanted.label,
        wanted.name.casefold(),
    )


def sections_of(order: Order, usual: float | None) -> Sections:
    """`usual`: the mean of the doubts that are known, in millionths."""
    return doubtful(usual) if order is Order.UNCERTAIN else ((OF_ORDER[order],),)


def doubtful(usual: float | None) -> Sections:
    """The most doubtful first. What is not known is taken to be as usual."""
    by_doubt, by_place = ("doubt", "place"), ("place",)
    unusual, unknown, unanswered = (Section("doubt", by_place, rank, 0) for rank in (UNUSUAL, UNDOUBTED, UNANSWERED))
    if usual is None:
        return (unusual,), (Section("doubt", by_doubt, DOUBTED),), (unknown,), (unanswered,)
    middle = -usual
    same = (Section("doubt", by_place, DOUBTED, int(middle)),) if middle == int(middle) else ()
    more, less = Section("doubt", by_doubt, DOUBTED, most=middle), Section("doubt", by_doubt, DOUBTED, least=middle)
    return (unusual,), (more,), (*same, unknown), (less,), (unanswered,)
