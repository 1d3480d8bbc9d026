"""The store's half about how much was reviewed, kept as sums: usable reviews, images of each label, reviews of each reader.

Sums are brought up to date before they are read. As names of labels change they are kept under the names of their time: images
are counted by the set of labels that they were reviewed for, and of sets there are few.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pdc.domain.errors import StoreUnavailable
from pdc.domain.label_changes import LabelChange, question_now
from pdc.domain.values import UNSEEN, USABLE, Verdict
from pdc.store.database import pieces
from pdc.store.image_queries import IMPORTED, RETIREMENT, ImageQueries
from pdc.store.learnt.tables import LearntUntilRow, ReviewerRow, ReviewPartRow, ReviewSumRow
from pdc.store.mapping import dump, question_of
from pdc.store.reading.tables import ReaderEventRow
from pdc.store.tables import EventRow, LabelEventRow, ReviewRow

log = logging.getLogger(__name__)
AT_ONCE = 300  # reviews, or images, that are summed in one transaction: a save waits for it
MOST_NEW = 500  # new reviews that are counted; a page that says more than this says "500+"
REVIEWS, EVENTS, READERS, LABELS = "summed reviews", "summed events", "summed readers", "summed labels"
IMPORT = IMPORTED.strip()
Part = tuple[str, int]
"""the labels of an image, as a JSON array, and how many of its questions have a usable review"""


class SumQueries(ImageQueries):
    """Any thread, any number of processes: whoever is second finds that the place where it began has moved."""

    def sum_up(self) -> None:
        """Read everything that was saved since; at the first start of this version that is all there is."""
        while self._catch_up():
            pass

    def count_usable(self, since: datetime | None = None) -> int:
        """How many usable reviews there are; or how many were saved after a time, at most MOST_NEW. No mark is read."""
        if since is not None:
            return self._count_new(since)
        self._catch_up()
        with self._read() as session:
            return session.scalar(select(func.sum(ReviewSumRow.usable))) or 0

    def reviewed_among(self, images: Collection[str]) -> frozenset[str]:
        """Those of these images that have a usable review."""
        self._catch_up()
        found: set[str] = set()
        with self._read() as session:
            for some in pieces(images):
                of_these = select(ReviewPartRow.image_sha256).where(ReviewPartRow.image_sha256.in_(some))
                found.update(session.scalars(of_these.where(ReviewPartRow.usable > 0)))
        return frozenset(found)

    def label_uses(self, author: str | None = None) -> dict[str, int]:
        """Label -> how many images were reviewed for it, by one author or by anybody."""
        sets = self._label_sets() if author is None else self._label_sets_of(author)
        with self._read() as session:
            moved = self._dictionary(session).moved
        used: Counter[str] = Counter()
        for labels, images in sets.items():
            used.update(dict.fromkeys({moved.get(label, label) for label in json.loads(labels)}, images))
        return dict(used)

    def reviewers(self) -> list[tuple[str, str]]:
        """Who saved usable reviews, and the source: "", or `import` and the name of a file; the most first."""
        self._catch_up()
        with self._read() as session:
            rows = session.scalars(
                select(ReviewerRow).order_by(ReviewerRow.reviews.desc(), ReviewerRow.author, ReviewerRow.source)
            )
            return [(row.author, row.source) for row in rows]

    def _label_sets(self) -> Mapping[str, int]:
        self._catch_up()
        with self._read() as session:
            return {row.labels: row.images for row in session.scalars(select(ReviewSumRow).where(ReviewSumRow.images > 0))}

    def _label_sets_of(self, author: str) -> Mapping[str, int]:
        """Of a visitor, who has few reviews."""
        query = select(ReviewRow.image_sha256, ReviewRow.labels).where(
            ReviewRow.author == author, ReviewRow.verdict.not_in(UNSEEN)
        )
        with self._read() as session:
            return Counter(_set_of(rows) for _, rows in _by_image(session.execute(query)))

    def _count_new(self, since: datetime) -> int:
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.verdict
        newest = select(*columns).where(ReviewRow.created_at > since, ReviewRow.verdict.not_in(UNSEEN))
        with self._read() as session:
            moved = self._dictionary(session).moved
            rows = session.execute(newest.order_by(ReviewRow.created_at.desc(), ReviewRow.seq.desc()).limit(MOST_NEW)).all()
            last = {
                (sha, question_now(question_of(task, labels), moved)): verdict for sha, task, labels, verdict in reversed(rows)
            }
            unsettled = self._unsettled_of(session, {sha for sha, _ in last})
        gone = self.retired(of={sha for sha, _ in last})
        kept = (subject for subject, verdict in last.items() if verdict in USABLE and subject[0] not in gone)
        return sum(subject not in unsettled for subject in kept)

    # Bringing the sums up to date

    def _catch_up(self) -> bool:
        """Whether there may be more. Where nothing can be written, as on a full disk, the sums stay as they were."""
        try:
            return self._sum_some()
        except StoreUnavailable as error:
            log.warning("Sums are shown as they were: %s", error)
            return False

    def _sum_some(self) -> bool:
        """Whether there may be more."""
        with self._read() as session:
            if not self._anything(session):
                return False
        with self._write() as session:
            begins = _begins(session)
            if _last_merge(session) > begins.get(LABELS, 0):
                _forget(session)
                begins = {}
            reviews = _new_reviews(session, begins.get(REVIEWS, 0))
            events = session.execute(_new_events(begins.get(EVENTS, 0))).all()
            readers = session.execute(_new_readers(begins.get(READERS, 0))).all()
            images = dict.fromkeys(row.image_sha256 for rows in (reviews, events, readers) for row in rows)
            _keep(session, self._parts(session, images))
            _count_reviewers(session, reviews)
            ends = {REVIEWS: reviews, EVENTS: events, READERS: readers}
            _end(session, {LABELS: _last_merge(session), **{name: rows[-1].seq for name, rows in ends.items() if rows}})
            return any(len(rows) == AT_ONCE for rows in ends.values())

    def _anything(self, session: Session) -> bool:
        """Whether something was saved since."""
        begins = _begins(session)
        newest = session.scalar(select(func.max(ReviewRow.seq))) or 0
        if newest > begins.get(REVIEWS, 0) or _last_merge(session) > begins.get(LABELS, 0):
            return True
        later = (_new_events(begins.get(EVENTS, 0)), _new_readers(begins.get(READERS, 0)))
        return any(session.execute(query.limit(1)).first() is not None for query in later)

    def _parts(self, session: Session, images: Collection[str]) -> dict[str, Part]:
        """What each of these images adds now."""
        moved, unsettled = self._dictionary(session).moved, self._unsettled_of(session, images)
        columns = ReviewRow.image_sha256, ReviewRow.labels, ReviewRow.task, ReviewRow.verdict
        found: dict[str, Part] = {sha: (dump([]), 0) for sha in images}
        for some in pieces(images):
            of_these = select(*columns).where(ReviewRow.image_sha256.in_(some), ReviewRow.verdict.not_in(UNSEEN))
            gone = _gone(session, some)
            for sha, rows in _by_image(session.execute(of_these.order_by(ReviewRow.image_sha256, ReviewRow.seq))):
                last = {question_now(question_of(row.task, row.labels), moved): row.verdict for row in rows}
                usable = sum(verdict in USABLE and (sha, question) not in unsettled for question, verdict in last.items())
                found[sha] = _set_of(rows), 0 if sha in gone else usable
        return found


def _begins(session: Session) -> dict[str, int]:
    sources = REVIEWS, EVENTS, READERS, LABELS
    rows = session.execute(select(LearntUntilRow.source, LearntUntilRow.seq).where(LearntUntilRow.source.in_(sources)))
    return {source: seq for source, seq in rows}


def _last_merge(session: Session) -> int:
    """The newest change of labels by which two questions may have become one, or one two."""
    kinds = [str(kind) for kind in (LabelChange.MERGED, LabelChange.RENAMED, LabelChange.RESTORED)]
    return session.scalar(select(func.max(LabelEventRow.seq)).where(LabelEventRow.change.in_(kinds))) or 0


def _forget(session: Session) -> None:
    for table in (ReviewPartRow, ReviewSumRow, ReviewerRow):
        session.execute(delete(table))
    session.execute(delete(LearntUntilRow).where(LearntUntilRow.source.in_((REVIEWS, EVENTS, READERS, LABELS))))


def _new_reviews(session: Session, begin: int) -> Any:
    columns = ReviewRow.seq, ReviewRow.image_sha256, ReviewRow.id, ReviewRow.key, ReviewRow.author, ReviewRow.verdict
    return session.execute(select(*columns).where(ReviewRow.seq > begin).order_by(ReviewRow.seq).limit(AT_ONCE)).all()


def _new_events(begin: int) -> Any:
    kinds = EventRow.kind.in_(list(map(str, RETIREMENT)))
    new = select(EventRow.seq, EventRow.image_sha256).where(kinds, EventRow.seq > begin, EventRow.reader.is_(None))
    return new.order_by(EventRow.seq).limit(AT_ONCE)


def _new_readers(begin: int) -> Any:
    new = select(ReaderEventRow.seq, ReaderEventRow.image_sha256).where(ReaderEventRow.seq > begin)
    return new.order_by(ReaderEventRow.seq).limit(AT_ONCE)


def _gone(session: Session, shas: Collection[str]) -> set[str]:
    """Those that are retired for everybody now."""
    kinds = EventRow.kind.in_(list(map(str, RETIREMENT)))
    of_these = select(EventRow.image_sha256, EventRow.kind).where(EventRow.image_sha256.in_(shas), kinds)
    rows = session.execute(of_these.where(EventRow.reader.is_(None)).order_by(EventRow.seq))
    return {sha for sha, kind in {sha: kind for sha, kind in rows}.items() if kind == RETIREMENT[0]}


def _by_image(rows: Iterable[Any]) -> Iterable[tuple[str, list[Any]]]:
    return ((sha, list(of)) for sha, of in groupby(rows, key=lambda row: row.image_sha256))


def _set_of(rows: Iterable[Any]) -> str:
    """The labels of all these reviews, as they were called then."""
    return dump(sorted({label for row in rows for label in json.loads(row.labels)}))


def _keep(session: Session, parts: Mapping[str, Part]) -> None:
    """Put each image's part in the place of what it added before."""
    images, usable = Counter[str](), Counter[str]()
    for sha, (labels, n) in parts.items():
        row = session.get(ReviewPartRow, sha)
        if row is None:
            session.add(ReviewPartRow(image_sha256=sha, labels=labels, usable=n))
        else:
            images[row.labels] -= 1
            usable[row.labels] -= row.usable
            row.labels, row.usable = labels, n
        images[labels] += 1
        usable[labels] += n
    for labels, n in images.items():
        row = session.get(ReviewSumRow, labels)
        if row is None:
            session.add(row := ReviewSumRow(labels=labels, images=0, usable=0))
        row.images, row.usable = row.images + n, row.usable + usable[labels]


def _count_reviewers(session: Session, reviews: Iterable[Any]) -> None:
    saved = Counter((row.author, _source(row)) for row in reviews if Verdict(row.verdict) in USABLE)
    for (author, source), n in saved.items():
        row = session.get(ReviewerRow, (author, source))
        if row is None:
            session.add(row := ReviewerRow(author=author, source=source, reviews=0))
        row.reviews += n


def _source(row: Any) -> str:
    return f"{IMPORTED}{row.key.removeprefix(f'{IMPORTED}{row.id}').strip()}".strip() if row.key.startswith(IMPORTED) else ""


def _end(session: Session, ends: Mapping[str, int]) -> None:
    for source, seq in ends.items():
        session.merge(LearntUntilRow(source=source, seq=seq))
