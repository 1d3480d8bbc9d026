"""The tables of several readers an image: who was asked to read it, what each read, and who signed what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class ReaderEventRow(Row):
    """A reader was asked to read an image under a question (`given`), or no longer (`withdrawn`). `turn` 1 is the first
    time, 2 the same image given to the same reader again."""

    __tablename__ = "reader_events"
    __table_args__ = (Index("ix_reader_events_at", "at", "seq"), Index("ix_reader_events_by", "by", "at", "seq"))

    seq: Mapped[int] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), index=True)
    task: Mapped[str]
    labels: Mapped[str]
    kind: Mapped[str]
    reader: Mapped[str]
    turn: Mapped[int]
    shows_model: Mapped[bool]
    opens_at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str]
    note: Mapped[str]
    at: Mapped[datetime]


class ReadRow(Row):
    """What one reader among several made of an image: their own line of revisions, apart from `reviews`."""

    __tablename__ = "reads"
    __table_args__ = (
        UniqueConstraint("image_sha256", "task", "labels", "author", "turn", "revision", name="uq_reads_revision"),
        Index("ix_reads_author", "author", "created_at", "seq"),
        Index("ix_reads_created_at", "created_at", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str] = mapped_column(unique=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"))
    task: Mapped[str]
    labels: Mapped[str]
    prediction_id: Mapped[str | None] = mapped_column(ForeignKey("predictions.id"))
    verdict: Mapped[str]
    findings: Mapped[str]
    author: Mapped[str]
    turn: Mapped[int]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    blind: Mapped[bool]


class SignatureRow(Row):
    """A review or read was signed, or re-opened with a reason; `revision` is that of the signed one."""

    __tablename__ = "signatures"
    __table_args__ = (Index("ix_signatures_at", "at", "seq"), Index("ix_signatures_by", "by", "at", "seq"))

    seq: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[str] = mapped_column(index=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), index=True)
    task: Mapped[str]
    labels: Mapped[str]
    kind: Mapped[str]
    meaning: Mapped[str]
    revision: Mapped[int]
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
