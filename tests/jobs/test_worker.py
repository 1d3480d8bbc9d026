"""Workers: they do what waits, say how far they are, end when asked, and go on where another stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from databases import ready_url_of

from pdc.domain.errors import BadSetting, NotFound
from pdc.jobs.kinds import Asked, Cancelled, Kind, Kinds, Report, Result
from pdc.jobs.worker import FAILED, Worker
from pdc.logs import REQUEST
from pdc.store import Store
from pdc.store.jobs.records import Job, JobState


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(ready_url_of(tmp_path))
    yield store
    store.close()


class Counting:
    """Counts to `asked["to"]`, a step at a time, and keeps what it has counted: as all work, it goes on from there. `hold`: at
    which number it waits until `go_on`."""

    def __init__(self, hold: int | None = None) -> None:
        self.hold, self.held, self.go_on, self.counted = hold, Event(), Event(), []

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        while len(self.counted) < asked["to"]:
            report(len(self.counted), asked["to"], "Counting")
            if len(self.counted) == self.hold:
                self.held.set()
                assert self.go_on.wait(30)
                self.hold = None
                report(len(self.counted), asked["to"], "Counting")
            self.counted.append(len(self.counted))
        report(len(self.counted), asked["to"], "Counting")
        return {"counted": self.counted, "for": asked["by"]}


def worker_of(store: Store, work: Callable[..., Result | None], beat: float = 0.02) -> Worker:
    return Worker(store, Kinds.of([Kind("count", work)]), beat=beat)


def until(said: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def state_of(store: Store, job: Job) -> JobState:
    return store.job(job.id).state


def test_a_worker_does_what_waits_and_keeps_what_came_of_it(store: Store):
    jobs = [store.add_job("count", {"to": n}, "ada") for n in (2, 3)]
    assert worker_of(store, Counting()).run_all() == 2
    done = store.job(jobs[0].id)
    assert (done.state, done.result, done.done, done.total) == (JobState.DONE, {"counted": [0, 1], "for": "ada"}, 2, 2)
    assert done.ended and done.error is None


def test_what_a_user_can_understand_is_why_a_job_failed_and_a_fault_of_ours_is_not_shown(store: Store):
    def refuses(asked: Asked, report: Report, cancelled: Cancelled) -> None:
        raise BadSetting("The folder {name} is empty.", name="x") if asked else ZeroDivisionError("secret")

    said, ours = store.add_job("count", {"to": 1}, "ada"), store.add_job("count", {}, "ada")
    Worker(store, Kinds.of([Kind("count", lambda a, r, c: refuses({k: v for k, v in a.items() if k == "to"}, r, c))])).run_all()
    assert (state_of(store, said), store.job(said.id).error) == (JobState.FAILED, "The folder x is empty.")
    assert (state_of(store, ours), store.job(ours.id).error) == (JobState.FAILED, FAILED)


def test_a_cancelled_job_ends_at_its_next_step(store: Store):
    work, job = Counting(hold=1), store.add_job("count", {"to": 3}, "ada")
    worker = worker_of(store, work)
    worker.start()
    assert work.held.wait(30)
    store.cancel_job(job.id, "ada")
    held = store.job(job.id)
    until(lambda: (store.job(job.id).heartbeat or 0) > (held.heartbeat or 0))  # it beats, and hears that it is to end
    work.go_on.set()
    until(lambda: state_of(store, job) is JobState.CANCELLED)
    worker.stop()
    assert work.counted == [0]


def test_a_job_of_a_stopped_worker_is_finished_by_the_next_without_doubles(store: Store):
    work, job = Counting(hold=2), store.add_job("count", {"to": 4}, "ada")
    first = worker_of(store, work)
    first.start()
    assert work.held.wait(30)
    ends = Thread(target=first.stop)
    ends.start()
    until(lambda: first._stopped.is_set())
    work.go_on.set()
    ends.join()
    assert (state_of(store, job), store.job(job.id).tries) == (JobState.QUEUED, 0)
    worker_of(store, work).run_all()
    assert store.job(job.id).result["counted"] == [0, 1, 2, 3]


def test_a_worker_that_lost_its_job_stops_and_changes_nothing(store: Store):
    work, job = Counting(hold=2), store.add_job("count", {"to": 4}, "ada")
    slow = worker_of(store, work, beat=60)
    slow.start()
    assert work.held.wait(30)
    taken = store.take_job(["count"], "another", silent=-1)
    assert taken and taken.id == job.id
    slow.beat = 0.01
    time.sleep(1.0)  # a note at most once a second
    work.go_on.set()
    until(lambda: not slow._running["count"])
    slow.stop()
    assert (state_of(store, job), len(work.counted)) == (JobState.RUNNING, 2)


def test_a_worker_knows_only_kinds_that_there_are(store: Store):
    with pytest.raises(NotFound, match="no kind of job called 'bake'; choose one of count"):
        Worker(store, Kinds.of([Kind("count", Counting())]), ["bake"])


def test_what_a_job_tells_the_log_has_its_number(store: Store):
    job = store.add_job("count", {}, "ada")
    worker_of(store, lambda asked, report, cancelled: {"id": REQUEST.get()}).run_all()
    assert store.job(job.id).result == {"id": f"job-{job.id}"} and REQUEST.get() is None
