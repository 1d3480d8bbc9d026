"""The store's methods of what several processes share. Times are seconds since 1970; the clocks of all have to agree."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from pdc.store.database import Database
from pdc.store.together.tables import DutyRow, FailureRow


class TogetherQueries(Database):
    """Every method is one transaction."""

    def failures(self, keys: Collection[str]) -> dict[str, tuple[int, float]]:
        """Key -> how often it was refused, and when last. What never was is left out."""
        with self._read() as session:
            rows = session.scalars(select(FailureRow).where(FailureRow.key.in_(keys)))
            return {row.key: (row.n, row.last) for row in rows}

    def count_failures(self, keys: Collection[str], now: float, before: float) -> None:
        """One more of each; those whose last one was `before` are forgotten first."""
        with self._write() as session:
            session.execute(delete(FailureRow).where(FailureRow.last < before))
            for key in keys:
                row = session.get(FailureRow, key)
                if row is None:
                    session.add(FailureRow(key=key, n=1, last=now))
                else:
                    row.n, row.last = row.n + 1, now

    def forget_failures(self, key: str) -> None:
        """Writes only where there is something to forget."""
        if self.failures((key,)):
            with self._write() as session:
                session.execute(delete(FailureRow).where(FailureRow.key == key))

    def hold_duty(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Whether this process does the work from now on: it did already, or nobody does. It is held for so many seconds, and
        only written anew once half of them are over."""
        with self._read() as session:
            row = session.get(DutyRow, name)
            if row is not None and row.until > now and (row.holder != holder or row.until - now > seconds / 2):
                return row.holder == holder
        with self._write() as session:
            row = session.get(DutyRow, name)
            if row is not None and row.holder != holder and row.until > now:
                return False
            session.merge(DutyRow(name=name, holder=holder, until=now + seconds))
            return True

    def end_duty(self, name: str, holder: str) -> None:
        """Another process may take it at once."""
        with self._write() as session:
            session.execute(delete(DutyRow).where(DutyRow.name == name, DutyRow.holder == holder))
