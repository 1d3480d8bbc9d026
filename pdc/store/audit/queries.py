"""Acts are noted and read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from pdc.store.audit.kinds import AuditEvent, AuditKind
from pdc.store.audit.tables import AuditEventRow
from pdc.store.database import Database


class AuditQueries(Database):
    """The record. Its rows are only ever added."""

    def record_event(self, kind: AuditKind, who: str, *, image: str | None = None, **what: Any) -> None:
        """Note an act of `who`, to the image of that sha256 if to one. `what` is kept as JSON."""
        with self._write() as session:
            session.add(audit_row(kind, who, image=image, **what))

    def record_view(self, who: str, image: str) -> None:
        """Note that somebody was shown an image: a row a user, image and day."""
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        where = AuditEventRow.kind == str(AuditKind.VIEWED), AuditEventRow.who == who, AuditEventRow.image_sha256 == image
        with self._read() as session:
            if session.scalar(select(AuditEventRow.id).where(*where, AuditEventRow.at >= today).limit(1)) is not None:
                return
        self.record_event(AuditKind.VIEWED, who, image=image)


def audit_row(kind: AuditKind, who: str, *, image: str | None = None, **what: Any) -> AuditEventRow:
    """The row of an act of this moment, for a transaction that does more."""
    text = json.dumps(what, ensure_ascii=False, sort_keys=True)
    return AuditEventRow(kind=str(kind), who=who, image_sha256=image, what=text, at=datetime.now(UTC))


def _event(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(AuditKind(row.kind), row.who, json.loads(row.what), row.at, row.image_sha256, row.id)
