"""The store's half that reads lists: a part of a list by one index, whatever the store's size, and numbers that are kept.

A filter that few images pass (`NARROW`) is read by its own index, and sorted; any other is asked of each image in the order of
the list until the page is full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from heapq import merge
from itertools import islice
from math import ceil, floor
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, select, true, tuple_
from sqlalchemy.orm import Session

from pdc.store.database import is_sqlite
from pdc.store.label_queries import LabelQueries
from pdc.store.listing.records import COLUMNS, DOUBT, DOUBTED, EVERYTHING, LABEL, Asked, Facet, Key, ListedRow, Section
from pdc.store.listing.tables import LAST, LONG, ListCountRow, ListLabelRow, ListNamePartRow, ListNameRow, ListRow, index_of

NARROW = 5000  # images that may be sorted for one page
MOST = 1000  # a total that has to be counted goes no further
TEXT = "text"
BY_IMAGE = "sqlite_autoindex_list_rows_1"  # of the primary key
ROWS: Any = ListRow.__table__
OVER: Any = ROWS.alias("over")
Rooms = Sequence[str]


class ListPages(LabelQueries):
    """`rooms` are a reader's: a row of the second stands in place of the same image's row of the first."""

    def list_part(
        self, rooms: Rooms, home: str, asked: Asked, section: Section, *, limit: int, start: Key | None = None, back: bool = False
    ) -> list[ListedRow]:
        """At most so many rows behind `start` (None: from the first), or before it, the nearest first."""
        with self._read() as session:
            narrow = self._narrow(session, rooms, home, asked)
            parts = [
                [ListedRow(*row) for row in session.execute(query)]
                for query in (
                    _part(self._wanted(room, rooms, home, asked, narrow), asked, section, narrow, limit, start, back, self._hints)
                    for room in rooms
                )
            ]
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
            narrow, found = self._narrow(session, rooms, home, asked), Counter[str]()
            for room in rooms:
                where = self._wanted(room, rooms, home, asked, narrow)
                query = select(ROWS.c.stage).where(*where, *_of_part(asked)).limit(MOST + 1)
                query = query.with_hint(ROWS, *_index(asked, Section("time", ("place",)), narrow)) if self._hints else query
                found.update(session.scalars(query))
        return found, found.total() > MOST

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

    def _narrow(self, session: Session, rooms: Rooms, home: str, asked: Asked) -> str | None:
        """The filter that fewest images pass, by its kind, if they are few."""
        sizes = {kind: _numbers(session, rooms, (kind, name)).total() for kind, name in asked.facets()}
        if asked.text:
            few = select(literal(1)).select_from(self._searched(home, asked.text).limit(NARROW + 1).subquery())
            sizes[TEXT] = len(session.scalars(few).all())
        best = min(sizes, key=lambda kind: sizes[kind], default=None)
        return best if best is not None and sizes[best] <= NARROW else None

    def _searched(self, home: str, words: str) -> Select[Any]:
        """The images with this in their names."""
        of, parts = ListNameRow.__table__.c, ListNamePartRow.__table__.c
        start = words[:LONG]
        found = select(parts.name_id).where(parts.home == home, parts.part >= start, parts.part < start + LAST)
        query = select(of.image_sha256).where(of.id.in_(found))
        return query if len(words) <= LONG else query.where(_within(self._hints, of.name, words))

    def _wanted(self, room: str, rooms: Rooms, home: str, asked: Asked, narrow: str | None) -> list[ColumnElement[bool]]:
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
            where.append(_among(labelled, of.c.image_sha256, narrow == LABEL))
        if asked.text:
            named = self._searched(home, asked.text) if narrow == TEXT else _plainly(self._hints, home, asked.text)
            where.append(_among(named, ListNameRow.__table__.c.image_sha256, narrow == TEXT))
        if asked.only:
            where.append(c.image_sha256.in_(asked.only))
        if asked.skip:
            where.append(c.image_sha256.not_in(asked.skip))
        return where


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


def _plainly(sqlite: bool, home: str, words: str) -> Select[Any]:
    """As `_searched`, asked of one image at a time."""
    of = ListNameRow.__table__.c
    return select(of.image_sha256).where(of.home == home, _within(sqlite, of.name, words))


def _within(sqlite: bool, name: ColumnElement[str], words: str) -> ColumnElement[bool]:
    return func.instr(name, words) > 0 if sqlite else name.contains(words, autoescape=True)


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
    narrow: str | None,
    limit: int,
    start: Key | None,
    back: bool,
    hints: bool,
) -> Select[*tuple[Any, ...]]:
    columns, c = [ROWS.c[name] for name in section.keys], ROWS.c
    query = select(*_COLUMNS).where(*where, *_of_part(asked))
    query = query if section.rank is None else query.where(c.rank == section.rank)
    query = query if section.doubt is None else query.where(c.doubt == section.doubt)
    query = query if section.most is None else query.where(c.doubt <= ceil(section.most) - 1)
    query = query if section.least is None else query.where(c.doubt >= floor(section.least) + 1)
    if start is not None:
        place = tuple_(*columns)
        query = query.where(place < start if back else place > start)
    query = query.order_by(*(column.desc() if back else column for column in columns)).limit(limit)
    return query.with_hint(ROWS, *_index(asked, section, narrow)) if hints else query


def _index(asked: Asked, section: Section, narrow: str | None) -> tuple[str, str]:
    """The index by which SQLite is to read."""
    if asked.only or narrow in (LABEL, TEXT):
        name = BY_IMAGE
    elif narrow is not None:
        name = f"ix_list_rows_{narrow}"
    elif asked.found is not None:
        name = "ix_list_rows_found"
    else:
        name = index_of(section.order, "stage" if asked.stage else "open" if asked.open else "")
    return f"INDEXED BY {name}", "sqlite"
