"""The store's half about count sessions: begun, decided in, and their sheets. Nothing is ever changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pdc.domain.errors import NotFound, StaleSave
from pdc.store import mapping
from pdc.store.counting.records import CountBegun, CountEvent, CountEventKind, KeptSheet
from pdc.store.counting.tables import CountEventRow, CountSessionRow, CountSheetRow, OpenCountRow
from pdc.store.database import Database, Images, among, once, some

SHEET_MEANWHILE = "Another sheet of this sample was kept meanwhile. Look at it, then decide whether it has to be amended."


class CountQueries(Database):
    """Sessions, their events and their sheets are only ever added."""

    def add_count_session(self, begun: CountBegun, events: Sequence[CountEvent]) -> None:
        """The session with its first events, all or none."""
        task, labels = mapping.question_key(begun.question)
        with self._write() as session:
            session.add(
                CountSessionRow(
                    id=begun.id,
                    sample=begun.sample,
                    protocol=begun.protocol,
                    task=task,
                    labels=labels,
                    chamber=begun.chamber,
                    chosen=begun.chosen,
                    by=begun.by,
                    at=begun.at,
                )
            )
            session.flush()
            session.add_all(_event_row(event) for event in events)

    def count_sessions(self) -> list[CountBegun]:
        """Every session, the newest first."""
        with self._read() as session:
            return [_begun(row) for row in session.scalars(select(CountSessionRow).order_by(CountSessionRow.seq.desc()))]

    def newest_counts(self, most: int, sample: str = "", by: str | None = None) -> list[CountBegun]:
        """So many sessions whose sample has these letters in its code, begun by one reader or by anybody, the newest first."""
        query = select(CountSessionRow).order_by(CountSessionRow.seq.desc()).limit(most)
        query = query.where(CountSessionRow.sample.icontains(sample, autoescape=True)) if sample else query
        query = query if by is None else query.where(CountSessionRow.by == by)
        with self._read() as session:
            return [_begun(row) for row in session.scalars(query)]

    def counts_begun(self, ids: Collection[str]) -> list[CountBegun]:
        """These sessions, the newest first."""
        with self._read() as session:
            found = session.scalars(
                select(CountSessionRow).where(CountSessionRow.id.in_(ids)).order_by(CountSessionRow.seq.desc())
            )
            return [_begun(row) for row in found]

    def count_session(self, id: str) -> CountBegun:
        """NotFound when there is none."""
        with self._read() as session:
            return _begun(_known_session(session, id))

    def add_count_events(self, events: Sequence[CountEvent]) -> None:
        """All or none."""
        with self._write() as session:
            session.add_all(_event_row(event) for event in events)

    def count_events(self, session_id: str | None = None, *, of: Collection[str] | None = None) -> list[CountEvent]:
        """Everything that was decided in one session, in some (`of`) or in all, oldest first."""
        query = select(CountEventRow).order_by(CountEventRow.seq)
        query = query if session_id is None else query.where(CountEventRow.session_id == session_id)
        query = query if of is None else query.where(CountEventRow.session_id.in_(of))
        with self._read() as session:
            return [_event(row) for row in session.scalars(query)]

    def open_counts(self, images: Images = None) -> list[str]:
        """The ids of the sessions that are not closed, the newest first; of those in which one of these was ever a field."""
        query = select(CountSessionRow.id).join(OpenCountRow, OpenCountRow.session_id == CountSessionRow.id)
        query = query.order_by(CountSessionRow.seq.desc())
        if images is not None:
            own = select(CountEventRow.session_id).where(*among(CountEventRow.image_sha256, images))
            query = query.where(OpenCountRow.session_id.in_(own))
        with self._read() as session:
            return list(once(session, ("open counts", some(images)), lambda: tuple(session.scalars(query))))

    def add_count_sheet(self, sheet: KeptSheet) -> None:
        """StaleSave where its session has a sheet of this revision already: somebody else was first."""
        try:
            with self._write() as session:
                newest = select(func.max(CountSheetRow.revision)).where(CountSheetRow.session_id == sheet.session)
                if (session.scalar(newest) or 0) != sheet.revision - 1:
                    raise StaleSave(SHEET_MEANWHILE)
                session.add(_sheet_row(sheet))
        except IntegrityError:
            raise StaleSave(SHEET_MEANWHILE) from None

    def count_sheets(self, session_id: str) -> list[KeptSheet]:
        """All that were kept of a session, oldest first."""
        query = select(CountSheetRow).where(CountSheetRow.session_id == session_id).order_by(CountSheetRow.revision)
        with self._read() as session:
            return [_sheet(row) for row in session.scalars(query)]

    def sheet_statuses(self, sessions: Collection[str]) -> dict[str, str]:
        """The id of each of these sessions with sheets -> the status of its newest."""
        columns = CountSheetRow.session_id, CountSheetRow.status
        query = select(*columns).where(CountSheetRow.session_id.in_(sessions)).order_by(CountSheetRow.seq)
        with self._read() as session:
            return {id: status for id, status in session.execute(query)}

    def count_sheet(self, id: str) -> KeptSheet:
        """NotFound when there is none."""
        with self._read() as session:
            row = session.scalar(select(CountSheetRow).where(CountSheetRow.id == id))
            if row is None:
                raise NotFound("There is no sheet {id}.", id=id[:12])
            return _sheet(row)


def _known_session(session: Session, id: str) -> CountSessionRow:
    row = session.scalar(select(CountSessionRow).where(CountSessionRow.id == id))
    if row is None:
        raise NotFound("There is no count {id}.", id=id[:12])
    return row


def _begun(row: CountSessionRow) -> CountBegun:
    question = mapping.question_of(row.task, row.labels)
    return CountBegun(row.id, row.sample, row.protocol, question, row.chamber, row.chosen, row.by, row.at)


def _event_row(event: CountEvent) -> CountEventRow:
    return CountEventRow(
        session_id=event.session,
        kind=str(event.kind),
        replicate=event.replicate,
        image_sha256=event.image_sha256,
        name=event.name,
        value=json.dumps(event.value, sort_keys=True, ensure_ascii=False),
        why=event.why,
        by=event.by,
        at=event.at,
    )


def _event(row: CountEventRow) -> CountEvent:
    kind, value = CountEventKind(row.kind), json.loads(row.value)
    return CountEvent(row.session_id, kind, row.by, row.at, row.replicate, row.image_sha256, row.name, value, row.why)


def _sheet_row(sheet: KeptSheet) -> CountSheetRow:
    return CountSheetRow(
        id=sheet.id,
        session_id=sheet.session,
        revision=sheet.revision,
        status=sheet.status,
        text=sheet.text,
        author=sheet.author,
        made_at=sheet.made_at,
        amends=sheet.amends,
        why=sheet.why,
    )


def _sheet(row: CountSheetRow) -> KeptSheet:
    return KeptSheet(row.id, row.session_id, row.revision, row.status, row.text, row.author, row.made_at, row.amends, row.why)
