"""The tables of the record: acts, and the chain of links over every table of `SEALED`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Table
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row

ONCE = (
    "images",
    "views",
    "predictions",
    "reviews",
    "events",
    "label_events",
    "groups",
    "activations",
    "looks",
    "reader_events",
    "reads",
    "signatures",
    "count_sessions",
    "count_events",
    "count_sheets",
    "audit_events",
)
"""tables whose rows are written once: each row has one link"""
STATES = ("users", "adapters", "api_tokens")
"""tables whose rows change: the last link about a row says how it is now"""
SEALED = frozenset((*ONCE, *STATES))


class AuditEventRow(Row):
    """One act; `what` is a JSON object."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_kind", "kind", "at", "id"),
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_who", "who", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    who: Mapped[str]
    image_sha256: Mapped[str | None] = mapped_column(index=True)
    what: Mapped[str]
    at: Mapped[datetime]


class AuditLinkRow(Row):
    """One link: it covers its number, a row, the digest of what the row holds, the key's name, and the link before."""

    __tablename__ = "audit_links"

    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    table_name: Mapped[str]
    row_id: Mapped[str]
    digest: Mapped[str]
    key_id: Mapped[str]
    mac: Mapped[str]


LINKS = Row.metadata.tables["audit_links"]


def sealed_tables() -> dict[str, Table]:
    """Those of `SEALED` that this version has, by name."""
    return {name: table for name, table in Row.metadata.tables.items() if name in SEALED}
