"""The store's half about what reviews have shown: read once, in the order in which they came, and kept as sums.

A new review of an image takes the place of the one before, so what each image has added is kept too. Several processes may
read on at once: whoever is second finds that the place where it began has moved, and keeps nothing.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

from sqlalchemy import Select, func, inspect, select
from sqlalchemy.orm import Session

from pdc.domain.values import Task
from pdc.store.image_queries import RETIREMENT
from pdc.store.label_queries import LabelQueries
from pdc.store.learnt.tables import EditCountRow, LearntUntilRow, ScoreNeighbourRow, ScoreShareRow, ScoreSumRow
from pdc.store.mapping import dump
from pdc.store.records import EditCount, ScoreKey
from pdc.store.tables import EventRow, ReviewRow

REVIEWS, EVENTS = "reviews", "events"
STEPS = 1000  # of scores between 0 and 1 that are told apart
POINTS = 400  # of a curve over all images, at most

Share = Mapping[ScoreKey, Sequence[tuple[float, bool]]]
"""per key the score of each mark that was reviewed, and whether it was right"""


Sums = TypeVar("Sums", ScoreSumRow, ScoreNeighbourRow)


@dataclass(frozen=True, slots=True)
class Unlearnt:
    """Reviews that nobody has learnt from: where they begin, where they end, their images and their ids."""

    begins: Mapping[str, int]
    ends: Mapping[str, int]
    images: tuple[str, ...]
    reviews: frozenset[str]


class LearntQueries(LabelQueries):
    def unlearnt(self, most: int) -> Unlearnt | None:
        """At most so many reviews, and retirements, that nobody has learnt from; None when there are none."""
        with self._read() as session:
            begins = {source: self._until(session, source) for source in (REVIEWS, EVENTS)}
            new = select(ReviewRow.seq, ReviewRow.image_sha256, ReviewRow.id).where(ReviewRow.seq > begins[REVIEWS])
            reviews = session.execute(new.order_by(ReviewRow.seq).limit(most)).all()
            moved = select(EventRow.seq, EventRow.image_sha256).where(EventRow.seq > begins[EVENTS])
            moved = moved.where(EventRow.kind.in_(RETIREMENT), EventRow.reader.is_(None)).order_by(EventRow.seq).limit(most)
            events = session.execute(moved).all()
        if not reviews and not events:
            return None
        ends = {
            REVIEWS: max([begins[REVIEWS], *(r.seq for r in reviews)]),
            EVENTS: max([begins[EVENTS], *(e.seq for e in events)]),
        }
        images = dict.fromkeys([*(r.image_sha256 for r in reviews), *(e.image_sha256 for e in events)])
        return Unlearnt(begins, ends, tuple(images), frozenset(r.id for r in reviews))

    def learnt_until(self) -> tuple[int, int]:
        """Changes whenever something was learnt."""
        with self._read() as session:
            return self._until(session, REVIEWS), self._until(session, EVENTS)

    def _until(self, session: Session, source: str) -> int:
        return session.scalar(select(LearntUntilRow.seq).where(LearntUntilRow.source == source)) or 0

    def keep_learnt(
        self, new: Unlearnt, shares: Mapping[str, Share], edits: Iterable[tuple[str, int, str | None]], mean_of: int
    ) -> bool:
        """What these reviews have shown, or False where somebody else has kept it meanwhile.

        `shares`: per image what it adds to the sums from now on. `edits`: (review, edits, adapter) of first reviews, in their
        order; a mean is over `mean_of` of them.
        """
        with self._write() as session:
            if any(self._until(session, source) != seq for source, seq in new.begins.items()):
                return False
            for source, seq in new.ends.items():
                session.merge(LearntUntilRow(source=source, seq=seq))
            _add_shares(session, shares)
            _add_edits(session, edits, mean_of)
            return True

    def score_sums(self) -> dict[ScoreKey, Counter[tuple[float, bool]]]:
        """How many marks of each score were right, and wrong, by the names that labels have now."""
        found: dict[ScoreKey, Counter[tuple[float, bool]]] = defaultdict(Counter)
        with self._read() as session:
            moved = self._dictionary(session).moved
            for row in session.scalars(select(ScoreSumRow).where(ScoreSumRow.right + ScoreSumRow.wrong > 0)):
                of = found[_key(row, moved.get(row.label, row.label))]
                of.update({(row.score / STEPS, right): n for right, n in ((True, row.right), (False, row.wrong)) if n})
        return dict(found)

    def score_neighbours(self) -> dict[ScoreKey, set[ScoreKey]]:
        """The labels whose marks were scored in one image, each with all of them and itself."""
        found: dict[ScoreKey, set[ScoreKey]] = defaultdict(set)
        with self._read() as session:
            moved = self._dictionary(session).moved
            for row in session.scalars(select(ScoreNeighbourRow).where(ScoreNeighbourRow.images > 0)):
                found[_key(row, moved.get(row.label, row.label))].add(_key(row, moved.get(row.other, row.other)))
        return dict(found)

    def edit_counts(self) -> list[EditCount]:
        """Edits an image, in the order of first reviews: all of them, or evenly chosen ones where there are very many."""
        with self._read() as session:
            last = session.scalar(select(func.max(EditCountRow.number))) or 0
            every = -(-last // POINTS) or 1
            rows = session.scalars(_numbered(range(every, last + 1, every)))
            return [EditCount(r.number, r.edits, r.mean, r.adapter) for r in rows]


def _numbered(numbers: Sequence[int]) -> Select[EditCountRow]:
    return select(EditCountRow).where(EditCountRow.number.in_(numbers)).order_by(EditCountRow.number)


def _key(row: ScoreSumRow | ScoreNeighbourRow, label: str) -> ScoreKey:
    return Task(row.task), row.adapter or None, row.looks, label


def _columns(key: ScoreKey) -> tuple[str, str, int, str]:
    task, adapter, looks, label = key
    return str(task), adapter or "", looks, label


def _add_shares(session: Session, shares: Mapping[str, Share]) -> None:
    """Put each image's share in the place of what it added before."""
    sums, neighbours = Counter[tuple](), Counter[tuple]()
    kept = select(ScoreShareRow).where(ScoreShareRow.image_sha256.in_(shares))
    before = {row.image_sha256: row for row in session.scalars(kept)}
    for sha256, share in shares.items():
        marks = [(*_columns(key), round(score * STEPS), right) for key, scored in share.items() for score, right in scored]
        if row := before.get(sha256):
            _count(sums, neighbours, [tuple(m) for m in json.loads(row.share)], -1)
            row.share = dump(marks)
        else:
            session.add(ScoreShareRow(image_sha256=sha256, share=dump(marks)))
        _count(sums, neighbours, marks, 1)
    known = _known(session, ScoreSumRow, {mark[:-1] for mark in sums})
    for (*mark, right), n in sums.items():
        row = known.get(tuple(mark)) or _new(session, known, ScoreSumRow, mark, right=0, wrong=0)
        row.right, row.wrong = row.right + n * right, row.wrong + n * (not right)
    near = _known(session, ScoreNeighbourRow, neighbours)
    for pair, n in neighbours.items():
        row = near.get(pair) or _new(session, near, ScoreNeighbourRow, pair, images=0)
        row.images += n


def _known(session: Session, table: type[Sums], keys: Iterable[tuple]) -> dict[tuple, Sums]:
    """The rows of these keys, by the key."""
    *of, last = columns = inspect(table).primary_key
    groups: dict[tuple, set] = defaultdict(set)
    for *key, value in keys:
        groups[tuple(key)].add(value)
    found: dict[tuple, Sums] = {}
    for key, values in groups.items():
        query = select(table).where(*(column == value for column, value in zip(of, key, strict=True)), last.in_(values))
        found |= {tuple(getattr(row, column.name) for column in columns): row for row in session.scalars(query)}
    return found


def _count(sums: Counter, neighbours: Counter, marks: Sequence[tuple], by: int) -> None:
    for mark in marks:
        sums[mark] += by
    labels = {mark[:4] for mark in marks}
    for one, other in [*permutations(labels, 2), *((label, label) for label in labels)]:
        if one[:3] == other[:3]:
            neighbours[*one, other[3]] += by


def _new(session: Session, known: dict[tuple, Sums], table: type[Sums], names: Sequence, **numbers: int) -> Sums:
    columns = [c.name for c in inspect(table).primary_key]
    known[tuple(names)] = row = table(**dict(zip(columns, names, strict=True)), **numbers)
    session.add(row)
    return row


def _add_edits(session: Session, edits: Iterable[tuple[str, int, str | None]], mean_of: int) -> None:
    last = session.scalars(select(EditCountRow).order_by(EditCountRow.number.desc()).limit(mean_of - 1)).all()
    recent, number = [r.edits for r in reversed(last)], last[0].number if last else 0
    for review, n, adapter in edits:
        number, recent = number + 1, [*recent, n][-mean_of:]
        mean = sum(recent) / len(recent)
        session.add(EditCountRow(number=number, review_id=review, edits=n, mean=mean, adapter=adapter))
