"""The record as one list: the acts, and whatever else is written once and says who did it, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, case, cast, literal, null, or_, select, union_all
from sqlalchemy.sql.selectable import Subquery

from pdc.store.audit.tables import AuditEventRow
from pdc.store.counting.tables import CountEventRow, CountSessionRow, CountSheetRow
from pdc.store.reading.tables import ReaderEventRow, ReadRow, SignatureRow
from pdc.store.tables import ActivationRow, EventRow, ImageRow, LabelEventRow, LookRow, ReviewRow

Column = ColumnElement[Any] | Any
NONE = cast(null(), Text)


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One line: what was done, by whom, when, to which image (sha256 and name, if to one), and what else is to be known."""

    at: datetime
    kind: str
    who: str
    image: str | None
    name: str | None
    what: str


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which lines: of an image (its sha256, the beginning of it, or its name), a user, a kind, and a time; None: all."""

    image: str | None = None
    user: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def lines(connection: Connection, wanted: RecordFilter, limit: int | None = None) -> Iterator[RecordLine]:
    """Those wanted, the newest first; of the same moment, in any order."""
    acts = _acts()
    query = select(acts.c.at, acts.c.kind, acts.c.who, acts.c.image, ImageRow.name, acts.c.what)
    query = query.outerjoin(ImageRow, ImageRow.sha256 == acts.c.image).where(*_where(acts, wanted))
    for row in connection.execute(query.order_by(acts.c.at.desc()).limit(limit)):
        yield RecordLine(*row)


def _where(acts: Subquery, wanted: RecordFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.image:
        yield or_(acts.c.image.startswith(wanted.image, autoescape=True), ImageRow.name == wanted.image)
    if wanted.user:
        yield acts.c.who == wanted.user
    if wanted.kind:
        yield acts.c.kind == wanted.kind
    if wanted.since:
        yield acts.c.at >= wanted.since
    if wanted.until:
        yield acts.c.at < wanted.until


def _acts() -> Subquery:
    event, review, read, sign, count, sheet = AuditEventRow, ReviewRow, ReadRow, SignatureRow, CountEventRow, CountSheetRow
    served = case((ActivationRow.rolled_back.is_(True), "rolled_back"), else_="promoted")
    return union_all(
        _act(event.at, event.kind, event.who, event.image_sha256, event.what),
        _act(review.created_at, literal("reviewed"), review.author, review.image_sha256, _version(review)),
        _act(read.created_at, literal("read"), read.author, read.image_sha256, _version(read)),
        _act(sign.at, sign.kind, sign.by, sign.image_sha256, sign.meaning),
        _act(EventRow.at, EventRow.kind, EventRow.by, EventRow.image_sha256, EventRow.note),
        _act(ReaderEventRow.at, ReaderEventRow.kind, ReaderEventRow.by, ReaderEventRow.image_sha256, ReaderEventRow.reader),
        _act(LabelEventRow.at, literal("label_") + LabelEventRow.change, LabelEventRow.by, NONE, LabelEventRow.label),
        _act(ActivationRow.at, served, ActivationRow.by, NONE, ActivationRow.adapter),
        _act(LookRow.at, literal("looked_at_locked_set"), LookRow.by, NONE, LookRow.test_set),
        _act(CountSessionRow.at, literal("count_begun"), CountSessionRow.by, NONE, CountSessionRow.sample),
        _act(count.at, literal("count_") + count.kind, count.by, count.image_sha256, count.value),
        _act(sheet.made_at, literal("sheet_") + sheet.status, sheet.author, NONE, sheet.session_id),
    ).subquery()


def _version(row: type[ReviewRow] | type[ReadRow]) -> ColumnElement[str]:
    return row.verdict + literal(", revision ") + cast(row.revision, Text)


def _act(at: Column, kind: Column, who: Column, image: Column, what: Column) -> Select[*tuple[Any, ...]]:
    return select(at.label("at"), cast(kind, Text).label("kind"), who.label("who"), image.label("image"), what.label("what"))
