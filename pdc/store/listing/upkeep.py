"""The store's half that keeps the rows of lists: which images were written about, and what each room sees of them now.

Several processes may work at once: whoever finds that an image was written about again, or was done by another, keeps nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from pdc.domain.values import Image
from pdc.store import mapping
from pdc.store.label_queries import LabelQueries
from pdc.store.listing.records import COLUMNS, Change, ListedRow, numbers, values_of
from pdc.store.listing.tables import (
    ImageChangeRow,
    ListBatchRow,
    ListCountRow,
    ListLabelRow,
    ListNamePartRow,
    ListNameRow,
    ListRow,
    ListStateRow,
    parts_of,
)
from pdc.store.reading.tables import ReaderEventRow
from pdc.store.records import Event, EventKind
from pdc.store.tables import EventRow, ImageRow, OwnerRow

WHO, RULES, OPENED, VERSION = "who", "rules", "opened", "version"
ROWS = ListRow.__table__
Names = Mapping[tuple[str, str], tuple[str, int]]
"""(home, sha256) -> the name by which an image is searched, and its place in the order of time"""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Placed:
    """An image in the order of time; `owner`: whose it is under this name, where images are private."""

    image: Image
    place: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A decision about an image, with its number."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class ListStanding:
    """For whom the rows were worked out, and by which rules (None before the first); whether images are `changed` since, and
    reads `due` that were given for later."""

    who: str | None
    rules: str | None
    changed: bool
    due: bool


class ListUpkeep(LabelQueries):
    def list_standing(self, now: datetime) -> ListStanding:
        """How things stand with the rows, in one look."""
        with self._read() as session:
            found = {name: value for name, value in session.execute(select(ListStateRow.name, ListStateRow.value))}
            changed = session.scalar(select(ImageChangeRow.seq).limit(1)) is not None
            due = session.scalar(_due(found.get(OPENED), now).limit(1)) is not None
        return ListStanding(found.get(WHO), found.get(RULES), changed, due)

    def set_list_state(self, who: str, rules: str, *, wipe: bool, anew: bool) -> None:
        """From now on rows are worked out for these, by these rules: all of them `anew`, and until then the old ones stay, unless
        they are to be gone (`wipe`)."""
        with self._write() as session:
            _is_another(session)
            session.merge(ListStateRow(name=WHO, value=who))
            session.merge(ListStateRow(name=RULES, value=rules))
            for table in (ListRow, ListLabelRow, ListCountRow, ListBatchRow, ListNameRow, ListNamePartRow) if wipe else ():
                session.execute(delete(table))
            if anew or wipe:
                waiting = select(ImageChangeRow.image_sha256)
                every = select(ImageRow.sha256).where(ImageRow.sha256.not_in(waiting)).order_by(ImageRow.seq)
                session.execute(insert(ImageChangeRow).from_select(["image_sha256"], every))

    def list_version(self) -> str:
        """Is another after each change of what lists show."""
        with self._read() as session:
            return _state(session, VERSION) or ""

    def open_reads_due(self, now: datetime) -> None:
        """Reads that were given for later, and are open now, change what their readers see."""
        with self._write() as session:
            shas = list(session.scalars(_due(_state(session, OPENED), now)))
            session.merge(ListStateRow(name=OPENED, value=now.isoformat()))
            if shas:
                _note(session, shas)

    def image_changes(self, most: int) -> list[Change]:
        """At most so many images that were written about, the newest first."""
        query = select(ImageChangeRow.seq, ImageChangeRow.image_sha256).order_by(ImageChangeRow.seq.desc()).limit(most)
        with self._read() as session:
            return [Change(seq, sha) for seq, sha in session.execute(query)]

    def count_changes(self) -> int:
        """How many images are to be worked out anew."""
        with self._read() as session:
            return session.scalar(select(func.count()).select_from(ImageChangeRow)) or 0

    def placed(self, shas: Collection[str], owned: bool) -> list[Placed]:
        """These images in the order of time, or each owner's, under the names that they gave."""
        with self._read() as session:
            if not owned:
                rows = session.scalars(select(ImageRow).where(ImageRow.sha256.in_(shas)).order_by(ImageRow.seq))
                return [Placed(mapping.image(row), row.seq) for row in rows]
            join = select(ImageRow, OwnerRow).join(OwnerRow, OwnerRow.image_sha256 == ImageRow.sha256)
            found = session.execute(join.where(ImageRow.sha256.in_(shas)))
            return [Placed(mapping.image(row, of.name), _micros(of.at), of.owner) for row, of in found]

    def decisions(self, shas: Collection[str]) -> list[Numbered]:
        """Everything that was decided about these images beside their reviews, oldest first."""
        query = select(EventRow).where(EventRow.image_sha256.in_(shas)).order_by(EventRow.seq)
        with self._read() as session:
            return [
                Numbered(r.seq, Event(r.image_sha256, EventKind(r.kind), r.by, r.reader, r.note, r.at))
                for r in session.scalars(query)
            ]

    def keep_listed(self, who: str, done: Sequence[Change], rows: Iterable[ListedRow], names: Names) -> int:
        """What the rooms of these readers see of the images now, in place of what they saw; how many images were kept."""
        with self._write(aside=True) as session:
            if _state(session, WHO) != who:
                return 0
            wanted = {c.sha256: c.seq for c in done}
            still = select(ImageChangeRow.image_sha256).where(ImageChangeRow.seq.in_(wanted.values()))
            shas = set(session.scalars(still))
            before, after = _kept(session, shas), {_key(row): row for row in rows if row.image_sha256 in shas}
            _is_another(session)
            _replace(session, before, after)
            _count(session, before.values(), after.values())
            _name(session, names, shas)
            session.execute(delete(ImageChangeRow).where(ImageChangeRow.seq.in_([wanted[sha] for sha in shas])))
            return len(shas)

    def list_batch(self, room: str) -> str | None:
        """The images that were chosen together, as JSON."""
        with self._read() as session:
            return session.scalar(select(ListBatchRow.images).where(ListBatchRow.room == room))

    def keep_list_batch(self, room: str, images: str, before: str | None) -> None:
        """In place of the batch `before`; where another process was first, its batch stays."""
        with self._write(aside=True) as session:
            if session.scalar(select(ListBatchRow.images).where(ListBatchRow.room == room)) == before:
                _is_another(session)
                session.merge(ListBatchRow(room=room, images=images))


def _is_another(session: Session) -> None:
    session.merge(ListStateRow(name=VERSION, value=uuid4().hex))


def _due(since: str | None, now: datetime) -> Select[str]:
    """The images that were given to somebody for a later time, which has come since."""
    later, at = ReaderEventRow.opens_at, ReaderEventRow.at
    begins = datetime.fromisoformat(since) if since else FIRST
    return select(ReaderEventRow.image_sha256).where(later > begins, later <= now, later > at).distinct()


def _state(session: Session, name: str) -> str | None:
    return session.scalar(select(ListStateRow.value).where(ListStateRow.name == name))


def _note(session: Session, shas: Collection[str]) -> None:
    session.execute(delete(ImageChangeRow).where(ImageChangeRow.image_sha256.in_(shas)))
    session.execute(insert(ImageChangeRow), [{"image_sha256": sha} for sha in shas])


def _micros(at: datetime) -> int:
    return round((at - FIRST).total_seconds() * 1_000_000)


def _key(row: ListedRow) -> tuple[str, str]:
    return row.image_sha256, row.room


def _kept(session: Session, shas: Collection[str]) -> dict[tuple[str, str], ListedRow]:
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    of = ListLabelRow.image_sha256, ListLabelRow.room, ListLabelRow.label
    for sha, room, label in session.execute(select(*of).where(of[0].in_(shas)).order_by(of[2])):
        labels[sha, room].append(label)
    rows = session.execute(select(*(ROWS.c[name] for name in COLUMNS)).where(ROWS.c.image_sha256.in_(shas)))
    return {(r.image_sha256, r.room): ListedRow(*r, labels=tuple(labels[r.image_sha256, r.room])) for r in rows}


Keyed = Mapping[tuple[str, str], ListedRow]


def _replace(session: Session, before: Keyed, after: Keyed) -> None:
    """Only what differs is written."""
    gone = [key for key, row in before.items() if after.get(key) != row]
    new = [row for key, row in after.items() if before.get(key) != row]
    for table in (ListRow, ListLabelRow) if gone else ():
        session.execute(delete(table).where(tuple_(table.image_sha256, table.room).in_(gone)))
    if new:
        session.execute(insert(ListRow), [dict(zip(COLUMNS, values_of(row), strict=True)) for row in new])
    labels = [(row.image_sha256, row.room, label) for row in new for label in row.labels]
    if labels:
        names = "image_sha256", "room", "label"
        session.execute(insert(ListLabelRow), [dict(zip(names, values, strict=True)) for values in labels])


def _count(session: Session, before: Iterable[ListedRow], after: Iterable[ListedRow]) -> None:
    """Add what the images add now, and take away what they added before."""
    by: Counter[tuple[str, str, str, str]] = Counter()
    for rows, sign in ((before, -1), (after, 1)):
        of_image: dict[str, list[ListedRow]] = defaultdict(list)
        for row in rows:
            of_image[row.image_sha256].append(row)
        for some in of_image.values():
            for key, n in numbers(some).items():
                by[key] += sign * n
    for key, n in by.items():
        if n:
            _add(session, key, n)


def _name(session: Session, names: Names, shas: set[str]) -> None:
    """A name that is there stays."""
    columns = ListNameRow.home, ListNameRow.image_sha256
    known = {(home, sha) for home, sha in session.execute(select(*columns).where(columns[1].in_(shas)))}
    new = sorted(key for key in names.keys() - known if key[1] in shas)
    if not new:
        return
    rows = [{"home": h, "image_sha256": s, "name": names[h, s][0]} for h, s in new]
    kept = session.execute(insert(ListNameRow).returning(*columns, ListNameRow.id), rows)
    parts = [
        {"home": home, "part": part, "place": names[home, sha][1], "name_id": i}
        for home, sha, i in kept
        for part in parts_of(names[home, sha][0])
    ]
    if parts:
        session.execute(insert(ListNamePartRow), parts)


def _add(session: Session, key: tuple[str, str, str, str], n: int) -> None:
    table: Any = ListCountRow.__table__
    names = "room", "kind", "name", "stage"
    where = [table.c[name] == value for name, value in zip(names, key, strict=True)]
    done: Any = session.execute(update(table).where(*where).values(n=table.c.n + literal(n)))
    if not done.rowcount:
        session.execute(insert(table).values(**dict(zip(names, key, strict=True)), n=n))
