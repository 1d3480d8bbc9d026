"""The store's half about image vectors: what a model's vision tower saw of each image. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pdc.domain.values import USABLE
from pdc.store.database import pieces
from pdc.store.image_queries import counts
from pdc.store.label_queries import LabelQueries
from pdc.store.tables import ImageRow, ReviewRow, VectorRow

COLUMNS = VectorRow.seq, VectorRow.image_sha256, VectorRow.vector
Numbered = tuple[int, str, bytes]
"""seq, sha256, vector"""


class VectorQueries(LabelQueries):
    """`model` tells weights apart: vectors of other weights are never compared. A vector is its bytes, float16."""

    def keep_vector(self, sha256: str, model: str, vector: bytes) -> None:
        """The first one stays."""
        if self.has_vector(sha256, model):
            return
        try:
            with self._write() as session:
                session.add(VectorRow(image_sha256=sha256, model=model, vector=vector))
        except IntegrityError:  # another process was first
            return

    def has_vector(self, sha256: str, model: str) -> bool:
        where = VectorRow.image_sha256 == sha256, VectorRow.model == model
        with self._read() as session:
            return session.scalar(select(VectorRow.seq).where(*where)) is not None

    def vector(self, sha256: str, model: str) -> bytes | None:
        where = VectorRow.image_sha256 == sha256, VectorRow.model == model
        with self._read() as session:
            return session.scalar(select(VectorRow.vector).where(*where))

    def newest_vector(self) -> int:
        """The number of the vector that was kept last; 0 where there is none."""
        with self._read() as session:
            return session.scalar(select(func.max(VectorRow.seq))) or 0

    def vectors_after(self, model: str, seq: int = 0, limit: int | None = None) -> list[Numbered]:
        """What was kept since that seq, oldest first; at most so much."""
        later = VectorRow.model == model, VectorRow.seq > seq
        with self._read() as session:
            return _numbered(session, select(*COLUMNS).where(*later).order_by(VectorRow.seq).limit(limit))

    def vectors_of(self, model: str, shas: Collection[str]) -> list[Numbered]:
        """Those of these images, as far as there are any."""
        with self._read() as session:
            of_model = select(*COLUMNS).where(VectorRow.model == model)
            return [v for some in pieces(shas) for v in _numbered(session, of_model.where(VectorRow.image_sha256.in_(some)))]

    def vectors_at(self, seqs: Collection[int]) -> list[Numbered]:
        """Those with these numbers, a few hundred."""
        with self._read() as session:
            return _numbered(session, select(*COLUMNS).where(VectorRow.seq.in_(seqs)))

    def without_vector(self, model: str) -> list[str]:
        """The sha256 of every image that is not retired and has none, oldest first."""
        known = select(VectorRow.image_sha256).where(VectorRow.model == model)
        query = select(ImageRow.sha256).where(ImageRow.sha256.not_in(known), *counts(ImageRow.sha256))
        with self._read() as session:
            return list(session.scalars(query.order_by(ImageRow.seq)))

    def usable_since(self, seq: int = 0, limit: int | None = None) -> list[tuple[int, str, str]]:
        """(seq, sha256, author) of usable reviews, current or not, that were saved since; oldest first, at most so many."""
        columns = ReviewRow.seq, ReviewRow.image_sha256, ReviewRow.author
        query = select(*columns).where(ReviewRow.seq > seq, _usable()).order_by(ReviewRow.seq).limit(limit)
        with self._read() as session:
            return [(n, sha256, author) for n, sha256, author in session.execute(query)]

    def usable_authors(self, shas: Collection[str]) -> list[tuple[str, str]]:
        """(sha256, author) of the usable reviews of these images, current or not."""
        query = select(ReviewRow.image_sha256, ReviewRow.author).where(_usable()).distinct()
        with self._read() as session:
            found = (session.execute(query.where(ReviewRow.image_sha256.in_(some))) for some in pieces(shas))
            return [(sha256, author) for rows in found for sha256, author in rows]


def _usable() -> ColumnElement[bool]:
    return ReviewRow.verdict.in_(list(map(str, USABLE)))


def _numbered(session: Session, query: Select[int, str, bytes]) -> list[Numbered]:
    return [(n, sha256, vector) for n, sha256, vector in session.execute(query)]
