"""Acts are noted and read back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from pdc.domain.errors import StoreUnavailable
from pdc.store.audit.anchor import Head, anchored
from pdc.store.audit.kinds import AuditEvent, AuditKind
from pdc.store.audit.lines import Place, RecordFilter, RecordLine, lines
from pdc.store.audit.tables import AuditEventRow
from pdc.store.audit.verifying import Checked, check
from pdc.store.database import Database

ALL = RecordFilter()
log = logging.getLogger(__name__)


class AuditQueries(Database):
    """The record. Its rows are only ever added."""

    def record_event(self, kind: AuditKind, who: str, *, image: str | None = None, **what: Any) -> None:
        """Note an act of `who`, to the image of that sha256 if to one. `what` is kept as JSON."""
        with self._write() as session:
            session.add(audit_row(kind, who, image=image, **what))

    def record_view(self, who: str, image: str) -> None:
        """Note that somebody was shown an image: a row a user, image and day. Where nothing can be written, as on a full disk,
        the log says so, and readers can go on looking."""
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        where = AuditEventRow.kind == str(AuditKind.VIEWED), AuditEventRow.who == who, AuditEventRow.image_sha256 == image
        known = select(AuditEventRow.id).where(*where, AuditEventRow.at >= today).limit(1)
        with self._read() as session:
            if session.scalar(known) is not None:
                return
        try:
            with self._write(aside=True) as session:
                if session.scalar(known) is None:
                    session.add(audit_row(AuditKind.VIEWED, who, image=image))
        except StoreUnavailable as error:
            log.error("it was not recorded that somebody was shown image %s: %s", image[:12], error)

    def check_record(self, *anchors: Head) -> Checked:
        """Read the whole record again, while others write. `anchors` are links known from elsewhere; the store's own anchor
        is always asked."""
        place, mine = self._chain.place.anchor, []
        if place is not None and (known := anchored(place)):
            mine = [known]
        with self._read() as session:
            return check(session.connection(), self._chain.keys.now(), (*mine, *anchors))

    def last_act(self, kind: AuditKind) -> datetime | None:
        """When there was the last one of a kind."""
        newest = select(AuditEventRow.at).where(AuditEventRow.kind == str(kind)).order_by(AuditEventRow.at.desc()).limit(1)
        with self._read() as session:
            return session.scalar(newest)

    def record_lines(
        self, wanted: RecordFilter = ALL, limit: int | None = None, after: Place | None = None
    ) -> Iterator[RecordLine]:
        """Who did what, the newest first, behind a place or from the beginning."""
        with self._read() as session:
            yield from lines(session.connection(), wanted, limit, after)

    def change_key(self, who: str) -> str:
        """Seal with a new key from now on; the keys before stay in the key file. The new one's name."""
        name = self._chain.keys.add().newest
        self.record_event(AuditKind.KEY_CHANGED, who, key=name)
        return name


def audit_row(kind: AuditKind, who: str, *, image: str | None = None, **what: Any) -> AuditEventRow:
    """The row of an act of this moment, for a transaction that does more."""
    text = json.dumps(what, ensure_ascii=False, sort_keys=True)
    return AuditEventRow(kind=str(kind), who=who, image_sha256=image, what=text, at=datetime.now(UTC))


def _event(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(AuditKind(row.kind), row.who, json.loads(row.what), row.at, row.image_sha256, row.id)
