"""The store's label dictionary: names that were ever used, and every change of them. A change never touches a review."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from pdc.domain.certainty.counts import chances_now
from pdc.domain.label_changes import LabelChange, LabelEvent, check_change, findings_now, fold, question_now
from pdc.domain.labels import LabelDictionary, Vocabulary
from pdc.domain.values import Prediction, Question, Review, check_label
from pdc.settings import ASSETS
from pdc.store import mapping
from pdc.store.audit.chain import Chain
from pdc.store.database import Database, Images, among, once
from pdc.store.records import StoredDraft
from pdc.store.tables import DraftRow, LabelEventRow, LabelRow, PredictionRow, ReviewRow

Said = TypeVar("Said", Review, StoredDraft)
WORDS = ASSETS / "labels.json"


@cache
def vocabulary() -> Vocabulary:
    """The words for common kinds of objects that ship with PDC."""
    said = json.loads(WORDS.read_text("utf-8"))
    return Vocabulary(said["kinds"], said["several"])


class LabelQueries(Database):
    """Changes are only ever added; the dictionary is folded from them again when there is another one."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        super().__init__(engine, chain)
        self._folded: tuple[object, LabelDictionary] | None = None

    def dictionary(self) -> LabelDictionary:
        """The labels of today, with the words for common kinds."""
        with self._read() as session:
            return self._dictionary(session)

    def labels(self) -> list[str]:
        """Those in use under today's names, alphabetical."""
        return self.dictionary().names

    def question_now(self, question: Question) -> Question:
        """The question under today's names of its labels."""
        return question_now(question, self.dictionary().moved)

    def add_label(self, label: str, by: str = "") -> None:
        """Into the dictionary, or back into it, if it is not there; BadQuestion when it cannot be a label."""
        check_label(label)
        with self._write() as session:
            now = self._dictionary(session)
            if label not in now.moved and (label not in now.labels or now.labels[label].retired):
                _append(session, label, LabelChange.ADDED, None, by)

    def change_label(self, label: str, change: LabelChange, to: str | None = None, *, by: str) -> None:
        """Append a change to the history. BadQuestion where it cannot be done."""
        with self._write() as session:
            check_change(self._dictionary(session), change, label, to)
            _append(session, label, change, to, by)

    def label_events(self) -> list[LabelEvent]:
        """Every change of every label, oldest first."""
        with self._read() as session:
            return _events(session)

    # Under today's names

    def _prediction(self, session: Session, row: PredictionRow) -> Prediction:
        said, moved = mapping.prediction(row), self._dictionary(session).moved
        found = said.findings and findings_now(said.findings, moved)
        counts = chances_now(said.counts, moved)
        like = {moved.get(label, label): share for label, share in said.likeness.items()}
        return replace(said, question=question_now(said.question, moved), findings=found, counts=counts, likeness=like)

    def _review(self, session: Session, row: ReviewRow) -> Review:
        return self._named(session, mapping.review(row))

    def _draft(self, session: Session, row: DraftRow) -> StoredDraft:
        return self._named(session, mapping.draft(row))

    def _named(self, session: Session, said: Said) -> Said:
        moved = self._dictionary(session).moved
        return replace(said, question=question_now(said.question, moved), findings=findings_now(said.findings, moved))

    def _of(self, session: Session, table: type[Any], images: Images, question: Question) -> tuple[Any, ...]:
        """The rows of these images and this question, whatever its labels were called when they were written. What the
        model said of a label before that was merged into another is no answer about the other."""
        labels = self._dictionary(session)
        moved = labels.renamed if table is PredictionRow else labels.moved
        now = question_now(question, moved)
        if now == question and set(moved.values()).isdisjoint(now.labels):
            return asks(table, images, question)
        task, asked = mapping.question_key(question)
        image = among(table.image_sha256, images)
        stored = session.scalars(select(table.labels).where(*image, table.task == task).distinct())
        same = [written for written in stored if question_now(mapping.question_of(task, written), moved) == now]
        return *image, table.task == task, table.labels.in_({asked, *same})

    def _dictionary(self, session: Session) -> LabelDictionary:
        """The labels as this transaction sees them, read once."""
        return once(session, "labels", lambda: self._as_of(session))

    def _as_of(self, session: Session) -> LabelDictionary:
        version = session.scalar(select(func.max(LabelEventRow.seq)))
        kept = self._folded
        if kept is None or kept[0] != version:
            names = sorted(session.scalars(select(LabelRow.label)))
            kept = self._folded = version, fold(names, _events(session), vocabulary())
        return kept[1]


def asks(table: type[Any], images: Images, question: Question) -> tuple[Any, ...]:
    """The rows of these images and this question under these very names."""
    task, labels = mapping.question_key(question)
    return *among(table.image_sha256, images), table.task == task, table.labels == labels


def _append(session: Session, label: str, change: LabelChange, to: str | None, by: str) -> None:
    for name in _names(label, to if change in (LabelChange.RENAMED, LabelChange.MERGED) else None):
        if session.get(LabelRow, name) is None:
            session.add(LabelRow(label=name))
    session.add(LabelEventRow(label=label, change=str(change), other=to, by=by, at=datetime.now(UTC)))
    session.flush()


def _names(*names: str | None) -> Iterable[str]:
    return (n for n in names if n is not None)


def _events(session: Session) -> list[LabelEvent]:
    rows = session.scalars(select(LabelEventRow).order_by(LabelEventRow.seq))
    return [LabelEvent(r.label, LabelChange(r.change), r.other, r.by, r.at) for r in rows]
