"""The store's half about who reads an image beside others, and which images have no consensus of their readers yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pdc.domain.label_changes import question_now
from pdc.domain.values import Question
from pdc.store import mapping
from pdc.store.database import Images, of_image, pieces
from pdc.store.label_queries import LabelQueries
from pdc.store.reading.records import ReaderChange, ReaderEvent, Subject
from pdc.store.reading.tables import ReaderEventRow
from pdc.store.tables import ReviewRow

Place = tuple[str, Question, str, int]
"""image, question, reader and turn"""


class ReaderQueries(LabelQueries):
    """Readers are given and withdrawn by events, which are only ever added."""

    def add_reader_events(self, events: Sequence[ReaderEvent]) -> None:
        """All or none."""
        with self._write() as session:
            session.add_all(_row(event) for event in events)

    def reader_events(self, images: Images = None) -> list[ReaderEvent]:
        """Everything that was decided about who reads these images, oldest first."""
        with self._read() as session:
            return self._reader_events(session, images)

    def unsettled(self, images: Images = None) -> frozenset[Subject]:
        """These images, or all, with the questions that several readers were asked, and of which there is no consensus: nothing
        there is truth."""
        with self._read() as session:
            return self._unsettled(session, images)

    def read_by_several(self) -> set[Subject]:
        """Images and questions that were given to several readers, settled or not."""
        with self._read() as session:
            return self._read_by_several(session)

    def consensus_bases(self, images: Images = None) -> dict[Subject, frozenset[str]]:
        """Of each image and question with a consensus of its readers: the ids of the reads that the newest one rests on."""
        with self._read() as session:
            return self._consensus_bases(session, images)

    def _reader_events(self, session: Session, images: Images = None) -> list[ReaderEvent]:
        rows = select(*ReaderEventRow.__table__.columns)  # no row objects: a list asks for all of them
        query = of_image(rows, ReaderEventRow.image_sha256, images).order_by(ReaderEventRow.seq)
        moved = self._dictionary(session).moved
        return [_event(row, question_now(mapping.question_of(row.task, row.labels), moved)) for row in session.execute(query)]

    def _given(self, session: Session, images: Images = None) -> dict[Place, ReaderEvent]:
        """Who is to read what now: of each the event by which it was given first since it was withdrawn."""
        given: dict[Place, ReaderEvent] = {}
        for event in self._reader_events(session, images):
            place = event.image_sha256, event.question, event.reader, event.turn
            if event.kind is ReaderChange.GIVEN:
                given.setdefault(place, event)
            else:
                given.pop(place, None)
        return given

    def _read_by_several(self, session: Session, images: Images = None) -> set[Subject]:
        return {(e.image_sha256, e.question) for e in self._given(session, images).values()}

    def _unsettled(self, session: Session, images: Images = None) -> frozenset[Subject]:
        given = self._read_by_several(session, images)
        return frozenset(given - self._consensus_bases(session, images).keys()) if given else frozenset()

    def _unsettled_of(self, session: Session, shas: Collection[str]) -> frozenset[Subject]:
        """The same of any number of images."""
        return frozenset(subject for some in pieces(shas) for subject in self._unsettled(session, some))

    def _consensus_bases(self, session: Session, images: Images) -> dict[Subject, frozenset[str]]:
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.rests_on
        query = of_image(select(*columns).where(ReviewRow.rests_on.is_not(None)), ReviewRow.image_sha256, images)
        moved = self._dictionary(session).moved
        return {
            (sha, question_now(mapping.question_of(task, labels), moved)): frozenset(mapping.load_texts(ids))
            for sha, task, labels, ids in session.execute(query.order_by(ReviewRow.seq))
        }


def _row(event: ReaderEvent) -> ReaderEventRow:
    task, labels = mapping.question_key(event.question)
    return ReaderEventRow(
        image_sha256=event.image_sha256,
        task=task,
        labels=labels,
        kind=str(event.kind),
        reader=event.reader,
        turn=event.turn,
        shows_model=event.shows_model,
        opens_at=event.opens_at,
        by=event.by,
        note=event.note,
        at=event.at,
    )


def _event(row: Any, question: Question) -> ReaderEvent:
    return ReaderEvent(
        row.image_sha256,
        question,
        ReaderChange(row.kind),
        row.reader,
        row.by,
        row.at,
        row.opens_at,
        row.turn,
        row.shows_model,
        row.note,
    )
