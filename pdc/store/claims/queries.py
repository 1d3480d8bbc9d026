"""The store's part about open images: claimed, claimed again, let go. Claims that have run out go with the next one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, select

from pdc.store.claims.tables import ClaimRow
from pdc.store.database import Database

CLAIMED_FOR = timedelta(minutes=2)


def claimed_by_others(reader: str) -> Select[str]:
    """The sha256 of every image that is open at somebody else, as a subquery."""
    return select(ClaimRow.image_sha256).where(ClaimRow.reader != reader, ClaimRow.until > datetime.now(UTC))


class ClaimQueries(Database):
    def claim(self, sha256: str, reader: str, *, alone: bool = False) -> bool:
        """The reader has the image open from now on; False, and nothing changes, where it is to be `alone` and others have it.
        Of several who ask at once the first has it."""
        now = datetime.now(UTC)
        with self._write(aside=True) as session:
            session.execute(delete(ClaimRow).where(ClaimRow.until <= now))
            others = select(ClaimRow.reader).where(ClaimRow.image_sha256 == sha256, ClaimRow.reader != reader)
            if alone and session.scalar(others.limit(1)) is not None:
                return False
            session.merge(ClaimRow(image_sha256=sha256, reader=reader, until=now + CLAIMED_FOR))
            return True

    def let_go(self, sha256: str, reader: str) -> None:
        """The reader does not have the image open any more."""
        with self._write(aside=True) as session:
            session.execute(delete(ClaimRow).where(ClaimRow.image_sha256 == sha256, ClaimRow.reader == reader))

    def open_elsewhere(self, reader: str) -> dict[str, str]:
        """Every image that is open at somebody else: sha256 -> who. There are as many as pages that are open."""
        others = select(ClaimRow).where(ClaimRow.reader != reader, ClaimRow.until > datetime.now(UTC))
        with self._read() as session:
            return {row.image_sha256: row.reader for row in session.scalars(others.order_by(ClaimRow.reader.desc()))}
