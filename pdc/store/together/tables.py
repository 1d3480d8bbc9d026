"""Tables of the moment: their rows change and go, and no archive holds them."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class FailureRow(Row):
    """How often a name, an address or a token was refused, and when last, in seconds since 1970. `key` is a hash: somebody may
    have typed a password in the place of a name."""

    __tablename__ = "failures"

    key: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int]
    last: Mapped[float] = mapped_column(index=True)


class DutyRow(Row):
    """Work that one process does for all, who does it, and until when nobody else takes it, in seconds since 1970."""

    __tablename__ = "duties"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[float]
