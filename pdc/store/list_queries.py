"""The store's half that lists use: what is known about every image, without building a mark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Select, delete, func, null, select

from pdc.domain.certainty.counts import CountChances, all_right, expected
from pdc.domain.doubt import unlike
from pdc.domain.errors import NotFound
from pdc.domain.label_changes import counts_now, question_now
from pdc.domain.values import Question, Status, Task, Verdict
from pdc.store.audit.chain import Chain
from pdc.store.copy_queries import forget_copies
from pdc.store.database import Images, each_once, of_image, pieces
from pdc.store.image_queries import counts, seen
from pdc.store.label_queries import LabelQueries
from pdc.store.mapping import load_chances, load_likeness, question_of
from pdc.store.reading.tables import ReadRow
from pdc.store.records import Brought, Digest, DraftLine, Event, EventKind, ReviewLine
from pdc.store.tables import DraftRow, EventRow, ImageRow, LikenessRow, OwnerRow, PredictionRow, ReviewRow, VectorRow

CHUNK, MOST_KNOWN = 500, 20_000


class ListQueries(LabelQueries):
    """Events are only ever added. Digests are kept for a while: what they describe never changes."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        super().__init__(engine, chain)
        self._known_digests: dict[str, Digest | None] = {}

    def add_events(self, shas: Sequence[str], kind: EventKind, *, by: str, reader: str | None = None, note: str = "") -> None:
        """The same event for each image, all or none. NotFound when one is not stored."""
        at = datetime.now(UTC)
        with self._write() as session:
            known = {sha for some in pieces(shas) for sha in session.scalars(_stored(some))}
            if missing := [sha for sha in shas if sha not in known]:
                raise NotFound("There is no image {id}; upload it again.", id=missing[0][:12])
            session.add_all(EventRow(image_sha256=sha, kind=str(kind), by=by, reader=reader, note=note, at=at) for sha in shas)

    def brought(self) -> list[Brought]:
        """Who brought which image, retired ones too, oldest first."""
        with self._read() as session:
            rows = session.execute(select(OwnerRow.owner, OwnerRow.image_sha256, OwnerRow.at).order_by(OwnerRow.at))
            return [Brought(*row) for row in rows]

    def brought_by(self, owner: str) -> list[str]:
        """The sha256 of everything that this owner brought, also of what they retired."""
        with self._read() as session:
            return list(session.scalars(select(OwnerRow.image_sha256).where(OwnerRow.owner == owner)))

    def retired_by(self, by: str) -> set[str]:
        """The images that this one retired for anybody, whatever became of them since."""
        query = select(EventRow.image_sha256).where(EventRow.kind == str(EventKind.RETIRED), EventRow.by == by)
        with self._read() as session:
            return set(session.scalars(query))

    def forget(self, owner: str, shas: Sequence[str]) -> None:
        """The drafts of this owner, and what was worked out from the pixels of these images; nothing that is append-only."""
        with self._write() as session:
            session.execute(delete(DraftRow).where(DraftRow.author == owner))
            for row in (LikenessRow, VectorRow):
                session.execute(delete(row).where(row.image_sha256.in_(shas)))
            forget_copies(session, shas)

    def events(self, by: str | None = None) -> list[Event]:
        """The newest event of each kind of each image, by one reader or by all, in the order in which they came."""
        newest = select(func.max(EventRow.seq)).group_by(EventRow.image_sha256, EventRow.kind)
        if by is not None:
            newest = newest.where(EventRow.by == by)
        with self._read() as session:
            rows = session.scalars(select(EventRow).where(EventRow.seq.in_(newest)).order_by(EventRow.seq))
            return [Event(r.image_sha256, EventKind(r.kind), r.by, r.reader, r.note, r.at) for r in rows]

    def sent_back_since(self, sha256: str, at: datetime) -> bool:
        """Whether somebody asked for this image to be looked at again after that time."""
        where = (EventRow.image_sha256 == sha256, EventRow.kind == str(EventKind.SENT_BACK), EventRow.at > at)
        with self._read() as session:
            return session.scalar(select(EventRow.seq).where(*where).limit(1)) is not None

    def review_lines(self, author: str | None = None, images: Images = None, *, unseen: bool = False) -> list[ReviewLine]:
        """Every review of these images, or of all that are not retired, by one author or by all, without its marks, oldest first.

        With `unseen` also those that are nobody's word on the image.
        """
        columns = (
            ReviewRow.id,
            ReviewRow.image_sha256,
            ReviewRow.verdict,
            ReviewRow.author,
            ReviewRow.revision,
            ReviewRow.created_at,
            ReviewRow.task,
            ReviewRow.labels,
        )
        query = of_image(select(*columns), ReviewRow.image_sha256, images).where(seen(unseen)).order_by(ReviewRow.seq)
        query = query if images else query.where(*counts(ReviewRow.image_sha256, author))
        if author is not None:
            query = query.where(ReviewRow.author == author)
        with self._read() as session:
            moved = self._dictionary(session).moved
            return [
                ReviewLine(id, sha, Verdict(verdict), author, revision, at, question_now(question_of(task, labels), moved))
                for id, sha, verdict, author, revision, at, task, labels in session.execute(query)
            ]

    def known_readers(self) -> set[str]:
        """Whoever has reviewed something, or was given something to review."""
        given = EventRow.kind == str(EventKind.ASSIGNED)
        with self._read() as session:
            return {*each_once(session, ReviewRow.author), *each_once(session, EventRow.reader, given)}

    def read_since(self, author: str, at: datetime) -> dict[str, datetime]:
        """sha256 -> when this author reviewed the image last, of reviews since that time."""
        of_author = ReviewRow.author == author, ReviewRow.created_at > at, seen()
        query = select(ReviewRow.image_sha256, ReviewRow.created_at).where(*of_author)
        with self._read() as session:
            return {sha: at for sha, at in session.execute(query.order_by(ReviewRow.created_at))}

    def draft_lines(self, images: Images = None) -> list[DraftLine]:
        """Everybody's unsaved work on these images, oldest first."""
        columns = DraftRow.image_sha256, DraftRow.author, DraftRow.saved_at, DraftRow.task, DraftRow.labels, DraftRow.key
        query = of_image(select(*columns), DraftRow.image_sha256, images).order_by(DraftRow.saved_at)
        with self._read() as session:
            rows, moved = session.execute(query), self._dictionary(session).moved
            return [
                DraftLine(sha, author, at, question_now(question_of(task, labels), moved), key)
                for sha, author, at, task, labels, key in rows
            ]

    def answered_questions(self, images: Images = None) -> dict[str, dict[Question, str]]:
        """sha256 of each answered image -> its questions, the one answered last at the end -> the id of the newest answer.

        An answer about a label that was merged into another since then is left out.
        """
        table = PredictionRow
        newest = of_image(select(func.max(table.seq)), table.image_sha256, images)
        newest = newest.group_by(table.image_sha256, table.task, table.labels)
        columns = table.image_sha256, table.task, table.labels, table.id
        found: dict[str, dict[Question, str]] = {}
        with self._read() as session:
            names = self._dictionary(session)
            for sha, task, labels, id in session.execute(select(*columns).where(table.seq.in_(newest)).order_by(table.seq)):
                question = question_now(question_of(task, labels), names.renamed)
                if not names.moved.keys().isdisjoint(question.labels):
                    continue
                of = found.setdefault(sha, {})
                of.pop(question, None)  # asked under an older name of a label
                of[question] = id
        return found

    def review_digests(self, ids: Iterable[str]) -> dict[str, Digest]:
        return self._digests(ReviewRow, ids)

    def read_digests(self, ids: Iterable[str]) -> dict[str, Digest]:
        return self._digests(ReadRow, ids)

    def prediction_digests(self, ids: Iterable[str]) -> dict[str, Digest]:
        """Of the answers among these that could be read."""
        return self._digests(PredictionRow, ids)

    def _digests(self, table: type[Any], ids: Iterable[str]) -> dict[str, Digest]:
        kept, answers, wanted = self._known_digests, table is PredictionRow, list(dict.fromkeys(ids))
        known = {id: kept[id] for id in wanted if id in kept}
        missing = [id for id in wanted if id not in known]
        with self._read() as session:
            for start in range(0, len(missing), CHUNK):
                said = (table.counts, table.likeness) if answers else (null(), null())
                columns: tuple[Any, ...] = table.id, table.task, table.findings, table.labels, *said
                rows: Any = session.execute(select(*columns).where(table.id.in_(missing[start : start + CHUNK])))
                known.update({id: _digest(task, found, named, chances, like) for id, task, found, named, chances, like in rows})
            moved = self._dictionary(session).moved
        if len(kept) > MOST_KNOWN:
            self._known_digests = kept = {}
        kept.update(known)
        return {id: _now(digest, moved) for id in wanted if (digest := known.get(id)) is not None}


def _stored(shas: Sequence[str]) -> Select[str]:
    return select(ImageRow.sha256).where(ImageRow.sha256.in_(shas))


def _now(digest: Digest, moved: Mapping[str, str]) -> Digest:
    """Under today's names of its labels."""
    if moved.keys().isdisjoint((*digest.counts, *digest.asked)):
        return digest
    asked = tuple(dict.fromkeys(moved.get(n, n) for n in digest.asked))
    return replace(digest, counts=counts_now(digest.counts, moved), asked=asked)


def _digest(task: str, findings: str | None, labels: str, chances: str | None, likeness: str | None) -> Digest | None:
    if findings is None:
        return None
    value, asked, known = json.loads(findings), tuple(json.loads(labels)), load_chances(chances)
    counted = [m for m in value["marks"] if m["status"] in (Status.OPEN, Status.ACCEPTED)]
    counts = value["stated"] if task == Task.COUNTING else Counter(m["label"] for m in counted)
    none = None if any(counts.values()) else all_right({}, known, asked)
    like = load_likeness(likeness)
    strange = bool(unlike(like, [label for label, n in counts.items() if n]))
    return Digest(counts, _doubt(value["marks"], counts, known), asked, value.get("complete", True), none, strange, like)


def _doubt(marks: Sequence[Mapping[str, Any]], counts: Mapping[str, int], chances: CountChances) -> float | None:
    """How many marks are counted or left out wrongly, as far as it can be told."""
    nothing = {label: expected(of) for label, of in chances.items() if not counts.get(label)}
    scored = [m for m in marks if m["score"] is not None]
    wrong = [1 - m["score"] for m in scored if m["status"] in (Status.OPEN, Status.ACCEPTED)]
    wrong += [m["score"] for m in scored if m["status"] == Status.DOUBTFUL and m["label"] not in nothing]
    wrong += nothing.values()
    return sum(wrong) if wrong else None
