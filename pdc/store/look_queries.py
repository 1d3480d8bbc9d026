"""Looks at locked test sets: each is a row, and a second one in a release needs a reason."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from pdc.domain.errors import BadSetting
from pdc.store.database import Database
from pdc.store.records import Look
from pdc.store.tables import LookRow

SEEN = (
    "The locked set {name} was looked at in release {release} already: by {by} on {at}, for {adapter} ({reason}). "
    "Wait for the next release, or use --force and give a reason."
)


class LookQueries(Database):
    """A set is told by its digest, so that adding it again under another name gives no second look."""

    def add_look(self, look: Look) -> None:
        """Note a look before it is taken. BadSetting when the set was looked at in this release, unless the look is forced."""
        with self._write() as session:
            query = select(LookRow).where(LookRow.digest == look.digest, LookRow.release == look.release)
            before = session.scalar(query.order_by(LookRow.seq.desc()))
            if before is not None and not look.forced:
                told = {"by": before.by, "adapter": before.adapter or "the base model", "reason": before.reason}
                raise BadSetting(SEEN, name=look.test_set, release=look.release, at=f"{before.at:%Y-%m-%d}", **told)
            session.add(
                LookRow(
                    test_set=look.test_set,
                    digest=look.digest,
                    adapter=look.adapter,
                    release=look.release,
                    by=look.by,
                    reason=look.reason,
                    forced=look.forced,
                    at=look.at or datetime.now(UTC),
                )
            )

    def looks(self, digest: str | None = None) -> list[Look]:
        """Every look, or those at one set; oldest first."""
        query = select(LookRow) if digest is None else select(LookRow).where(LookRow.digest == digest)
        with self._read() as session:
            rows = session.scalars(query.order_by(LookRow.seq))
            return [Look(r.test_set, r.digest, r.adapter, r.release, r.by, r.reason, r.forced, r.at) for r in rows]
