"""The record as one list: the acts, and whatever else is written once and says who did it, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, case, cast, literal, null, or_, select, true

from pdc.store.audit.tables import AuditEventRow
from pdc.store.counting.tables import CountEventRow, CountSessionRow, CountSheetRow
from pdc.store.reading.tables import ReaderEventRow, ReadRow, SignatureRow
from pdc.store.tables import ActivationRow, EventRow, ImageRow, LabelEventRow, LookRow, ReviewRow

Column = ColumnElement[Any] | Any
Condition = ColumnElement[bool]
NONE = cast(null(), Text)
AT_ONCE = 50  # rows of a table that are fetched at a time
MOST_IMAGES = 500  # that one name, or the beginning of one sha256, may mean
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
LAST = "g"  # comes after every digit of a sha256, also by the rules of a language


Place = tuple[datetime, int, int]
"""where a line stands: its time, the number of its table, its number there"""


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One line: what was done, by whom, when, to which image (sha256 and name, if to one), and what else is to be known. `place`
    is where the lines go on behind it."""

    at: datetime
    kind: str
    who: str
    image: str | None
    name: str | None
    what: str
    place: Place


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which lines: of an image (its sha256, the beginning of it, or its name), a user, a kind, and a time; None: all."""

    image: str | None = None
    user: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Acts:
    """A table as lines of the record. `kind` is a column, whose values `begins` goes before; None: all lines are `begins`."""

    n: int
    seq: Column
    at: Column
    kind: Column | None
    begins: str
    who: Column
    image: Column | None
    what: Column

    def query(self, wanted: RecordFilter, images: Sequence[str] | None, after: Place | None) -> Select[*tuple[Any, ...]] | None:
        """Its lines, the newest first; None where none can be wanted."""
        every = list(self._where(wanted, images, after))
        where = [condition for condition in every if condition is not None]
        if len(where) < len(every):
            return None
        kind = literal(self.begins) if self.kind is None else literal(self.begins) + self.kind if self.begins else self.kind
        image, name = (NONE, NONE) if self.image is None else (self.image, ImageRow.name)
        lines = select(self.at, cast(kind, Text), self.who, image, name, self.what, self.seq)
        lines = lines if self.image is None else lines.outerjoin(ImageRow, ImageRow.sha256 == self.image)
        return lines.where(*where).order_by(self.at.desc(), self.seq.desc())

    def _where(self, wanted: RecordFilter, images: Sequence[str] | None, after: Place | None) -> Iterator[Condition | None]:
        yield self.at < (wanted.until or LATEST)
        if wanted.since:
            yield self.at >= wanted.since
        if wanted.user:
            yield self.who == wanted.user
        if images is not None:
            yield None if self.image is None else self.image.in_(images)
        if wanted.kind:
            yield self._is(wanted.kind)
        if after is not None:
            at, n, seq = after
            yield self.at <= at
            if self.n <= n:
                yield or_(self.at < at, self.seq < seq) if self.n == n else self.at < at

    def _is(self, kind: str) -> Condition | None:
        if self.kind is None:
            return true() if kind == self.begins else None
        return self.kind == kind.removeprefix(self.begins) if kind.startswith(self.begins) else None

    def lines(self, rows: Iterable[Any]) -> Iterator[RecordLine]:
        for at, kind, who, image, name, what, seq in rows:
            yield RecordLine(at, kind, who, image, name, what, (at, self.n, seq))


def lines(
    connection: Connection, wanted: RecordFilter, limit: int | None = None, after: Place | None = None
) -> Iterator[RecordLine]:
    """Those wanted, the newest first, behind a place or from the beginning; of the same moment, table by table. Each table gives
    its own in their order, and no more of them than are asked for."""
    images = None if wanted.image is None else _images(connection, wanted.image)
    found: list[Iterator[RecordLine]] = []
    for acts in ACTS:
        query = acts.query(wanted, images, after)
        if query is not None:
            rows = connection.execute(query.limit(limit), execution_options={"yield_per": AT_ONCE})
            found.append(acts.lines(rows))
    yield from islice(merge(*found, key=lambda line: _order(line.place)), limit)


def _order(place: Place) -> tuple[float, int, int]:
    at, n, seq = place
    return -at.timestamp(), n, -seq


def _images(connection: Connection, said: str) -> list[str]:
    """The sha256 of the images of that name, or whose sha256 begins like that: at most MOST_IMAGES."""
    begins = ImageRow.sha256.between(said, f"{said}{LAST}")
    found = (select(ImageRow.sha256).where(which).limit(MOST_IMAGES) for which in (ImageRow.name == said, begins))
    return list(dict.fromkeys(sha for query in found for sha in connection.scalars(query)))


def _version(row: type[ReviewRow] | type[ReadRow]) -> ColumnElement[str]:
    return row.verdict + literal(", revision ") + cast(row.revision, Text)


def _acts() -> Iterator[_Acts]:
    a, r, d, s, e, g = AuditEventRow, ReviewRow, ReadRow, SignatureRow, EventRow, ReaderEventRow
    c, b, k = CountEventRow, CountSessionRow, CountSheetRow
    served = case((ActivationRow.rolled_back.is_(True), "rolled_back"), else_="promoted")
    every: tuple[tuple[Any, ...], ...] = (
        (a.id, a.at, a.kind, "", a.who, a.image_sha256, a.what),
        (r.seq, r.created_at, None, "reviewed", r.author, r.image_sha256, _version(r)),
        (d.seq, d.created_at, None, "read", d.author, d.image_sha256, _version(d)),
        (s.seq, s.at, s.kind, "", s.by, s.image_sha256, s.meaning),
        (e.seq, e.at, e.kind, "", e.by, e.image_sha256, e.note),
        (g.seq, g.at, g.kind, "", g.by, g.image_sha256, g.reader),
        (LabelEventRow.seq, LabelEventRow.at, LabelEventRow.change, "label_", LabelEventRow.by, None, LabelEventRow.label),
        (ActivationRow.seq, ActivationRow.at, served, "", ActivationRow.by, None, ActivationRow.adapter),
        (LookRow.seq, LookRow.at, None, "looked_at_locked_set", LookRow.by, None, LookRow.test_set),
        (b.seq, b.at, None, "count_begun", b.by, None, b.sample),
        (c.seq, c.at, c.kind, "count_", c.by, c.image_sha256, c.value),
        (k.seq, k.made_at, k.status, "sheet_", k.author, None, k.session_id),
    )
    yield from (_Acts(n, *columns) for n, columns in enumerate(every))


ACTS = tuple(_acts())
