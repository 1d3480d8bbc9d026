"""The store's half about image vectors: what a model's vision tower saw of each image. Rows are only ever added."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pdc.domain.values import USABLE
from pdc.store.image_queries import counts
from pdc.store.label_queries import LabelQueries
from pdc.store.tables import ImageRow, ReviewRow, VectorRow


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

    def vectors_after(self, model: str, seq: int = 0) -> list[tuple[int, str, bytes]]:
        """(seq, sha256, vector) of what was kept since that seq, oldest first."""
        columns = VectorRow.seq, VectorRow.image_sha256, VectorRow.vector
        query = select(*columns).where(VectorRow.model == model, VectorRow.seq > seq).order_by(VectorRow.seq)
        with self._read() as session:
            return [(n, sha256, vector) for n, sha256, vector in session.execute(query)]

    def without_vector(self, model: str) -> list[str]:
        """The sha256 of every image that is not retired and has none, oldest first."""
        known = select(VectorRow.image_sha256).where(VectorRow.model == model)
        query = select(ImageRow.sha256).where(ImageRow.sha256.not_in(known), *counts(ImageRow.sha256))
        with self._read() as session:
            return list(session.scalars(query.order_by(ImageRow.seq)))

    def usable_since(self, seq: int = 0) -> list[tuple[int, str, str]]:
        """(seq, sha256, author) of every usable review that was saved since that seq, current or not, oldest first."""
        columns = ReviewRow.seq, ReviewRow.image_sha256, ReviewRow.author
        query = select(*columns).where(ReviewRow.seq > seq, ReviewRow.verdict.in_(list(map(str, USABLE))))
        with self._read() as session:
            return [(n, sha256, author) for n, sha256, author in session.execute(query.order_by(ReviewRow.seq))]
