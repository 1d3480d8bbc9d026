"""Whoever does jobs: threads of the app, or `pdc work`, on any machine that shares the database."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Event, Lock, Thread

from pdc.domain.errors import PdcError, StoreUnavailable
from pdc.domain.message import Message
from pdc.jobs.kinds import Asked, Ended, Kind, Kinds, Report, Result
from pdc.logs import REQUEST
from pdc.store.jobs.queries import SILENT
from pdc.store.jobs.records import Job, JobState
from pdc.store.store import Store

log = logging.getLogger(__name__)
BEAT_SECONDS = 5.0
LOOK_SECONDS = 2.0  # between two looks for a job, where none was added here
TELL_SECONDS = 1.0  # between two notes of how far a job is
AT_ONCE = 2  # jobs of one kind that one process does beside each other
FAILED = Message("This failed by a fault of PDC; the log says more. Try it again, or tell whoever runs PDC.")


class Worker:
    """Takes jobs of these kinds until it is stopped, a thread each. `start` and `stop`, or `run` in the calling thread."""

    def __init__(
        self,
        store: Store,
        kinds: Kinds,
        names: Collection[str] | None = None,
        *,
        at_once: int = AT_ONCE,
        beat: float = BEAT_SECONDS,
        silent: float = SILENT,
    ) -> None:
        self.store, self.kinds, self.beat, self.silent, self.at_once = store, kinds, beat, silent, at_once
        self.names = [kinds.get_kind(name).name for name in (names or kinds)]
        self.name = f"{platform.node()}:{os.getpid()}:{token_hex(4)}"
        self._stopped, self._wake = Event(), Event()
        self._running, self._changed = Counter[str](), Lock()
        self._threads: set[Thread] = set()
        self._thread = Thread(target=self.run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look for a job now."""
        self._wake.set()

    def stop(self, seconds: float = 10) -> None:
        """`end`, and wait so long for what is being done."""
        self.end()
        deadline = time.monotonic() + seconds
        for thread in [self._thread, *self._threads]:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def end(self) -> None:
        """Take no more; what is being done ends at its next step, and is put back for the next worker."""
        self._stopped.set()
        self._wake.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            if not self._begin_one():
                self._wake.wait(LOOK_SECONDS)

    def run_all(self) -> int:
        """Do what waits, one after the other, and return how many jobs that were."""
        done = 0
        while not self._stopped.is_set() and (job := self.store.take_job(self.names, self.name, self.silent)):
            self.do(job)
            done += 1
        return done

    def _begin_one(self) -> bool:
        """Whether a job was found."""
        try:
            free = [name for name in self.names if self._running[name] < self.at_once]
            job = self.store.take_job(free, self.name, self.silent) if free else None
        except StoreUnavailable as error:
            log.warning("Jobs are not looked for: %s", error)
            return False
        if job is None:
            return False
        thread = Thread(target=self._do, args=(job,), name=f"job {job.id}", daemon=True)
        with self._changed:
            self._running[job.kind] += 1
            self._threads.add(thread)
        thread.start()
        return True

    def _do(self, job: Job) -> None:
        try:
            self.do(job)
        except StoreUnavailable as error:
            log.warning("Job %s is left to the next worker: %s", job.id, error)
        finally:
            with self._changed:
                self._running[job.kind] -= 1
                self._threads = {thread for thread in self._threads if thread.is_alive()}
            self._wake.set()

    def do(self, job: Job) -> None:
        """To its end, or until it is to end."""
        held, token = Held(self.store, job, self.name, self._stopped, self.beat), REQUEST.set(f"job-{job.id}")
        with held:
            state, result, error = self._outcome(job, held)
        REQUEST.reset(token)
        if state is JobState.CANCELLED and self._stopped.is_set() and not held.cancelled:
            self.store.release_job(job.id, self.name)
        else:
            self.store.end_job(job.id, self.name, state, result=result, error=error)

    def _outcome(self, job: Job, held: Held) -> tuple[JobState, Result | None, str | None]:
        """How it ended."""
        try:
            asked = {**job.asked, "job": job.id, "by": job.by}
            return JobState.DONE, self.kinds[job.kind].work(asked, held.report, held.to_end), None
        except Ended:
            return JobState.CANCELLED, None, None
        except PdcError as error:
            return JobState.FAILED, None, error.message
        except Exception:
            log.exception("Job %s (%s) failed", job.id, job.kind)
            return JobState.FAILED, None, FAILED


class Hand:
    """Jobs that a process does itself, beside its own way of telling: they are listed with the others, and where the process dies
    a worker goes on with them, unless they count as tried often enough."""

    def __init__(self, store: Store) -> None:
        self.store, self.name, self._never = store, f"{platform.node()}:{os.getpid()}:{token_hex(4)}", Event()

    @contextmanager
    def does(self, kind: Kind, asked: Asked, by: str, tries: int = 1) -> Iterator[Report]:
        """A job while the block lasts. Ended leaves it cancelled, any other error failed; BadSetting where it cannot begin."""
        alone = kind.alone({**asked, "by": by})
        job = self.store.add_job(kind.name, asked, by, alone=alone, worker=self.name, tries=tries)
        state, error = JobState.FAILED, FAILED
        try:
            with Held(self.store, job, self.name, self._never, BEAT_SECONDS) as held:
                yield held.report
            state, error = JobState.DONE, None
        except Ended:
            state, error = JobState.CANCELLED, None
            raise
        except PdcError as said:
            error = said.message
            raise
        finally:
            self.store.end_job(job.id, self.name, state, error=error)


class Held:
    """A job while a worker does it: beats for it from the side, and knows whether it is to end."""

    def __init__(self, store: Store, job: Job, worker: str, stopped: Event, beat: float) -> None:
        self.store, self.id, self.worker, self.stopped, self.beat = store, job.id, worker, stopped, beat
        self.cancelled, self.lost = job.cancelled_by is not None, False
        self._told: tuple[int, int | None, str] | None = None
        self._next, self._done, self._once = 0.0, Event(), Lock()
        self._thread = Thread(target=self._beat, name=f"beat of job {job.id}", daemon=True)

    def __enter__(self) -> Held:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The last that was told is kept."""
        self._done.set()
        self._thread.join()
        self._tell()

    def to_end(self) -> bool:
        return self.cancelled or self.lost or self.stopped.is_set()

    def report(self, done: int, total: int | None, words: str) -> None:
        """Noted at most once a second. Ended once the job is to end."""
        self._told = done, total, words
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL_SECONDS
            self._tell()
        if self.to_end():
            raise Ended

    def _beat(self) -> None:
        while not self._done.wait(self.beat):
            self._tell()

    def _tell(self) -> None:
        """A database that does not answer now is told the next time: somebody else takes over only if it stays so."""
        with self._once:
            try:
                now = self.store.beat_job(self.id, self.worker, self._told)
            except StoreUnavailable as error:
                log.warning("Job %s could not say how far it is: %s", self.id, error)
                return
            self.lost = now is None
            self.cancelled = now is not None and now.cancelled_by is not None
