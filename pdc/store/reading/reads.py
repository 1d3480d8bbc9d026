"""The store's half about reads: what each of several readers made of an image, in lines of revisions that do not meet.

Reads are no reviews: no list, export, history or training run that goes by reviews finds any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pdc.domain.errors import SeveralReaders
from pdc.domain.label_changes import question_now
from pdc.domain.values import Question, Review, Verdict
from pdc.store import mapping
from pdc.store.database import Images, of_image, once, some
from pdc.store.image_queries import counts
from pdc.store.reading.readers import Place
from pdc.store.reading.records import Read, ReadLine, ReadTask
from pdc.store.reading.tables import ReadRow
from pdc.store.review_queries import DraftVersion, ReviewQueries, known_image, known_prediction, refuse_stale

NOT_GIVEN = "{reader} is not asked to read this image any more, so nothing was saved. Your draft is kept."
SETTLED = "The consensus of the readers has been made, so this read is closed. Your draft is kept."


class ReadQueries(ReviewQueries):
    """Only ever added. A read belongs to its reader and turn; under labels renamed since it is found again."""

    def save_read(
        self, review: Review, *, turn: int, key: str, base_revision: int, seen: DraftVersion | None = None, draft: str = ""
    ) -> Review:
        """Append a revision to the line of its author; the rest is as with `save_review`.

        SeveralReaders when its author is not asked to read this, or a consensus rests on it already; Signed
        when the read is signed; StaleSave when another tab of the reader saved in between.
        """
        try:
            return self._save_read(review, turn, key, base_revision, seen, draft)
        except IntegrityError:  # another process was first; now its row can be seen
            return self._save_read(review, turn, key, base_revision, seen, draft)

    def _save_read(
        self, review: Review, turn: int, key: str, base_revision: int, seen: DraftVersion | None, draft: str
    ) -> Review:
        sha, question = review.image_sha256, self.question_now(review.question)
        with self._write() as session:
            saved = session.scalar(select(ReadRow).where(ReadRow.key == key))
            if saved is not None:
                return self._review_of(session, saved)
            known_image(session, sha)
            if review.prediction_id is not None:
                known_prediction(session, review.prediction_id)
            if (sha, question, review.author, turn) not in self._given(session, sha):
                raise SeveralReaders(NOT_GIVEN, reader=review.author)
            current = self._current_read(session, sha, question, review.author, turn)
            if current and current.id in self._consensus_bases(session, sha).get((sha, question), ()):
                raise SeveralReaders(SETTLED)
            refuse_stale(current, base_revision)
            self._refuse_signed(session, current)
            row = _row(replace(review, revision=base_revision + 1), key, turn)
            session.add(row)
            self._drop(session, review.author, sha, review.question, (key, draft), seen)
            return self._review_of(session, row)

    def current_read(self, sha256: str, question: Question, reader: str, turn: int) -> Review | None:
        """The highest revision, also one that skips."""
        with self._read() as session:
            return self._current_read(session, sha256, question, reader, turn)

    def read_revisions(self, sha256: str, question: Question, reader: str | None = None) -> list[Read]:
        """Every revision of one reader's reads or of everybody's, oldest first."""
        with self._read() as session:
            where = self._of(session, ReadRow, sha256, question)
            where = where if reader is None else (*where, ReadRow.author == reader)
            return self._reads(session, select(ReadRow).where(*where))

    def reads(self, sha256: str, question: Question) -> Mapping[str, Review]:
        """Reader -> their last finished read of their first turn. Whoever was withdrawn is left out."""
        asked = self.question_now(question)
        return {r.review.author: r.review for r in self.all_reads(sha256) if r.turn == 1 and r.review.question == asked}

    def all_reads(self, sha256: str | None = None) -> list[Read]:
        """The last finished read of each turn of each reader, of one image or of all that are not retired, oldest first.

        A turn above 1 is the same image given to the same reader again. Whoever was withdrawn is left out.
        """
        with self._read() as session:
            given, of = self._given(session, sha256), (ReadRow.image_sha256, ReadRow.task, ReadRow.labels)
            newest = of_image(select(func.max(ReadRow.seq)), ReadRow.image_sha256, sha256)
            query = select(ReadRow).where(ReadRow.seq.in_(newest.group_by(*of, ReadRow.author, ReadRow.turn)))
            found = self._reads(session, query if sha256 else query.where(*counts(ReadRow.image_sha256)))
        last = {_place(read): read for read in found}
        return [r for place, r in last.items() if place in given and r.review.verdict is not Verdict.SKIPPED]

    def read_tasks(self, images: Images = None) -> list[ReadTask]:
        """What each reader is asked to read of these images, in the order in which it was given."""
        with self._read() as session:
            return list(once(session, ("read tasks", some(images)), lambda: self._read_tasks(session, images)))

    def _read_tasks(self, session: Session, images: Images) -> tuple[ReadTask, ...]:
        last = self._last(session, images)
        return tuple(ReadTask(event, last.get(place)) for place, event in self._given(session, images).items())

    def _last(self, session: Session, images: Images) -> dict[Place, ReadLine]:
        """The newest read of each reader and turn."""
        columns = (
            ReadRow.image_sha256,
            ReadRow.task,
            ReadRow.labels,
            ReadRow.author,
            ReadRow.turn,
            ReadRow.id,
            ReadRow.verdict,
            ReadRow.revision,
            ReadRow.created_at,
        )
        moved = self._dictionary(session).moved
        query = of_image(select(*columns), ReadRow.image_sha256, images).order_by(ReadRow.seq)
        return {
            (sha, question_now(mapping.question_of(task, labels), moved), author, turn): ReadLine(id, Verdict(verdict), n, at)
            for sha, task, labels, author, turn, id, verdict, n, at in session.execute(query)
        }

    def _current_read(self, session: Session, sha256: str, question: Question, reader: str, turn: int) -> Review | None:
        where = (*self._of(session, ReadRow, sha256, question), ReadRow.author == reader, ReadRow.turn == turn)
        row = session.scalar(select(ReadRow).where(*where).order_by(ReadRow.seq.desc()).limit(1))
        if row is None:
            return None
        highest = session.scalar(select(func.max(ReadRow.revision)).where(*where))
        return replace(self._review_of(session, row), revision=highest)

    def _reads(self, session: Session, query: Select[ReadRow]) -> list[Read]:
        return [Read(self._review_of(session, row), row.turn) for row in session.scalars(query.order_by(ReadRow.seq))]

    def _review_of(self, session: Session, row: ReadRow) -> Review:
        return self._named(session, _read(row))


def _place(read: Read) -> Place:
    return read.review.image_sha256, read.review.question, read.review.author, read.turn


def _read(row: ReadRow) -> Review:
    return Review(
        id=row.id,
        image_sha256=row.image_sha256,
        question=mapping.question_of(row.task, row.labels),
        prediction_id=row.prediction_id,
        verdict=Verdict(row.verdict),
        findings=mapping.load_findings(row.findings),
        author=row.author,
        revision=row.revision,
        created_at=row.created_at,
        blind=row.blind,
    )


def _row(review: Review, key: str, turn: int) -> ReadRow:
    task, labels = mapping.question_key(review.question)
    return ReadRow(
        id=review.id,
        key=key,
        image_sha256=review.image_sha256,
        task=task,
        labels=labels,
        prediction_id=review.prediction_id,
        verdict=str(review.verdict),
        findings=mapping.dump_findings(review.findings),
        author=review.author,
        turn=turn,
        revision=review.revision,
        created_at=review.created_at,
        blind=review.blind,
    )
