"""The store's half about images: which are retired or held back from exports, what became of them, current reviews some at a
time, and likenesses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from pdc.domain.label_changes import question_now
from pdc.domain.values import UNSEEN, Image, Question, Review, Verdict
from pdc.store import mapping
from pdc.store.database import Columns, pieces
from pdc.store.reading.readers import ReaderQueries
from pdc.store.reading.records import Signature, Subject
from pdc.store.reading.signatures import SignatureQueries
from pdc.store.records import Event, EventKind
from pdc.store.tables import EventRow, ImageRow, LikenessRow, OwnerRow, ReviewRow

CHUNK = 500
IMPORTED = "import "  # begins the key under which an imported review is saved; its id and its file follow
RETIREMENT = EventKind.RETIRED, EventKind.RESTORED
HOLDING = EventKind.HELD_BACK, EventKind.RELEASED


def retired_shas(owner: str | None = None, among: Collection[str] | None = None) -> Select[str]:
    """The images that are retired now: for everybody, or the own ones of `owner`; of all, or `among` these (a few)."""
    newest = _newest_of(RETIREMENT, owner, among).subquery()
    return select(newest.c.image_sha256).where(newest.c.kind == str(EventKind.RETIRED))


def counts(
    sha256: InstrumentedAttribute[str], author: str | None = None, among: Collection[str] | None = None
) -> tuple[ColumnElement[bool], ...]:
    """That an image is retired neither for everybody nor by this author for themselves; `among` as for `retired_shas`."""
    return tuple(sha256.not_in(retired_shas(owner, among)) for owner in dict.fromkeys((None, author)))


def seen(unseen: bool = False) -> ColumnElement[bool]:
    """That a review is somebody's word on the image; with `unseen` any revision will do."""
    return true() if unseen else ReviewRow.verdict.not_in(UNSEEN)


def _newest_of(kinds: Sequence[EventKind], owner: str | None, among: Collection[str] | None = None) -> Select[str, str]:
    """(sha256, kind) of the newest event of these kinds of each image."""
    of_these = EventRow.kind.in_([str(kind) for kind in kinds])
    last = select(func.max(EventRow.seq)).where(of_these, _whose(owner)).group_by(EventRow.image_sha256)
    last = last if among is None else last.where(EventRow.image_sha256.in_(among))
    return select(EventRow.image_sha256, EventRow.kind).where(EventRow.seq.in_(last))


def _among(query: Select[*Columns], of: Collection[str] | None) -> Iterator[Select[*Columns]]:
    """The query of events as it is, or for some of these images at a time."""
    if of is None:
        yield query
    else:
        yield from (query.where(EventRow.image_sha256.in_(some)) for some in pieces(of))


def _seq(row: EventRow) -> int:
    return row.seq


def _whose(owner: str | None) -> ColumnElement[bool]:
    return EventRow.reader.is_(None) if owner is None else EventRow.reader == owner


@dataclass(frozen=True, slots=True)
class Current:
    """An image with its current reviews, oldest first. `signed`: the id of each that is signed now, with its signature;
    `unsettled`: several readers read it, and there is no consensus yet."""

    image: Image
    reviews: tuple[Review, ...]
    signed: Mapping[str, Signature]
    unsettled: bool


def _stored_images(session: Session) -> Iterator[Image]:
    """Those that are not retired, oldest first, some at a time."""
    first: int | None = 0
    while first is not None:
        images, first = _images_after(session, first)
        yield from images


def _images_after(session: Session, seq: int) -> tuple[list[Image], int | None]:
    """Some of those that are not retired, and after which number to go on; None: nowhere."""
    rows = session.scalars(select(ImageRow).where(ImageRow.seq > seq).order_by(ImageRow.seq).limit(CHUNK)).all()
    retired = set(session.scalars(retired_shas(among=[row.sha256 for row in rows])))
    return [mapping.image(row) for row in rows if row.sha256 not in retired], rows[-1].seq if rows else None


class ImageQueries(ReaderQueries, SignatureQueries):
    """What is known about images, read without holding all of it. Nothing of a retired image is erased: it is only left out."""

    def retired(self, owner: str | None = None, of: Collection[str] | None = None) -> dict[str, Event]:
        """sha256 -> who retired the image, when and why; of these images or of all, in the order in which they were retired."""
        newest: dict[str, Event] = {}
        for event in self.retirements(owner, of):
            newest.pop(event.image_sha256, None)
            newest[event.image_sha256] = event
        return {sha: e for sha, e in newest.items() if e.kind is EventKind.RETIRED}

    def retirements(self, owner: str | None = None, of: Collection[str] | None = None) -> list[Event]:
        """Every retirement and restoration, of these images or of all, oldest first."""
        return self._decisions(RETIREMENT, _whose(owner), of=of)

    def held_back(self, owner: str | None = None, of: Collection[str] | None = None) -> frozenset[str]:
        """The images (of these or of all) that no export may hold: held back by whoever may see everything, or of their own ones
        by `owner`."""
        newest = {
            (e.image_sha256, e.reader): e.kind for one in (None, owner) for e in self._decisions(HOLDING, _whose(one), of=of)
        }
        return frozenset(sha256 for (sha256, _), kind in newest.items() if kind is EventKind.HELD_BACK)

    def holds(self) -> list[Event]:
        """Every time that an image was held back or released, oldest first."""
        return self._decisions(HOLDING)

    def confirmations(self, of: Collection[str] | None = None) -> list[Event]:
        """Who looked at whose review of an image (of these or of all) and says that it is right, oldest first."""
        return self._decisions((EventKind.CONFIRMED,), of=of)

    def _decisions(
        self, kinds: Sequence[EventKind], *which: ColumnElement[bool], of: Collection[str] | None = None
    ) -> list[Event]:
        query = select(EventRow).where(EventRow.kind.in_([str(kind) for kind in kinds]), *which)
        with self._read() as session:
            rows = (row for part in _among(query, of) for row in session.scalars(part))
            return [Event(r.image_sha256, EventKind(r.kind), r.by, r.reader, r.note, r.at) for r in sorted(rows, key=_seq)]

    def import_files(self) -> dict[str, str]:
        """Id of each imported review -> the name of the file that it came from; empty where that was not noted."""
        query = select(ReviewRow.id, ReviewRow.key).where(ReviewRow.key.startswith(IMPORTED))
        with self._read() as session:
            return {id: key.removeprefix(f"{IMPORTED}{id}").strip() for id, key in session.execute(query)}

    def count_images(self) -> int:
        """Those that are retired too."""
        with self._read() as session:
            return session.scalar(select(func.count()).select_from(ImageRow)) or 0

    def newest_image(self) -> int:
        """The number of the image that came last; 0 where there is none."""
        with self._read() as session:
            return session.scalar(select(func.max(ImageRow.seq))) or 0

    def image_page(self, after: int, limit: int, owner: str | None = None, name: str = "") -> tuple[list[Image], int | None]:
        """Images that are not retired, oldest first, behind the number `after`; and the number to go on from, None at the end.

        Those of everybody, or what `owner` brought, under the names they gave. `name`: of those alone that have it in theirs.
        """
        named = ImageRow.name if owner is None else OwnerRow.name
        query = select(ImageRow, named).where(ImageRow.seq > after, ImageRow.sha256.not_in(retired_shas(owner)))
        if owner is not None:
            query = query.join(OwnerRow, OwnerRow.image_sha256 == ImageRow.sha256).where(OwnerRow.owner == owner)
        query = query.where(named.icontains(name, autoescape=True)) if name else query
        with self._read() as session:
            rows = session.execute(query.order_by(ImageRow.seq).limit(limit + 1)).all()
            found = [replace(mapping.image(row), name=given) for row, given in rows[:limit]]
            return found, rows[limit - 1][0].seq if len(rows) > limit else None

    def every_image(self) -> list[Image]:
        """Those that are retired too, oldest first."""
        with self._read() as session:
            return [mapping.image(row) for row in session.scalars(select(ImageRow).order_by(ImageRow.seq))]

    def each_image(self) -> Iterator[Image]:
        """Those that are not retired, oldest first, read some at a time; of several moments, if images come meanwhile."""
        first: int | None = 0
        while first is not None:
            with self._read() as session:
                images, first = _images_after(session, first)
            yield from images

    def images_by_sha(self, shas: Sequence[str]) -> dict[str, Image]:
        """Those of these images that are stored, retired ones too."""
        with self._read() as session:
            rows = [row for part in pieces(shas) for row in session.scalars(select(ImageRow).where(ImageRow.sha256.in_(part)))]
            return {row.sha256: mapping.image(row) for row in rows}

    def current_ids(self, author: str | None = None) -> dict[str, list[tuple[str, Verdict]]]:
        """sha256 -> (id, verdict) of the newest review of each question, by one author or by anybody, oldest first.

        Of what several readers read only the consensus: nothing before there is one. What was auto-accepted is here where it is
        all that is said."""
        with self._read() as session:
            return self._current_ids(session, self._unsettled(session), author)

    def _current_ids(
        self, session: Session, unsettled: Collection[Subject], author: str | None = None, shas: Collection[str] | None = None
    ) -> dict[str, list[tuple[str, Verdict]]]:
        """`current_ids`; with `shas` of these images (a few) alone."""
        unseen = ReviewRow.verdict.in_(UNSEEN)
        newest = select(func.max(ReviewRow.seq)).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, unseen)
        newest = newest if shas is None else newest.where(ReviewRow.image_sha256.in_(shas))
        newest = newest if author is None else newest.where(ReviewRow.author == author)
        kept = counts(ReviewRow.image_sha256, author, shas)
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.id, ReviewRow.verdict
        found: dict[str, dict[Question, tuple[str, Verdict]]] = {}
        moved = self._dictionary(session).moved
        for sha, task, labels, id, verdict in session.execute(
            select(*columns).where(ReviewRow.seq.in_(newest), *kept).order_by(unseen.desc(), ReviewRow.seq)
        ):
            question = question_now(mapping.question_of(task, labels), moved)
            if (sha, question) in unsettled:
                continue
            found.setdefault(sha, {}).pop(question, None)  # labels that were merged made two questions one
            found[sha][question] = id, Verdict(verdict)
        standing = {sha: [now for now in of.values() if now[1] is not Verdict.TAKEN_BACK] for sha, of in found.items()}
        return {sha: current for sha, current in standing.items() if current}

    def current_by_image(self, images: Iterable[Image] | None = None, author: str | None = None) -> Iterator[Current]:
        """Each of these images (None: all that are not retired, oldest first) with its current reviews, as `current_ids` finds
        them; an image may have none. All are of one moment, and only a few are in memory: take them soon, for a snapshot is open
        until the last one."""
        with self._read() as session:
            coming = _stored_images(session) if images is None else iter(images)
            while part := list(islice(coming, CHUNK)):
                shas = [i.sha256 for i in part]
                unsettled = self._unsettled_of(session, shas)
                several = {sha256 for sha256, _ in unsettled}
                current = self._current_ids(session, unsettled, author, shas=shas)
                ids = [id for of in current.values() for id, _ in of]
                signed, said = self._signed_among(session, ids), dict[str, list[Review]]()
                for review in self._by_id(session, ids):
                    said.setdefault(review.image_sha256, []).append(review)
                for image in part:
                    reviews = tuple(said.get(image.sha256, ()))
                    by = {r.id: signed[r.id] for r in reviews if r.id in signed}
                    yield Current(image, reviews, by, unsettled=image.sha256 in several)
                session.expunge_all()

    def reviews_by_id(self, ids: Sequence[str]) -> list[Review]:
        """Oldest first."""
        with self._read() as session:
            return self._by_id(session, ids)

    def _by_id(self, session: Session, ids: Sequence[str]) -> list[Review]:
        rows = [row for part in pieces(ids) for row in session.scalars(select(ReviewRow).where(ReviewRow.id.in_(part)))]
        return [self._review(session, row) for row in sorted(rows, key=lambda row: row.seq)]

    def likenesses(self, rule: int, of: Collection[str] | None = None) -> dict[str, str]:
        """sha256 -> what tells copies of the image, made by this version of the rule; of these images (a few) or of all."""
        query = select(LikenessRow.image_sha256, LikenessRow.text).where(LikenessRow.rule == rule)
        query = query if of is None else query.where(LikenessRow.image_sha256.in_(of))
        with self._read() as session:
            return {sha256: text for sha256, text in session.execute(query)}

    def keep_likenesses(self, rule: int, texts: Mapping[str, str]) -> None:
        """In place of those of an older rule."""
        with self._write() as session:
            for sha256, text in texts.items():
                session.merge(LikenessRow(image_sha256=sha256, rule=rule, text=text))
