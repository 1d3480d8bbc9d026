"""Jobs are added, taken, told on and ended. A worker keeps its job by beating; one that is silent for too long has lost it.

Every write waits for the turn of writers, so two processes never take one job. Times are the database server's, or this
machine's for a SQLite file, so clocks of several machines need not agree.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.message import Message, from_plain, plain
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.queries import audit_row
from pdc.store.database import Database
from pdc.store.jobs.records import OPEN, Job, JobState, Wanted
from pdc.store.jobs.tables import JobRow

SILENT = 30.0  # seconds without a beat after which a worker is taken for dead
MOST_TRIES = 3
NO_JOB = "There is no job {id}."
TAKEN = "Job {id} does that already; wait until it has ended, or cancel it."
ENDED = "Job {id} has ended, so it cannot be cancelled."
STILL_OPEN = "Job {id} has not ended; cancel it first."
GAVE_UP = Message("The process that did this ended in the middle of it; the log of that machine may say why.")
ALL = Wanted()


class JobQueries(Database):
    def add_job(
        self,
        kind: str,
        asked: Mapping[str, Any],
        by: str,
        *,
        alone: str | None = None,
        parent: int | None = None,
        worker: str | None = None,
        tries: int = MOST_TRIES,
    ) -> Job:
        """A job that waits for a worker, or one that `worker` does itself: when that dies, another takes it over, where these
        are not all `tries`. BadSetting when another job of the same `alone` has not ended."""
        with self._write() as session:
            if alone and (other := _open_of(session, alone)):
                raise BadSetting(TAKEN, id=other)
            now = _now(session)
            row = JobRow(kind=kind, asked=_text(asked), state=str(JobState.QUEUED), made_by=by, made_at=now, words=_text(""))
            row.done, row.tries, row.alone, row.parent = 0, 0, alone, parent
            if worker:
                _give(row, worker, now)
                row.tries = tries
            session.add(row)
            session.flush()
            session.add(audit_row(AuditKind.JOB_STARTED, by, job=row.id, work=kind))
            return _job(row)

    def take_job(self, kinds: Collection[str], worker: str, silent: float = SILENT) -> Job | None:
        """The oldest job of these kinds that nobody does, from now on this worker's; None where there is none.

        Whose worker was silent for so many seconds is put back first; at the third time it has failed.
        """
        if not self._is_there_work(kinds, silent):
            return None
        with self._write() as session:
            now = _now(session)
            for row in session.scalars(select(JobRow).where(_is_lost(now, silent))):
                _put_back(row, now)
            session.flush()
            row = session.scalar(select(JobRow).where(_waits(kinds)).order_by(JobRow.id).limit(1))
            if row is None:
                return None
            _give(row, worker, now)
            row.tries += 1
            return _job(row)

    def _is_there_work(self, kinds: Collection[str], silent: float) -> bool:
        """Asked without waiting for writers, so that idle workers disturb nobody."""
        with self._read() as session:
            lost = _is_lost(_now(session), silent)
            return session.scalar(select(JobRow.id).where(or_(_waits(kinds), lost)).limit(1)) is not None

    def beat_job(self, id: int, worker: str, told: tuple[int, int | None, str] | None = None) -> Job | None:
        """The worker is alive, and tells how far it is: done, total, words. None when it is no longer its job."""
        with self._write() as session:
            row = _mine(session, id, worker)
            if row is None:
                return None
            row.beat_at = _now(session)
            if told:
                row.done, row.total, row.words = told[0], told[1], _text(plain(told[2]))
            return _job(row)

    def end_job(
        self, id: int, worker: str, state: JobState, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> bool:
        """Whether it was still this worker's; if not, nothing is changed."""
        with self._write() as session:
            row = _mine(session, id, worker)
            if row is None:
                return False
            _end(row, state, _now(session))
            row.result = _text(plain(result)) if result else None
            row.error = _text(plain(error)) if error else None
            return True

    def release_job(self, id: int, worker: str) -> None:
        """The worker ends before the job does: the next one goes on with it, and this try does not count."""
        with self._write() as session:
            if row := _mine(session, id, worker):
                row.state, row.worker, row.beat_at, row.tries = str(JobState.QUEUED), None, None, row.tries - 1

    def cancel_job(self, id: int, by: str) -> Job:
        """One that waits is cancelled; one that runs is asked to end. BadSetting when it has ended."""
        with self._write() as session:
            row = _known(session, id)
            if row.state not in OPEN:
                raise BadSetting(ENDED, id=id)
            if row.cancelled_by is None:
                row.cancelled_by = by
                session.add(audit_row(AuditKind.JOB_CANCELLED, by, job=id, work=row.kind))
            if row.state == JobState.QUEUED:
                _end(row, JobState.CANCELLED, _now(session))
            return _job(row)

    def retry_job(self, id: int, by: str) -> Job:
        """The same again, as a new job. BadSetting while it has not ended."""
        with self._read() as session:
            row = _known(session, id)
        if row.state in OPEN:
            raise BadSetting(STILL_OPEN, id=id)
        return self.add_job(row.kind, json.loads(row.asked), by, alone=row.alone, parent=id)

    def job(self, id: int) -> Job:
        """NotFound when there is none."""
        with self._read() as session:
            return _job(_known(session, id))

    def jobs(self, wanted: Wanted = ALL, limit: int = 20) -> list[Job]:
        """The newest first."""
        query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
        query = query.where(JobRow.made_by == wanted.by) if wanted.by is not None else query
        query = query.where(JobRow.kind.in_(wanted.kinds)) if wanted.kinds else query
        query = query.where(JobRow.state.in_(list(map(str, wanted.states)))) if wanted.states else query
        query = query.where(JobRow.id < wanted.before) if wanted.before is not None else query
        with self._read() as session:
            return [_job(row) for row in session.scalars(query)]

    def count_jobs(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self._read() as session:
            found = {state: n for state, n in session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))}
        return {str(state): found.get(str(state), 0) for state in JobState}


def _waits(kinds: Collection[str]) -> ColumnElement[bool]:
    return (JobRow.state == str(JobState.QUEUED)) & JobRow.kind.in_(list(kinds))


def _is_lost(now: datetime, silent: float) -> ColumnElement[bool]:
    return (JobRow.state == str(JobState.RUNNING)) & (JobRow.beat_at < now - timedelta(seconds=silent))


def _now(session: Session) -> datetime:
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    now = session.scalar(text("SELECT clock_timestamp()"))
    assert now is not None
    return now


def _open_of(session: Session, alone: str) -> int | None:
    return session.scalar(select(JobRow.id).where(JobRow.alone == alone, JobRow.state.in_(list(map(str, OPEN)))))


def _mine(session: Session, id: int, worker: str) -> JobRow | None:
    return session.scalar(select(JobRow).where(JobRow.id == id, JobRow.worker == worker, JobRow.state == str(JobState.RUNNING)))


def _known(session: Session, id: int) -> JobRow:
    row = session.get(JobRow, id)
    if row is None:
        raise NotFound(NO_JOB, id=id)
    return row


def _give(row: JobRow, worker: str, now: datetime) -> None:
    row.state, row.worker, row.beat_at = str(JobState.RUNNING), worker, now
    row.started_at = row.started_at or now


def _put_back(row: JobRow, now: datetime) -> None:
    if row.cancelled_by is not None:
        _end(row, JobState.CANCELLED, now)
    elif row.tries >= MOST_TRIES:
        _end(row, JobState.FAILED, now)
        row.error = _text(plain(GAVE_UP))
    else:
        row.state, row.worker, row.beat_at = str(JobState.QUEUED), None, None


def _end(row: JobRow, state: JobState, now: datetime) -> None:
    row.state, row.ended_at, row.worker = str(state), now, None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _job(row: JobRow) -> Job:
    return Job(
        row.id,
        row.kind,
        json.loads(row.asked),
        JobState(row.state),
        row.made_by,
        row.made_at,
        row.done,
        row.total,
        from_plain(json.loads(row.words)),
        row.started_at,
        row.ended_at,
        row.beat_at,
        from_plain(json.loads(row.result)) if row.result else {},
        from_plain(json.loads(row.error)) if row.error else None,
        row.tries,
        row.parent,
        row.cancelled_by,
    )
