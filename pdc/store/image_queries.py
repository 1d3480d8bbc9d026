"""The store's half about images: which are retired or held back from exports, what became of them, current reviews some at a
time, and likenesses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import InstrumentedAttribute

from pdc.domain.label_changes import question_now
from pdc.domain.values import UNSEEN, USABLE, Image, Question, Review, Verdict
from pdc.store import mapping
from pdc.store.reading.readers import ReaderQueries
from pdc.store.records import Event, EventKind
from pdc.store.tables import EventRow, ImageRow, LikenessRow, OwnerRow, ReviewRow

CHUNK = 500


IMPORTED = "import "  # begins the key under which an imported review is saved; its id and its file follow
RETIREMENT = EventKind.RETIRED, EventKind.RESTORED
HOLDING = EventKind.HELD_BACK, EventKind.RELEASED


def retired_shas(owner: str | None = None) -> Select[str]:
    """The images that are retired now: for everybody, or the own ones of `owner`."""
    newest = _newest_of(RETIREMENT, owner).subquery()
    return select(newest.c.image_sha256).where(newest.c.kind == str(EventKind.RETIRED))


def counts(sha256: InstrumentedAttribute[str], author: str | None = None) -> tuple[ColumnElement[bool], ...]:
    """That an image is retired neither for everybody nor by this author for themselves."""
    return tuple(sha256.not_in(retired_shas(owner)) for owner in dict.fromkeys((None, author)))


def seen(unseen: bool = False) -> ColumnElement[bool]:
    """That a review is somebody's word on the image; with `unseen` any revision will do."""
    return true() if unseen else ReviewRow.verdict.not_in(UNSEEN)


def _newest_of(kinds: Sequence[EventKind], owner: str | None) -> Select[str, str]:
    """(sha256, kind) of the newest event of these kinds of each image."""
    of_these = EventRow.kind.in_([str(kind) for kind in kinds])
    last = select(func.max(EventRow.seq)).where(of_these, _whose(owner)).group_by(EventRow.image_sha256)
    return select(EventRow.image_sha256, EventRow.kind).where(EventRow.seq.in_(last))


def _whose(owner: str | None) -> ColumnElement[bool]:
    return EventRow.reader.is_(None) if owner is None else EventRow.reader == owner


class ImageQueries(ReaderQueries):
    """What is known about images, read without holding all of it. Nothing of a retired image is erased: it is only left out."""

    def retired(self, owner: str | None = None) -> dict[str, Event]:
        """sha256 -> who retired the image, when and why; in the order in which they were retired."""
        newest: dict[str, Event] = {}
        for event in self.retirements(owner):
            newest.pop(event.image_sha256, None)
            newest[event.image_sha256] = event
        return {sha: e for sha, e in newest.items() if e.kind is EventKind.RETIRED}

    def retirements(self, owner: str | None = None) -> list[Event]:
        """Every retirement and restoration, oldest first."""
        return self._decisions(RETIREMENT, _whose(owner))

    def held_back(self, owner: str | None = None) -> frozenset[str]:
        """The images that no export may hold: held back by whoever may see everything, or of their own ones by `owner`."""
        whose = dict.fromkeys((None, owner))
        with self._read() as session:
            newest = (row for one in whose for row in session.execute(_newest_of(HOLDING, one)))
            return frozenset(sha256 for sha256, kind in newest if kind == str(EventKind.HELD_BACK))

    def holds(self) -> list[Event]:
        """Every time that an image was held back or released, oldest first."""
        return self._decisions(HOLDING)

    def confirmations(self) -> list[Event]:
        """Who looked at whose review of an image and says that it is right, oldest first."""
        return self._decisions((EventKind.CONFIRMED,))

    def _decisions(self, kinds: Sequence[EventKind], *which: ColumnElement[bool]) -> list[Event]:
        of_these = EventRow.kind.in_([str(kind) for kind in kinds])
        query = select(EventRow).where(of_these, *which).order_by(EventRow.seq)
        with self._read() as session:
            return [Event(r.image_sha256, EventKind(r.kind), r.by, r.reader, r.note, r.at) for r in session.scalars(query)]

    def import_files(self) -> dict[str, str]:
        """Id of each imported review -> the name of the file that it came from; empty where that was not noted."""
        query = select(ReviewRow.id, ReviewRow.key).where(ReviewRow.key.startswith(IMPORTED))
        with self._read() as session:
            return {id: key.removeprefix(f"{IMPORTED}{id}").strip() for id, key in session.execute(query)}

    def count_images(self) -> int:
        """Those that are retired too."""
        with self._read() as session:
            return session.scalar(select(func.count()).select_from(ImageRow)) or 0

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

    def images_by_sha(self, shas: Sequence[str]) -> dict[str, Image]:
        """Those of these images that are stored, retired ones too."""
        parts = [shas[start : start + CHUNK] for start in range(0, len(shas), CHUNK)]
        with self._read() as session:
            rows = [row for part in parts for row in session.scalars(select(ImageRow).where(ImageRow.sha256.in_(part)))]
            return {row.sha256: mapping.image(row) for row in rows}

    def count_usable(self, since: datetime | None = None) -> int:
        """How many usable reviews there are, or were saved after a time; no mark is read."""
        return sum(verdict in USABLE for current in self.current_ids(since=since).values() for _, verdict in current)

    def current_ids(self, author: str | None = None, since: datetime | None = None) -> dict[str, list[tuple[str, Verdict]]]:
        """sha256 -> (id, verdict) of the newest review of each question, by one author or by anybody, oldest first; `since`:
        of those alone that were saved after that time.

        Of what several readers read only the consensus: nothing before there is one. What was auto-accepted is here where it is
        all that is said."""
        unseen = ReviewRow.verdict.in_(UNSEEN)
        newest = select(func.max(ReviewRow.seq)).group_by(ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, unseen)
        newest = newest if author is None else newest.where(ReviewRow.author == author)
        newest = newest if since is None else newest.where(ReviewRow.created_at > since)
        kept = counts(ReviewRow.image_sha256, author)
        columns = ReviewRow.image_sha256, ReviewRow.task, ReviewRow.labels, ReviewRow.id, ReviewRow.verdict
        found: dict[str, dict[Question, tuple[str, Verdict]]] = {}
        with self._read() as session:
            moved, unsettled = self._dictionary(session).moved, self._unsettled(session)
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

    def reviews_by_id(self, ids: Sequence[str]) -> list[Review]:
        """Oldest first."""
        with self._read() as session:
            parts = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
            rows = [row for part in parts for row in session.scalars(select(ReviewRow).where(ReviewRow.id.in_(part)))]
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
