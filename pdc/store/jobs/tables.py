"""The table of jobs. Its rows change; what was asked for and what was cancelled is in the record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row

IS_OPEN = text("state IN ('queued', 'running')")


class JobRow(Row):
    """A job. `asked`, `result`, `words` and `error` are JSON. `worker` names whoever does it now. Of one `alone` there is at most
    one job that has not ended."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_alone", "alone", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index("ix_jobs_state", "state", "id"),
        Index("ix_jobs_made_by", "made_by", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    asked: Mapped[str]
    state: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    done: Mapped[int]
    total: Mapped[int | None]
    words: Mapped[str]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    beat_at: Mapped[datetime | None]
    result: Mapped[str | None]
    error: Mapped[str | None]
    tries: Mapped[int]
    parent: Mapped[int | None]
    cancelled_by: Mapped[str | None]
    alone: Mapped[str | None]
    worker: Mapped[str | None]
