"""Trainings as jobs: one at a time whoever starts it, watched by any worker, taken up again where its process died."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from databases import ready_url_of

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import RunStatus
from pdc.jobs.desk import JobDesk
from pdc.jobs.kinds import Kinds
from pdc.jobs.launching.base import Command
from pdc.jobs.training import WAITING, JobTrainer, Training, by_hand
from pdc.jobs.worker import Worker
from pdc.settings import Settings
from pdc.store import Store
from pdc.store.jobs.records import JobState, Wanted
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run


class Started:
    """A command that ends once its run folder says how: the tests write what a training would."""

    pid = None

    def __init__(self, runs: Path, command: Command) -> None:
        self.run, self.killed = Run.open(runs, command.words[-1]), False

    def code(self) -> int | None:
        return 0 if any((self.run.folder / mark).exists() for mark in ("COMPLETE", "FAILED", "STOPPED")) else None

    def kill(self) -> None:
        self.killed = True


class Launches:
    """Keeps what it was told to start, and has it end as `mark` says."""

    def __init__(self, runs: Path, mark: str = "COMPLETE") -> None:
        self.runs, self.mark, self.started = runs, mark, list[str]()

    def start(self, command: Command) -> Started:
        launched = Started(self.runs, command)
        self.started.append(launched.run.name)
        if self.mark == "FAILED":
            launched.run.mark_failed("There is nothing to learn from.")
        elif self.mark:
            (launched.run.folder / self.mark).touch()
        return launched


class Place:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, model="base")
        self.store, self.runs = Store.open(ready_url_of(folder)), self.settings.runs.resolve()
        self.launches = Launches(self.runs)
        self.kinds = Kinds.of([Training(self.settings, self.launches).kind])
        self.trainer = JobTrainer(self.settings, JobDesk(self.store, self.kinds))
        self.worker = Worker(self.store, self.kinds, beat=0.02)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


def job_of(place: Place):
    return place.store.jobs(Wanted(kinds=("train",)))[0]


def test_a_training_is_a_job_of_whoever_started_it(place: Place):
    name = place.trainer.start("ada", epochs=1)
    assert (job_of(place).asked, job_of(place).by) == ({"run": name}, "ada")
    assert place.trainer.running() == name
    waits = place.trainer.progress(name)
    assert (waits.status, waits.message) == (RunStatus.RUNNING, WAITING)
    place.worker.run_all()
    assert place.launches.started == [name]
    assert (job_of(place).state, job_of(place).result) == (JobState.DONE, {"run": name})
    assert place.trainer.running() is None


def test_two_processes_cannot_start_two_trainings_and_the_second_leaves_nothing(place: Place):
    other = JobTrainer(place.settings, place.trainer.desk)
    other.running = lambda: None  # it looked before the first was there
    name = place.trainer.start("ada")
    with pytest.raises(BadSetting, match="does that already"):
        other.start("bob")
    assert [run.name for run in Run.all(place.runs)] == [name]


def test_why_a_training_failed_is_why_the_job_did_and_it_can_be_tried_again(place: Place):
    place.launches.mark = "FAILED"
    place.trainer.start("ada")
    place.worker.run_all()
    failed = job_of(place)
    assert (failed.state, failed.error) == (JobState.FAILED, "There is nothing to learn from.")
    place.launches.mark = "COMPLETE"
    again = place.trainer.desk.retry(failed.id, "ada")
    place.worker.run_all()
    assert place.store.job(again.id).state is JobState.DONE and len(place.launches.started) == 2


def test_a_training_that_is_stopped_is_a_cancelled_job_and_ends_before_its_worker_leaves(place: Place):
    place.launches.mark = ""
    name = place.trainer.start("ada")
    does = Thread(target=place.worker.run_all)
    does.start()
    while not place.launches.started:
        pass
    place.trainer.stop(name, "bob")
    run = Run.open(place.runs, name)
    assert run.stop_asked and job_of(place).cancelled_by == "bob"
    run.mark_stopped()  # as the training does at its next step
    does.join(30)
    assert job_of(place).state is JobState.CANCELLED


def test_a_run_that_goes_on_is_watched_and_not_started_twice(place: Place, monkeypatch: pytest.MonkeyPatch):
    name = place.trainer.start("ada")
    run = Run.open(place.runs, name)
    looks = iter([True, True, False])

    def alive(_: Run) -> bool:
        if not (now := next(looks, False)):
            (run.folder / "COMPLETE").touch()
        return now

    monkeypatch.setattr("pdc.jobs.training.is_alive", alive)
    place.worker.run_all()
    assert place.launches.started == [] and job_of(place).state is JobState.DONE


def test_a_run_whose_process_was_killed_under_its_watcher_is_started_again(place: Place, monkeypatch: pytest.MonkeyPatch):
    name = place.trainer.start("ada")
    looks = iter([True, True, False])
    monkeypatch.setattr("pdc.jobs.training.is_alive", lambda _: next(looks, False))
    place.worker.run_all()
    assert place.launches.started == [name] and job_of(place).state is JobState.DONE


def test_only_a_run_that_is_there_and_not_complete_can_be_a_job(place: Place):
    with pytest.raises(NotFound, match="no run"):
        place.trainer.desk.start("train", {"run": "../x"}, "ada")
    run = Run.create(place.runs, TrainConfig("base"), "one")
    (run.folder / "COMPLETE").touch()
    with pytest.raises(BadSetting, match="complete"):
        place.trainer.desk.start("train", {"run": "one"}, "ada")


def test_a_training_begun_at_a_terminal_is_a_job_and_stands_in_the_way_of_others(place: Place):
    run = Run.create(place.runs, TrainConfig("base"), "mine")
    with by_hand(place.settings, place.store, run, "root"):
        assert (job_of(place).asked, job_of(place).state) == ({"run": "mine"}, JobState.RUNNING)
        with pytest.raises(BadSetting, match=r"mine is still training"):
            place.trainer.start("ada")
        other = Run.create(place.runs, TrainConfig("base"), "other")
        with pytest.raises(BadSetting, match="does that already"), by_hand(place.settings, place.store, other, "bob"):
            pass
    assert job_of(place).state is JobState.DONE


def test_a_training_that_a_job_began_is_no_second_job(place: Place):
    name = place.trainer.start("ada")
    with by_hand(place.settings, place.store, Run.open(place.runs, name), "root"):
        assert len(place.store.jobs()) == 1
