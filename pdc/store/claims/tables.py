"""The table of images that are open. It is no record: a row is worth nothing once its time is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class ClaimRow(Row):
    """A page of this reader has the image open, until then unless it says so again."""

    __tablename__ = "claims"
    __table_args__ = (Index("ix_claims_until", "until"),)

    image_sha256: Mapped[str] = mapped_column(primary_key=True)
    reader: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
