"""The store's half that exports use: the current reviews of images, some at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from pdc.domain.label_changes import question_now
from pdc.domain.values import Question, Review, Verdict
from pdc.store import mapping
from pdc.store.label_queries import LabelQueries
from pdc.store.tables import ReviewRow

CHUNK = 500


class ImageQueries(LabelQueries):
    """What is known about images, read without holding all of it."""

    def current_ids(self, author: str | None = None) -> dict[str, list[tuple[str, Verdict]]]:
        """sha256 -> (id, verdict) of the newest review of each question, by one author or by anybody, oldest first."""
        newest = select(func.max(ReviewRow.seq)).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels)
        newest = newest if author is None else newest.where(ReviewRow.author == author)
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.id, ReviewRow.verdict
        found: dict[str, dict[Question, tuple[str, Verdict]]] = {}
        with self._read() as session:
            moved = self._dictionary(session).moved
            for sha, task, labels, id, verdict in session.execute(
                select(*columns).where(ReviewRow.seq.in_(newest)).order_by(ReviewRow.seq)
            ):
                question = question_now(mapping.question_of(task, labels), moved)
                found.setdefault(sha, {}).pop(question, None)  # labels that were merged made two questions one
                found[sha][question] = id, Verdict(verdict)
        return {sha: list(current.values()) for sha, current in found.items()}

    def reviews_by_id(self, ids: Sequence[str]) -> list[Review]:
        """Oldest first."""
        with self._read() as session:
            parts = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
            rows = [row for part in parts for row in session.scalars(select(ReviewRow).where(ReviewRow.id.in_(part)))]
            return [self._review(session, row) for row in sorted(rows, key=lambda row: row.seq)]
