"""The store's half that reads lists: a part of a list by one index, whatever the store's size, and numbers that are kept.

A filter that few images pass (`few_of`) is read by its own index, and sorted; any other is asked of each image in the order of
the list until the page is full. A few letters of a name are read by an index in the order of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from heapq import merge
from itertools import islice
from math import ceil, floor, isqrt
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, true, tuple_
from sqlalchemy.orm import Session

from pdc.store.database import is_sqlite
from pdc.store.label_queries import LabelQueries
from pdc.store.listing.records import COLUMNS, DOUBT, DOUBTED, EVERYTHING, LABEL, Asked, Facet, Key, ListedRow, Section
from pdc.store.listing.tables import (
    LONG,
    SHORT,
    ListCountRow,
    ListLabelRow,
    ListNamePartRow,
    ListNameRow,
    ListRow,
    holding,
    index_of,
)

NARROW, PAGE = 5000, 200  # images that may be sorted for one page, and a page's
MOST, NAMED = 1000, 50_000  # a total that has to be counted goes no further, nor through more names
TEXT, PART, STAGE = "text", "part", "stage"
BY_IMAGE = "sqlite_autoindex_list_rows_1"  # of the primary key
ROWS: Any = ListRow.__table__
OVER: Any = ROWS.alias("over")
NAMES: Any = ListNameRow.__table__
PARTS: Any = ListNamePartRow.__table__
Rooms = Sequence[str]


class ListPages(LabelQueries):
    """`rooms` are a reader's: a row of the second stands in place of the same image's row of the first."""

    def list_part(
        self, rooms: Rooms, home: str, asked: Asked, section: Section, *, limit: int, start: Key | None = None, back: bool = False
    ) -> list[ListedRow]:
        """At most so many rows behind `start` (None: from the first), or before it, the nearest first."""
        with self._read() as session:
            narrow, hits = self._narrow(session, rooms, home, asked)
            named = PART if section.order == "time" and len(asked.text) <= SHORT else narrow
            parts: list[list[ListedRow]] = []
            for room in rooms:
                way = _way(session, rooms, room, asked, narrow, named, hits)
                where = self._wanted(room, rooms, home, asked, way, hits)
                query = _part(where, asked, section, way, limit, start, back, self._hints)
                parts.append([ListedRow(*row) for row in session.execute(query)])
        return list(islice(merge(*parts, key=lambda row: key_of(row, section.keys), reverse=back), limit))

    def listed(self, rooms: Rooms, shas: Collection[str]) -> dict[str, ListedRow]:
        """Of these images the row that the reader sees."""
        query = select(*_COLUMNS).where(ROWS.c.image_sha256.in_(shas), ROWS.c.room.in_(rooms))
        with self._read() as session:
            rows = sorted((ListedRow(*row) for row in session.execute(query)), key=lambda row: rooms.index(row.room))
        return {row.image_sha256: row for row in rows}

    def list_numbers(self, rooms: Rooms, facet: Facet = EVERYTHING) -> Counter[str]:
        """Stage -> how many images with this in common."""
        with self._read() as session:
            return _numbers(session, rooms, facet)

    def list_doubt(self, rooms: Rooms) -> float | None:
        """The mean of the doubts that are known, in millionths."""
        with self._read() as session:
            n = _numbers(session, rooms, (DOUBTED, "")).total()
            return _numbers(session, rooms, (DOUBT, "")).total() / n if n else None

    def count_listed(self, rooms: Rooms, home: str, asked: Asked) -> tuple[Counter[str], bool]:
        """Stage -> how many rows are wanted, and whether there may be more: kept numbers where there are some, else counted, up
        to `MOST`."""
        facets = asked.facets()
        with self._read() as session:
            if not asked.text and len(facets) <= 1:
                return _of_stage(_numbers(session, rooms, *facets or (EVERYTHING,)), asked), False
            narrow, hits = self._narrow(session, rooms, home, asked)
            found, cut = self._counted(session, rooms, home, asked, narrow, hits), bool(asked.text) and narrow is None
            if cut and found.total() <= MOST:
                found = self._counted(session, rooms, home, asked, narrow, NAMED)
                cut = _length(session, _named(home, asked.text, NAMED + 1)) > NAMED
        return found, cut or found.total() > MOST

    def _counted(self, session: Session, rooms: Rooms, home: str, asked: Asked, narrow: str | None, names: int) -> Counter[str]:
        """Stage -> how many rows are wanted, up to `MOST` in each room, of so many names."""
        found = Counter[str]()
        for room in rooms:
            way = _way(session, rooms, room, asked, narrow, TEXT, names)
            where = self._wanted(room, rooms, home, asked, way, names)
            query = select(ROWS.c.stage).where(*where, *_of_part(asked)).limit(MOST + 1)
            query = query.with_hint(ROWS, *_index(asked, Section("time", ("place",)), way)) if self._hints else query
            found.update(session.scalars(query))
        return found

    def list_facets(self, rooms: Rooms, kind: str) -> list[str]:
        """The labels, or the readers, of which there is an image."""
        of = ListCountRow
        query = select(of.name).where(of.room.in_(rooms), of.kind == kind).group_by(of.name).having(func.sum(of.n) > 0)
        with self._read() as session:
            return sorted(session.scalars(query))

    @property
    def _hints(self) -> bool:
        """SQLite knows no numbers by which to choose an index."""
        return is_sqlite(self._engine)

    def _narrow(self, session: Session, rooms: Rooms, home: str, asked: Asked) -> tuple[str | None, int]:
        """The filter that fewest images pass, by its kind, if they are few; and how many names hold the text, up to that."""
        if not asked.text and not asked.facets():
            return None, 0
        few = few_of(_numbers(session, rooms, EVERYTHING).total())
        sizes = {kind: _numbers(session, rooms, (kind, name)).total() for kind, name in asked.facets()}
        if asked.text:
            holds = select(PARTS.c.name_id).where(*holding(home, asked.text))
            sizes[TEXT] = _length(session, holds.limit(few + 1))  # a name that holds it twice counts twice
            if stage := _of_part(asked):
                sizes[STAGE] = _length(session, select(ROWS.c.place).where(ROWS.c.room.in_(rooms), *stage).limit(few + 1))
        best = min(sizes, key=lambda kind: sizes[kind], default=None)
        return (best if best is not None and sizes[best] <= few else None), sizes.get(TEXT, 0)

    def _wanted(self, room: str, rooms: Rooms, home: str, asked: Asked, way: str | None, hits: int) -> list[ColumnElement[bool]]:
        """What rows of a room are wanted beside the stage, and that no row of the reader's own stands in their place."""
        c, where = ROWS.c, [ROWS.c.room == room]
        if room != rooms[-1]:
            where.append(~exists().where(OVER.c.image_sha256 == c.image_sha256, OVER.c.room == rooms[-1]))
        if asked.reader is not None:
            where.append(c.reader == asked.reader)
        where += [c[name] == true() for name in ("mine", "held") if getattr(asked, name)]
        if asked.label:
            of: Any = ListLabelRow.__table__
            labelled = select(of.c.image_sha256).where(of.c.room == room, of.c.label == asked.label)
            where.append(_among(labelled, of.c.image_sha256, way == LABEL))
        if way in (TEXT, PART):
            named = _named(home, asked.text, hits).subquery() if way == TEXT else PARTS
            where += [*(holding(home, asked.text) if way == PART else ()), named.c.name_id == NAMES.c.id]
            where += [NAMES.c.image_sha256 == c.image_sha256, *([] if len(asked.text) <= LONG else [self._within(asked.text)])]
        elif asked.text:
            found = select(NAMES.c.image_sha256).where(NAMES.c.home == home, self._within(asked.text))
            where.append(_among(found, NAMES.c.image_sha256, False))
        if asked.only:
            where.append(c.image_sha256.in_(asked.only))
        if asked.skip:
            where.append(c.image_sha256.not_in(asked.skip))
        return where

    def _within(self, words: str) -> ColumnElement[bool]:
        return func.instr(NAMES.c.name, words) > 0 if self._hints else NAMES.c.name.contains(words, autoescape=True)


_COLUMNS = [ROWS.c[name] for name in COLUMNS]


def key_of(row: ListedRow, keys: Sequence[str]) -> Key:
    """Where a row stands in an order."""
    return tuple(getattr(row, name) for name in keys)


def _numbers(session: Session, rooms: Rooms, facet: Facet) -> Counter[str]:
    of, (kind, name) = ListCountRow, facet
    query = select(of.stage, func.sum(of.n)).where(of.room.in_(rooms), of.kind == kind, of.name == name).group_by(of.stage)
    return Counter({stage: int(n) for stage, n in session.execute(query) if n})


def _of_stage(found: Mapping[str, int], asked: Asked) -> Counter[str]:
    return Counter({stage: n for stage, n in found.items() if asked.stage in ("", stage)})


def _length(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def few_of(images: int) -> int:
    """As many as may be sorted for a page: no more than have to be looked at until one is full."""
    return max(NARROW, isqrt(PAGE * images))


def _way(session: Session, rooms: Rooms, room: str, asked: Asked, narrow: str | None, named: str | None, hits: int) -> str | None:
    """How a room is read: by the filter that fewest pass, or as names are, `named`. Where a reader's own rows are fewer than
    the names, they are looked at one by one."""
    if not asked.text or narrow not in (None, TEXT):
        return narrow
    own = select(ROWS.c.place).where(ROWS.c.room == room).limit(hits + 1)
    return None if room != rooms[0] and _length(session, own) <= hits else named


def _named(home: str, words: str, most: int) -> Select[Any]:
    """The names with this in them, of `LONG` letters at most."""
    return select(PARTS.c.name_id).where(*holding(home, words)).distinct().limit(most)


def _among(found: Select[Any], column: ColumnElement[str], few: bool) -> ColumnElement[bool]:
    if few:
        return ROWS.c.image_sha256.in_(found)
    return found.where(column == ROWS.c.image_sha256).correlate(ROWS).exists()


def _of_part(asked: Asked) -> list[ColumnElement[bool]]:
    c = ROWS.c
    stage = [c.stage == asked.stage] if asked.stage else [c.open == true()] if asked.open else []
    return [*stage, *([c.found == asked.found] if asked.found is not None else [])]


def _part(
    where: Sequence[ColumnElement[bool]],
    asked: Asked,
    section: Section,
    way: str | None,
    limit: int,
    start: Key | None,
    back: bool,
    hints: bool,
) -> Select[*tuple[Any, ...]]:
    c = ROWS.c
    columns = [PARTS.c.place] if way == PART else [c[name] for name in section.keys]
    query = select(*_COLUMNS).where(*where, *_of_part(asked))
    query = query if section.rank is None else query.where(c.rank == section.rank)
    query = query if section.doubt is None else query.where(c.doubt == section.doubt)
    query = query if section.most is None else query.where(c.doubt <= ceil(section.most) - 1)
    query = query if section.least is None else query.where(c.doubt >= floor(section.least) + 1)
    if start is not None:
        place = tuple_(*columns)
        query = query.where(place < start if back else place > start)
    query = query.order_by(*(column.desc() if back else column for column in columns)).limit(limit)
    return query.with_hint(ROWS, *_index(asked, section, way)) if hints else query


def _index(asked: Asked, section: Section, way: str | None) -> tuple[str, str]:
    """The index by which SQLite is to read."""
    if asked.only or way in (LABEL, TEXT, PART):
        name = BY_IMAGE
    elif way not in (None, STAGE):
        name = f"ix_list_rows_{way}"
    elif asked.found is not None:
        name = "ix_list_rows_found"
    else:
        name = index_of(section.order, "stage" if asked.stage else "open" if asked.open else "")
    return f"INDEXED BY {name}", "sqlite"
