"""The tables of count sessions. Rows are only ever added; a session's state is the fold of its events."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class CountSessionRow(Row):
    """A sample that is counted; `protocol` is the whole JSON text of the one that it was begun with."""

    __tablename__ = "count_sessions"
    __table_args__ = (Index("ix_count_sessions_at", "at", "seq"),)

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    sample: Mapped[str]
    protocol: Mapped[str]
    task: Mapped[str]
    labels: Mapped[str]
    chamber: Mapped[str | None]
    chosen: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class CountEventRow(Row):
    """What was decided in a session: a field chosen or withdrawn, a blank filled in, something noted, an area, closed."""

    __tablename__ = "count_events"
    __table_args__ = (Index("ix_count_events_at", "at", "seq"), Index("ix_count_events_by", "by", "at", "seq"))

    seq: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("count_sessions.id"), index=True)
    kind: Mapped[str]
    replicate: Mapped[int | None]
    image_sha256: Mapped[str | None] = mapped_column(ForeignKey("images.sha256"), index=True)
    name: Mapped[str]
    value: Mapped[str]
    why: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class OpenCountRow(Row):
    """A session that is not closed. The database keeps it itself, as sessions and their events are added."""

    __tablename__ = "open_counts"

    session_id: Mapped[str] = mapped_column(ForeignKey("count_sessions.id"), primary_key=True)


class CountSheetRow(Row):
    """A sheet as it was signed or kept; `text` is its whole JSON."""

    __tablename__ = "count_sheets"
    __table_args__ = (
        UniqueConstraint("session_id", "revision", name="uq_count_sheets_revision"),
        Index("ix_count_sheets_made_at", "made_at", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("count_sessions.id"))
    revision: Mapped[int]
    status: Mapped[str]
    text: Mapped[str]
    author: Mapped[str]
    made_at: Mapped[datetime]
    amends: Mapped[str | None]
    why: Mapped[str]
