"""The store's half about signatures: a signed review takes no revision until somebody re-opens it with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pdc.domain.errors import Signed
from pdc.domain.label_changes import question_now
from pdc.domain.values import Review
from pdc.store import mapping
from pdc.store.database import Images, of_image
from pdc.store.label_queries import LabelQueries
from pdc.store.reading.records import Signature, SignatureKind
from pdc.store.reading.tables import SignatureRow

FEW = 500  # ids in one question to the database
LOCKED = "{by} signed revision {n} on {date}. Re-open it with a reason, then change it. Your draft is kept."


class SignatureQueries(LabelQueries):
    """Signatures are only ever added; the newest one of a review says whether it is signed now."""

    def add_signature(self, signature: Signature) -> None:
        task, labels = mapping.question_key(signature.question)
        with self._write() as session:
            session.add(
                SignatureRow(
                    review_id=signature.review_id,
                    image_sha256=signature.image_sha256,
                    task=task,
                    labels=labels,
                    kind=str(signature.kind),
                    meaning=signature.meaning,
                    revision=signature.revision,
                    by=signature.by,
                    reason=signature.reason,
                    at=signature.at,
                )
            )

    def signatures(self, images: Images = None) -> list[Signature]:
        """Every signature and re-opening of these images, oldest first."""
        query = of_image(select(SignatureRow), SignatureRow.image_sha256, images).order_by(SignatureRow.seq)
        with self._read() as session:
            return [self._signature(session, row) for row in session.scalars(query)]

    def signed(self, images: Images = None) -> dict[str, Signature]:
        """The id of each review or read that is signed now -> its signature."""
        return _signed_now(self.signatures(images))

    def _signed_among(self, session: Session, ids: Sequence[str]) -> dict[str, Signature]:
        """`signed`, of these reviews."""
        query = select(SignatureRow).order_by(SignatureRow.seq)
        parts = [ids[start : start + FEW] for start in range(0, len(ids), FEW)]
        rows = (row for part in parts for row in session.scalars(query.where(SignatureRow.review_id.in_(part))))
        return _signed_now(self._signature(session, row) for row in rows)

    def _signature(self, session: Session, row: SignatureRow) -> Signature:
        asked = question_now(mapping.question_of(row.task, row.labels), self._dictionary(session).moved)
        kind = SignatureKind(row.kind)
        return Signature(row.review_id, row.image_sha256, asked, kind, row.revision, row.by, row.at, row.meaning, row.reason)

    def _refuse_signed(self, session: Session, review: Review | None) -> None:
        """Raises Signed when this review is signed now."""
        if review is None:
            return
        newest = select(func.max(SignatureRow.seq)).where(SignatureRow.review_id == review.id).scalar_subquery()
        row = session.scalar(select(SignatureRow).where(SignatureRow.seq == newest))
        if row is not None and row.kind == SignatureKind.SIGNED:
            raise Signed(LOCKED, by=row.by, n=row.revision, date=f"{row.at:%Y-%m-%d}")


def _signed_now(signatures: Iterable[Signature]) -> dict[str, Signature]:
    newest = {s.review_id: s for s in signatures}
    return {id: s for id, s in newest.items() if s.kind is SignatureKind.SIGNED}
