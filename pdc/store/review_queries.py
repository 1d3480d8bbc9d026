"""The store's half that readers use: images, predictions, reviews and drafts, under today's names of their labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import ColumnElement, delete, func, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from pdc.domain.errors import NotFound, SeveralReaders, StaleSave
from pdc.domain.label_changes import question_now
from pdc.domain.values import UNSEEN, USABLE, Findings, Image, Prediction, Question, Review, Verdict
from pdc.store import mapping
from pdc.store.database import Images, of_image, once
from pdc.store.image_queries import CHUNK, counts, retired_shas, seen
from pdc.store.reading.readers import ReaderQueries
from pdc.store.reading.signatures import SignatureQueries
from pdc.store.reading.tables import ReaderEventRow
from pdc.store.records import StoredDraft
from pdc.store.tables import DraftRow, EventRow, ImageRow, OwnerRow, PredictionRow, ReviewRow, ViewRow

DraftVersion = tuple[str, datetime]  # StoredDraft.seen
TELLS = PredictionRow, ReviewRow, EventRow, ReaderEventRow
Told = tuple[int, ...]
"""the newest number of each table of `TELLS`"""
NO_READ = (Verdict.SKIPPED, *UNSEEN)
READERS_ONLY = "Several readers read this image, so only the consensus of their reads is saved for it."


class ReviewQueries(ReaderQueries, SignatureQueries):
    """Predictions and reviews are only ever added. A label that was renamed or merged is read under its name of today; an
    answer of the model is found again under the names that were asked, and those they were given since."""

    def add_image(self, image: Image, owner: str | None = None) -> Image:
        """The stored image of that sha256: this one, or the one that came first. From now on it is `owner`'s too.

        The first view of its file stays.
        """
        with self._write() as session:
            row = _image_row(session, image.sha256)
            if row is None:
                row = mapping.image_row(image)
                session.add(row)
                session.flush()
            if image.view is not None and session.get(ViewRow, image.sha256) is None:
                session.add(mapping.view_row(image.sha256, image.view))
                session.flush()
                session.refresh(row)
            if owner is not None and session.get(OwnerRow, (owner, image.sha256)) is None:
                session.add(OwnerRow(owner=owner, image_sha256=image.sha256, name=image.name, at=datetime.now(UTC)))
            return mapping.image(row)

    def image(self, sha256: str) -> Image:
        """NotFound when there is none."""
        with self._read() as session:
            return mapping.image(known_image(session, sha256))

    def images(self) -> list[Image]:
        """Those that are not retired, oldest first."""
        query = select(ImageRow).where(ImageRow.sha256.not_in(retired_shas())).order_by(ImageRow.seq)
        with self._read() as session:
            return [mapping.image(row) for row in session.scalars(query)]

    def images_of(self, owner: str, sha256: str | None = None) -> list[Image]:
        """What this owner brought and has not retired (or that one image of it), oldest first, under the names they gave."""
        mine = select(ImageRow, OwnerRow.name).join(OwnerRow, OwnerRow.image_sha256 == ImageRow.sha256)
        mine = mine if sha256 else mine.where(ImageRow.sha256.not_in(retired_shas(owner)))
        query = of_image(mine.where(OwnerRow.owner == owner), OwnerRow.image_sha256, sha256).order_by(OwnerRow.at, ImageRow.seq)
        with self._read() as session:
            return [replace(mapping.image(row), name=name) for row, name in session.execute(query)]

    def add_prediction(self, prediction: Prediction, *, once: bool = False) -> Prediction:
        """NotFound when its image is not stored. `once`: where another process has stored an answer to the same question
        meanwhile, by the same model with the same adapter from as many looks, that one is returned, and nothing is added."""
        with self._write() as session:
            known_image(session, prediction.image_sha256)
            if once and (known := self._equal_answer(session, prediction)):
                return known
            session.add(mapping.prediction_row(prediction))
            return prediction

    def _equal_answer(self, session: Session, new: Prediction) -> Prediction | None:
        by = _given_by(new.model, new.adapter, new.experts, (new.version,))
        where = (*self._of(session, PredictionRow, new.image_sha256, new.question), *by, PredictionRow.looks >= new.looks)
        row = session.scalar(select(PredictionRow).where(*where).order_by(PredictionRow.seq.desc()).limit(1))
        return row and self._prediction(session, row)

    def prediction(self, id: str) -> Prediction:
        """NotFound when there is none."""
        with self._read() as session:
            return self._prediction(session, known_prediction(session, id))

    def predictions(self, sha256: str | None = None) -> list[Prediction]:
        """Of one image or of all, oldest first."""
        query = of_image(select(PredictionRow), PredictionRow.image_sha256, sha256).order_by(PredictionRow.seq)
        with self._read() as session:
            return [self._prediction(session, row) for row in session.scalars(query)]

    def latest_prediction(
        self,
        sha256: str,
        question: Question,
        model: str,
        adapter: str | None,
        experts: tuple[str, ...] = (),
        versions: Collection[str | None] = (),
        looks: int = 1,
    ) -> Prediction | None:
        """The best answer to this question about this image by this model with this adapter (None: without one) and these
        experts beside it: of those voted from at least so many `looks` the newest of the most. `versions` of the model, if any
        are named, are those that will do; None: not noted."""
        by = _given_by(model, adapter, experts, versions)
        return self._newest_answer(sha256, question, *by, PredictionRow.looks >= looks, most=PredictionRow.looks)

    def answered_images(
        self,
        question: Question,
        by: tuple[str, str | None, tuple[str, ...]] | None = None,
        versions: Collection[str | None] = (),
        looks: int = 1,
        of: Images = None,
    ) -> frozenset[str]:
        """The sha256 of every image (`of` some) with an answer to this question from at least so many looks: by this model with
        this adapter and these experts, of these `versions`, as `latest_prediction` takes them; `by` None: by anybody."""
        with self._read() as session:
            where = (*self._of(session, PredictionRow, of, question), *(_given_by(*by, versions) if by else ()))
            answered = select(PredictionRow.image_sha256).where(*where, PredictionRow.looks >= looks)
            return frozenset(session.scalars(answered.distinct()))

    def stored_after(self, seq: int, limit: int) -> list[tuple[int, str]]:
        """(number, sha256) of images, retired or not, that came after that number; at most so many."""
        later = select(ImageRow.seq, ImageRow.sha256).where(ImageRow.seq > seq).order_by(ImageRow.seq).limit(limit)
        with self._read() as session:
            return [(n, sha256) for n, sha256 in session.execute(later)]

    def numbers_of(self, shas: Collection[str]) -> dict[str, int]:
        """sha256 -> the number of the image, of a few."""
        with self._read() as session:
            rows = session.execute(select(ImageRow.sha256, ImageRow.seq).where(ImageRow.sha256.in_(shas)))
            return {sha256: n for sha256, n in rows}

    def numbered_image(self, seq: int) -> Image:
        """The image with that number; there is one."""
        with self._read() as session:
            return mapping.image(session.scalars(select(ImageRow).where(ImageRow.seq == seq)).one())

    def told_after(self, seen: Told, limit: int) -> tuple[list[str], Told]:
        """The images of which something was said after that: answered, reviewed, decided or given to readers. Of each kind at
        most so much at once; and how far that is."""
        shas, until = dict[str, None](), []
        with self._read() as session:
            for table, seq in zip(TELLS, seen, strict=True):
                later = select(table.seq, table.image_sha256).where(table.seq > seq).order_by(table.seq).limit(limit)
                rows = session.execute(later).all()
                shas.update(dict.fromkeys(sha256 for _, sha256 in rows))
                until.append(rows[-1].seq if rows else seq)
        return list(shas), tuple(until)

    def told_until(self) -> Told:
        """How far everything is that `told_after` tells of."""
        with self._read() as session:
            return tuple(session.scalar(select(func.max(table.seq))) or 0 for table in TELLS)

    def predictions_by_id(self, ids: Collection[str]) -> dict[str, Prediction]:
        """Those of these (a few) that are stored."""
        with self._read() as session:
            rows = session.scalars(select(PredictionRow).where(PredictionRow.id.in_(ids)))
            return {row.id: self._prediction(session, row) for row in rows}

    def answers_of_base(self, shas: Collection[str], model: str) -> list[Prediction]:
        """What a model alone, without an adapter, said about these images (a few), oldest first."""
        about = PredictionRow.image_sha256.in_(shas), PredictionRow.model == model, PredictionRow.adapter.is_(None)
        with self._read() as session:
            rows = session.scalars(select(PredictionRow).where(*about).order_by(PredictionRow.seq))
            return [self._prediction(session, row) for row in rows]

    def newest_prediction(self, sha256: str, question: Question, looks: int = 1) -> Prediction | None:
        """The newest answer to this question about this image from at least so many looks, whoever gave it."""
        return self._newest_answer(sha256, question, PredictionRow.looks >= looks)

    def _newest_answer(
        self, sha256: str, question: Question, *by: ColumnElement[bool], most: InstrumentedAttribute[int] = PredictionRow.seq
    ) -> Prediction | None:
        """The newest of those with the most of something."""
        order = most.desc(), PredictionRow.seq.desc()
        with self._read() as session:
            where = (*self._of(session, PredictionRow, sha256, question), *by)
            row = session.scalar(select(PredictionRow).where(*where).order_by(*order).limit(1))
            return row and self._prediction(session, row)

    def save_review(
        self,
        review: Review,
        *,
        key: str,
        base_revision: int,
        seen: DraftVersion | None = None,
        apart: bool = False,
        draft: str = "",
    ) -> Review:
        """Append the review as revision `base_revision` + 1, drop the draft of that key or of the key `draft`, and return it as
        stored.

        `key` names the attempt: the same key again returns what the first one stored, whatever happened since. `seen` is
        the draft this one went on from; it goes too, unless another tab has changed it since.
        StaleSave when the current revision is not `base_revision`; the draft is kept. NotFound when the image or the
        prediction is not stored. Signed when the current review is, where readers are `apart` this author's own;
        SeveralReaders when several readers read this and the review rests on no read.
        """
        try:
            return self._save_review(review, key, base_revision, seen, apart, draft)
        except IntegrityError:  # another process was first; now its row can be seen
            return self._save_review(review, key, base_revision, seen, apart, draft)

    def _save_review(
        self, review: Review, key: str, base_revision: int, seen: DraftVersion | None, apart: bool, draft: str
    ) -> Review:
        with self._write() as session:
            saved = session.scalar(select(ReviewRow).where(ReviewRow.key == key))
            if saved is not None:
                return self._review(session, saved)
            known_image(session, review.image_sha256)
            if review.prediction_id is not None:
                known_prediction(session, review.prediction_id)
            current = self._current(session, review.image_sha256, review.question)
            refuse_stale(current, base_revision)
            self._refuse_closed(session, review, current, apart)
            row = mapping.review_row(replace(review, revision=base_revision + 1), key)
            session.add(row)
            self._drop(session, review.author, review.image_sha256, review.question, (key, draft), seen)
            return self._review(session, row)

    def _refuse_closed(self, session: Session, review: Review, current: Review | None, apart: bool) -> None:
        sha, question = review.image_sha256, review.question
        self._refuse_signed(session, self._current(session, sha, question, review.author) if apart else current)
        if not review.rests_on and (sha, question) in self._read_by_several(session, sha):
            raise SeveralReaders(READERS_ONLY)

    def revision(self, sha256: str, question: Question, revision: int) -> Review | None:
        """That revision, or None when there is none."""
        with self._read() as session:
            where = (*self._of(session, ReviewRow, sha256, question), ReviewRow.revision == revision)
            row = session.scalar(select(ReviewRow).where(*where).order_by(ReviewRow.seq.desc()).limit(1))
            return row and self._review(session, row)

    def has_read(self, author: str, sha256: str, question: Question) -> bool:
        """Whether this reader has saved a read of their own; skipping is none, and neither is an answer accepted unseen."""
        with self._read() as session:
            mine = self._of(session, ReviewRow, sha256, question)
            where = (*mine, ReviewRow.author == author, ReviewRow.verdict.not_in(NO_READ))
            return session.scalar(select(ReviewRow.seq).where(*where).limit(1)) is not None

    def read_times(self, author: str, shas: Collection[str]) -> dict[str, list[tuple[Question, datetime]]]:
        """Of these images (a few) what this reader was asked when they saved a read of their own, and when that was."""
        if not shas:
            return {}
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.created_at
        mine = ReviewRow.author == author, ReviewRow.image_sha256.in_(shas), ReviewRow.verdict.not_in(NO_READ)
        found: dict[str, list[tuple[Question, datetime]]] = {}
        with self._read() as session:
            moved = self._dictionary(session).moved
            for sha, task, labels, at in session.execute(select(*columns).where(*mine)):
                found.setdefault(sha, []).append((question_now(mapping.question_of(task, labels), moved), at))
        return found

    def current_review(self, sha256: str, question: Question, author: str | None = None) -> Review | None:
        """The highest revision, by one author or by anybody; None when they have not reviewed this. It may be an `UNSEEN` one."""
        with self._read() as session:
            current = partial(self._current, session, sha256, question, author)
            return once(session, ("current review", sha256, question, author), current)

    def current_reviews(self, shas: Collection[str] | None = None) -> list[Review]:
        """The highest revision of every question of every image that is not retired, or of these (a few) of them, in the order in
        which they were saved.

        None that nobody has looked at.
        """
        newest = select(func.max(ReviewRow.seq)).where(seen()).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels)
        newest = newest if shas is None else newest.where(ReviewRow.image_sha256.in_(shas))
        kept = ReviewRow.image_sha256.not_in(retired_shas(among=shas))
        query = select(ReviewRow).where(ReviewRow.seq.in_(newest), kept).order_by(ReviewRow.seq)
        with self._read() as session:
            found = [self._review(session, row) for row in session.scalars(query)]
        current = {(r.image_sha256, r.question): r for r in found}  # the newest, where labels of several questions were merged
        return sorted(current.values(), key=found.index) if len(current) < len(found) else found

    def usable_reviews(self, shas: Collection[str] | None = None) -> list[Review]:
        """Current reviews that say what is in the image: accepted or corrected, and not one among several readers'."""
        unsettled = self.unsettled(shas)
        return [r for r in self.current_reviews(shas) if r.verdict in USABLE and (r.image_sha256, r.question) not in unsettled]

    def each_usable(self) -> Iterator[Review]:
        """`usable_reviews` of all images, of one moment, of which only a few are in memory."""
        with self._read() as session:
            numbers = self._usable(session)
        for start in range(0, len(numbers), CHUNK):
            query = select(ReviewRow).where(ReviewRow.seq.in_(numbers[start : start + CHUNK])).order_by(ReviewRow.seq)
            with self._read() as session:
                part = [self._review(session, row) for row in session.scalars(query)]
            yield from part

    def _usable(self, session: Session) -> list[int]:
        """The numbers of the usable reviews, in order."""
        newest = select(func.max(ReviewRow.seq)).where(seen()).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels)
        columns = ReviewRow.seq, ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.verdict
        kept = ReviewRow.seq.in_(newest), ReviewRow.image_sha256.not_in(retired_shas())
        moved, unsettled = self._dictionary(session).moved, self._unsettled(session)
        current: dict[tuple[str, Question], tuple[int, str]] = {}
        for seq, sha, task, labels, verdict in session.execute(select(*columns).where(*kept).order_by(ReviewRow.seq)):
            current[sha, question_now(mapping.question_of(task, labels), moved)] = seq, verdict
        return sorted(seq for about, (seq, verdict) in current.items() if verdict in USABLE and about not in unsettled)

    def reviews(self, images: Images = None, author: str | None = None, *, unseen: bool = False) -> list[Review]:
        """Every revision of one image, of some (a few), or of all that are not retired, by one author or anybody, oldest first.

        With `unseen` also those that are nobody's word on the image.
        """
        query = of_image(select(ReviewRow), ReviewRow.image_sha256, images).where(seen(unseen)).order_by(ReviewRow.seq)
        query = query if images is not None else query.where(*counts(ReviewRow.image_sha256, author))
        if author is not None:
            query = query.where(ReviewRow.author == author)
        with self._read() as session:
            return [self._review(session, row) for row in session.scalars(query)]

    def reviewed_images(self) -> frozenset[str]:
        """The sha256 of every image with a review of any question; cheap, for finding what is left to do."""
        with self._read() as session:
            return frozenset(session.scalars(select(ReviewRow.image_sha256).where(seen()).distinct()))

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
            known_image(session, sha256)
            if seen is not None and seen[0] != key:
                self._drop_seen(session, author, sha256, question, seen)
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

    def drafts(self, sha256: str, question: Question, author: str | None = None) -> list[StoredDraft]:
        """Unsaved work on an image and question, of one reader or of all, oldest first."""
        with self._read() as session:
            where = self._of(session, DraftRow, sha256, question) + ((DraftRow.author == author,) if author is not None else ())
            rows = session.scalars(select(DraftRow).where(*where).order_by(DraftRow.saved_at))
            return [self._draft(session, row) for row in rows]

    def drop_draft(self, author: str, sha256: str, question: Question, key: str = "", seen: DraftVersion | None = None) -> None:
        """The draft of that key, and the one it went on from as it was then. Nothing happens when there is none."""
        with self._write() as session:
            self._drop(session, author, sha256, question, (key,), seen)

    def _current(self, session: Session, sha256: str, question: Question, author: str | None = None) -> Review | None:
        """The newest review; one that nobody has looked at stands behind all others. Where merged labels brought several
        questions together, its revision is the highest of them."""
        of = self._of(session, ReviewRow, sha256, question)
        where = of if author is None else (*of, ReviewRow.author == author)
        row = session.scalar(
            select(ReviewRow).where(*where).order_by(ReviewRow.verdict.in_(UNSEEN), ReviewRow.seq.desc()).limit(1)
        )
        if row is None:
            return None
        highest = session.scalar(select(func.max(ReviewRow.revision)).where(*where))
        return replace(self._review(session, row), revision=highest)

    def _drop(
        self, session: Session, author: str, sha256: str, question: Question, keys: tuple[str, ...], seen: DraftVersion | None
    ) -> None:
        of = self._of(session, DraftRow, sha256, question)
        session.execute(delete(DraftRow).where(DraftRow.author == author, *of, DraftRow.key.in_(keys)))
        if seen is not None:
            self._drop_seen(session, author, sha256, question, seen)

    def _drop_seen(self, session: Session, author: str, sha256: str, question: Question, seen: DraftVersion) -> None:
        key, saved_at = seen
        of = self._of(session, DraftRow, sha256, question)
        where = (DraftRow.author == author, *of, DraftRow.key == key, DraftRow.saved_at == saved_at)
        session.execute(delete(DraftRow).where(*where))


def _given_by(
    model: str, adapter: str | None, experts: tuple[str, ...], versions: Collection[str | None]
) -> tuple[ColumnElement[bool], ...]:
    """Answers by this model with this adapter and these experts; of these versions of the model, if any are named."""
    of = [PredictionRow.version.is_not_distinct_from(v) for v in versions]
    beside = PredictionRow.experts.is_not_distinct_from(mapping.dump_texts(experts))
    by = PredictionRow.model == model, PredictionRow.adapter.is_not_distinct_from(adapter)
    return *by, or_(*of) if of else true(), beside


def _image_row(session: Session, sha256: str) -> ImageRow | None:
    return session.scalar(select(ImageRow).where(ImageRow.sha256 == sha256))


def known_image(session: Session, sha256: str) -> ImageRow:
    row = _image_row(session, sha256)
    if row is None:
        raise NotFound("There is no image {id}; upload it again.", id=sha256[:12])
    return row


def known_prediction(session: Session, id: str) -> PredictionRow:
    row = session.scalar(select(PredictionRow).where(PredictionRow.id == id))
    if row is None:
        raise NotFound("There is no prediction {id}; open the image again.", id=id)
    return row


def refuse_stale(current: Review | None, base_revision: int) -> None:
    if (current.revision if current else 0) == base_revision:
        return
    if current is None:
        raise StaleSave("The review you started from is not stored; open the image again. Your draft is kept.")
    raise StaleSave(
        "{reader} saved this image at {time} UTC, after you had opened it. Your draft is kept; open the image again to compare.",
        reader=current.author,
        time=f"{current.created_at:%Y-%m-%d %H:%M}",
    )
