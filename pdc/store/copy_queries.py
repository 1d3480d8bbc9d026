"""The store's half about near copies: which images were compared with all others, and which of them show the same."""

from __future__ import annotations

from collections.abc import Collection, Set

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from pdc.domain.values import Copies
from pdc.store.database import Database, pieces
from pdc.store.tables import ComparedRow, NearCopyRow


class CopyQueries(Database):
    """`rule` is the version of the code that compares: what another one found is not used."""

    def compared_images(self, rule: int) -> tuple[frozenset[str], int]:
        """The images that have been compared with each other, and the number of the newest."""
        with self._read() as session:
            names = session.scalars(select(ComparedRow.image_sha256).where(ComparedRow.rule == rule))
            return frozenset(names), _newest(session)

    def keep_compared(self, rule: int, names: Collection[str], found: Copies, since: int) -> bool:
        """Note that these were compared with each other and with all images up to the number `since`, and which are near copies.
        False, and nothing is noted, where another process has added some meanwhile."""
        with self._write() as session:
            if _newest(session) != since:
                return False
            if session.scalar(select(ComparedRow.seq).where(ComparedRow.rule != rule).limit(1)) is not None:
                session.execute(delete(NearCopyRow))
                session.execute(delete(ComparedRow))
            session.execute(insert(ComparedRow), [{"image_sha256": name, "rule": rule} for name in names])
            if found:
                rows = [{"one": one, "other": other, "whole": whole} for (one, other), whole in found.items()]
                session.execute(insert(NearCopyRow), rows)
        return True

    def near_copies(self, rule: int, of: Set[str]) -> Copies:
        """Those among these images, as far as they have been compared."""
        compared = select(ComparedRow.image_sha256).where(ComparedRow.rule == rule)
        query = select(NearCopyRow).where(NearCopyRow.one.in_(compared))
        with self._read() as session:
            rows = session.scalars(query.order_by(NearCopyRow.one, NearCopyRow.other))
            return {(row.one, row.other): row.whole for row in rows if row.one in of and row.other in of}


def forget_copies(session: Session, shas: Collection[str]) -> None:
    """Of these images: they are compared anew where they come again."""
    for some in pieces(shas):
        session.execute(delete(NearCopyRow).where(or_(NearCopyRow.one.in_(some), NearCopyRow.other.in_(some))))
        session.execute(delete(ComparedRow).where(ComparedRow.image_sha256.in_(some)))


def _newest(session: Session) -> int:
    return session.scalar(select(func.max(ComparedRow.seq))) or 0
