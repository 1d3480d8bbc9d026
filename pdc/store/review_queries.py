"""The store's half that readers use: images, labels, predictions, reviews and drafts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVarTuple

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from pdc.domain.errors import NotFound, StaleSave
from pdc.domain.values import USABLE, Findings, Image, Prediction, Question, Review, Verdict, check_label
from pdc.store import mapping
from pdc.store.database import Database
from pdc.store.records import StoredDraft
from pdc.store.tables import DraftRow, ImageRow, LabelRow, OwnerRow, PredictionRow, ReviewRow

DraftVersion = tuple[str, datetime]  # StoredDraft.seen
Columns = TypeVarTuple("Columns")


class ReviewQueries(Database):
    """Predictions and reviews are only ever added."""

    def add_image(self, image: Image, owner: str | None = None) -> Image:
        """The stored image of that sha256: this one, or the one that came first. From now on it is `owner`'s too."""
        with self._write() as session:
            row = _image_row(session, image.sha256)
            if row is None:
                row = mapping.image_row(image)
                session.add(row)
                session.flush()
            if owner is not None and session.get(OwnerRow, (owner, image.sha256)) is None:
                session.add(OwnerRow(owner=owner, image_sha256=image.sha256, name=image.name, at=datetime.now(UTC)))
            return mapping.image(row)

    def image(self, sha256: str) -> Image:
        """NotFound when there is none."""
        with self._read() as session:
            return mapping.image(_known_image(session, sha256))

    def images(self) -> list[Image]:
        """Oldest first."""
        with self._read() as session:
            return [mapping.image(row) for row in session.scalars(select(ImageRow).order_by(ImageRow.seq))]

    def images_of(self, owner: str, sha256: str | None = None) -> list[Image]:
        """What this owner brought (or that one image of it), oldest first, under the names they gave."""
        mine = select(ImageRow, OwnerRow.name).join(OwnerRow, OwnerRow.image_sha256 == ImageRow.sha256)
        query = _of_image(mine.where(OwnerRow.owner == owner), OwnerRow.image_sha256, sha256).order_by(OwnerRow.at, ImageRow.seq)
        with self._read() as session:
            return [replace(mapping.image(row), name=name) for row, name in session.execute(query)]

    def labels(self) -> list[str]:
        """The dictionary, alphabetical."""
        with self._read() as session:
            return sorted(session.scalars(select(LabelRow.label)))

    def add_label(self, label: str) -> None:
        """Into the dictionary, if it is not there; BadQuestion when it cannot be a label."""
        check_label(label)
        with self._write() as session:
            if session.get(LabelRow, label) is None:
                session.add(LabelRow(label=label))

    def add_prediction(self, prediction: Prediction) -> None:
        """NotFound when its image is not stored."""
        with self._write() as session:
            _known_image(session, prediction.image_sha256)
            session.add(mapping.prediction_row(prediction))

    def prediction(self, id: str) -> Prediction:
        """NotFound when there is none."""
        with self._read() as session:
            return mapping.prediction(_known_prediction(session, id))

    def predictions(self, sha256: str | None = None) -> list[Prediction]:
        """Of one image or of all, oldest first."""
        query = _of_image(select(PredictionRow), PredictionRow.image_sha256, sha256).order_by(PredictionRow.seq)
        with self._read() as session:
            return [mapping.prediction(row) for row in session.scalars(query)]

    def latest_prediction(self, sha256: str, question: Question, model: str, adapter: str | None) -> Prediction | None:
        """The newest answer to this question about this image by this model with this adapter (None: without one)."""
        query = (
            select(PredictionRow)
            .where(*_is(PredictionRow, sha256, question), PredictionRow.model == model)
            .where(PredictionRow.adapter.is_not_distinct_from(adapter))
            .order_by(PredictionRow.seq.desc())
            .limit(1)
        )
        with self._read() as session:
            row = session.scalar(query)
            return row and mapping.prediction(row)

    def newest_prediction(self, sha256: str, question: Question) -> Prediction | None:
        """The newest answer to this question about this image, whoever gave it."""
        where = _is(PredictionRow, sha256, question)
        query = select(PredictionRow).where(*where).order_by(PredictionRow.seq.desc()).limit(1)
        with self._read() as session:
            row = session.scalar(query)
            return row and mapping.prediction(row)

    def save_review(self, review: Review, *, key: str, base_revision: int, seen: DraftVersion | None = None) -> Review:
        """Append the review as revision `base_revision` + 1, drop the draft of that key, and return it as stored.

        `key` names the attempt: the same key again returns what the first one stored, whatever happened since. `seen` is
        the draft this one went on from; it goes too, unless another tab has changed it since.
        StaleSave when the current revision is not `base_revision`; the draft is kept. NotFound when the image or the
        prediction is not stored.
        """
        try:
            return self._save_review(review, key, base_revision, seen)
        except IntegrityError:  # another process was first; now its row can be seen
            return self._save_review(review, key, base_revision, seen)

    def _save_review(self, review: Review, key: str, base_revision: int, seen: DraftVersion | None) -> Review:
        with self._write() as session:
            saved = session.scalar(select(ReviewRow).where(ReviewRow.key == key))
            if saved is not None:
                return mapping.review(saved)
            _known_image(session, review.image_sha256)
            if review.prediction_id is not None:
                _known_prediction(session, review.prediction_id)
            _refuse_stale(_current_row(session, review.image_sha256, review.question), base_revision)
            row = mapping.review_row(replace(review, revision=base_revision + 1), key)
            session.add(row)
            _drop(session, review.author, review.image_sha256, review.question, key, seen)
            return mapping.review(row)

    def revision(self, sha256: str, question: Question, revision: int) -> Review | None:
        """That revision, or None when there is none."""
        where = (*_is(ReviewRow, sha256, question), ReviewRow.revision == revision)
        with self._read() as session:
            row = session.scalar(select(ReviewRow).where(*where))
            return row and mapping.review(row)

    def has_read(self, author: str, sha256: str, question: Question) -> bool:
        """Whether this reader has saved a read of their own; skipping is none."""
        where = (*_is(ReviewRow, sha256, question), ReviewRow.author == author, ReviewRow.verdict != Verdict.SKIPPED)
        with self._read() as session:
            return session.scalar(select(ReviewRow.seq).where(*where).limit(1)) is not None

    def current_review(self, sha256: str, question: Question, author: str | None = None) -> Review | None:
        """The highest revision, by one author or by anybody; None when they have not reviewed this."""
        with self._read() as session:
            row = _current_row(session, sha256, question, author)
            return row and mapping.review(row)

    def current_reviews(self) -> list[Review]:
        """The highest revision of every image and question, in the order in which they were saved."""
        newest = select(func.max(ReviewRow.seq)).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels)
        query = select(ReviewRow).where(ReviewRow.seq.in_(newest)).order_by(ReviewRow.seq)
        with self._read() as session:
            return [mapping.review(row) for row in session.scalars(query)]

    def usable_reviews(self) -> list[Review]:
        """Current reviews that say what is in the image: accepted or corrected."""
        return [r for r in self.current_reviews() if r.verdict in USABLE]

    def reviews(self, sha256: str | None = None, author: str | None = None) -> list[Review]:
        """Every revision of one image or of all, by one author or by anybody, oldest first."""
        query = _of_image(select(ReviewRow), ReviewRow.image_sha256, sha256).order_by(ReviewRow.seq)
        if author is not None:
            query = query.where(ReviewRow.author == author)
        with self._read() as session:
            return [mapping.review(row) for row in session.scalars(query)]

    def reviewed_images(self) -> frozenset[str]:
        """The sha256 of every image with a review of any question; cheap, for finding what is left to do."""
        with self._read() as session:
            return frozenset(session.scalars(select(ReviewRow.image_sha256).distinct()))

    def put_draft(
        self,
        author: str,
        sha256: str,
        question: Question,
        findings: Findings,
        base_revision: int,
        prediction_id: str | None,
        key: str = "",
        seen: DraftVersion | None = None,
    ) -> None:
        """Keep a reader's unsaved work, in place of what was kept under this key before. NotFound without its image.

        `seen` is the draft this one went on from; it goes, unless another tab has changed it since.
        """
        task, labels = mapping.question_key(question)
        with self._write() as session:
            _known_image(session, sha256)
            if seen is not None and seen[0] != key:
                _drop_seen(session, author, sha256, question, seen)
            session.merge(
                DraftRow(
                    author=author,
                    image_sha256=sha256,
                    task=task,
                    labels=labels,
                    key=key,
                    findings=mapping.dump_findings(findings),
                    base_revision=base_revision,
                    prediction_id=prediction_id,
                    saved_at=datetime.now(UTC),
                )
            )

    def draft(self, author: str, sha256: str, question: Question) -> StoredDraft | None:
        """The reader's newest."""
        kept = self.drafts(sha256, question, author)
        return kept[-1] if kept else None

    def newest_draft(self, author: str, sha256: str) -> StoredDraft | None:
        """What a reader left unsaved on an image last, whatever its question."""
        where = DraftRow.author == author, DraftRow.image_sha256 == sha256
        with self._read() as session:
            row = session.scalar(select(DraftRow).where(*where).order_by(DraftRow.saved_at.desc()).limit(1))
            return mapping.draft(row) if row else None

    def drafts(self, sha256: str, question: Question, author: str | None = None) -> list[StoredDraft]:
        """Unsaved work on an image and question, of one reader or of all, oldest first."""
        where = _is(DraftRow, sha256, question) + ((DraftRow.author == author,) if author is not None else ())
        with self._read() as session:
            return [mapping.draft(row) for row in session.scalars(select(DraftRow).where(*where).order_by(DraftRow.saved_at))]

    def drop_draft(self, author: str, sha256: str, question: Question, key: str = "", seen: DraftVersion | None = None) -> None:
        """The draft of that key, and the one it went on from as it was then. Nothing happens when there is none."""
        with self._write() as session:
            _drop(session, author, sha256, question, key, seen)


def _is(table: type[Any], sha256: str, question: Question) -> tuple[Any, ...]:
    task, labels = mapping.question_key(question)
    return table.image_sha256 == sha256, table.task == task, table.labels == labels


def _of_image(query: Select[*Columns], column: InstrumentedAttribute[str], sha256: str | None) -> Select[*Columns]:
    return query if sha256 is None else query.where(column == sha256)


def _image_row(session: Session, sha256: str) -> ImageRow | None:
    return session.scalar(select(ImageRow).where(ImageRow.sha256 == sha256))


def _known_image(session: Session, sha256: str) -> ImageRow:
    row = _image_row(session, sha256)
    if row is None:
        raise NotFound("There is no image {id}; upload it again.", id=sha256[:12])
    return row


def _known_prediction(session: Session, id: str) -> PredictionRow:
    row = session.scalar(select(PredictionRow).where(PredictionRow.id == id))
    if row is None:
        raise NotFound("There is no prediction {id}; open the image again.", id=id)
    return row


def _current_row(session: Session, sha256: str, question: Question, author: str | None = None) -> ReviewRow | None:
    where = _is(ReviewRow, sha256, question) + ((ReviewRow.author == author,) if author is not None else ())
    return session.scalar(select(ReviewRow).where(*where).order_by(ReviewRow.revision.desc()).limit(1))


def _refuse_stale(current: ReviewRow | None, base_revision: int) -> None:
    if (current.revision if current else 0) == base_revision:
        return
    if current is None:
        raise StaleSave("The review you started from is not stored; open the image again. Your draft is kept.")
    raise StaleSave(
        "{reader} saved this image at {time} UTC, after you had opened it. Your draft is kept; open the image again to compare.",
        reader=current.author,
        time=f"{current.created_at:%Y-%m-%d %H:%M}",
    )


def _drop(session: Session, author: str, sha256: str, question: Question, key: str, seen: DraftVersion | None) -> None:
    session.execute(delete(DraftRow).where(DraftRow.author == author, *_is(DraftRow, sha256, question), DraftRow.key == key))
    if seen is not None:
        _drop_seen(session, author, sha256, question, seen)


def _drop_seen(session: Session, author: str, sha256: str, question: Question, seen: DraftVersion) -> None:
    key, saved_at = seen
    where = (DraftRow.author == author, *_is(DraftRow, sha256, question), DraftRow.key == key, DraftRow.saved_at == saved_at)
    session.execute(delete(DraftRow).where(*where))
