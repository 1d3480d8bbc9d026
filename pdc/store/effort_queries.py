"""The store's half about efforts: what a saved review took its reader, kept only where readers asked for it (`PDC_TIMING`)."""

from __future__ import annotations

import json

from sqlalchemy import select

from pdc.store.database import Database
from pdc.store.records import Effort
from pdc.store.tables import EffortRow, ImageRow, ReviewRow


class EffortQueries(Database):
    def keep_effort(self, review_id: str, effort: Effort) -> None:
        """Beside this review; what was kept of it before is replaced, as when the reader saved and went on looking."""
        edits = json.dumps(dict(effort.edits), sort_keys=True)
        row = EffortRow(review_id=review_id, seconds=effort.seconds, moves=effort.moves, keys=effort.keys, edits=edits)
        with self._write() as session:
            session.merge(row)

    def efforts(self, author: str, limit: int | None = None) -> list[Effort]:
        """Of this reader's reviews, the newest first; at most so many."""
        query = (
            select(EffortRow, ReviewRow.created_at, ImageRow.name)
            .join(ReviewRow, ReviewRow.id == EffortRow.review_id)
            .join(ImageRow, ImageRow.sha256 == ReviewRow.image_sha256)
            .where(ReviewRow.author == author)
            .order_by(ReviewRow.created_at.desc(), ReviewRow.seq.desc())
            .limit(limit)
        )
        with self._read() as session:
            found = session.execute(query)
            return [Effort(e.seconds, e.moves, e.keys, json.loads(e.edits), name, at) for e, at, name in found]
