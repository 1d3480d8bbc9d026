"""The table of API tokens. A revoked one stays, so that one can see what there was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class ApiTokenRow(Row):
    """A token by the sha256 of its text, in hex; `used_on` is a day, as 2026-11-27."""

    __tablename__ = "api_tokens"

    seq: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    user_name: Mapped[str] = mapped_column(index=True)
    role: Mapped[str]
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    used_on: Mapped[str | None]
    revoked_at: Mapped[datetime | None]


def working_tokens(user: str) -> Select[ApiTokenRow]:
    """Those of the user that were not revoked, also where their time is over."""
    return select(ApiTokenRow).where(ApiTokenRow.user_name == user, ApiTokenRow.revoked_at.is_(None))
