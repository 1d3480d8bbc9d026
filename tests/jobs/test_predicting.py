"""The job that answers a question about all images: nothing twice, below every reader, and on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from databases import ready_url_of
from desk import ASK, Desk

from pdc.domain.errors import BadSetting
from pdc.domain.users.roles import Action
from pdc.jobs.kinds import Ended, Kind, Kinds
from pdc.jobs.launching.local import LocalLauncher
from pdc.jobs.predicting import Predicting, still_wanted
from pdc.jobs.worker import Worker
from pdc.store.jobs.records import JobState

LABELS = {"task": ASK.task.value, "labels": list(ASK.labels)}


@pytest.fixture
def desk(tmp_path: Path):
    ready_url_of(tmp_path)
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def predicting(desk: Desk, folder: Path) -> Predicting:
    return Predicting(desk.service, lambda: ASK, LocalLauncher(), folder / "jobs", {})


def worker_of(desk: Desk, work: Predicting, **how) -> Worker:
    return Worker(desk.store, Kinds.of([Kind("predict", work, takes=Action.ANSWER_ALL)]), **how)


def answers(desk: Desk) -> Counter[str]:
    return Counter(p.image_sha256 for p in desk.store.predictions())


def test_every_image_is_answered_once_also_where_the_job_is_tried_again(desk: Desk, tmp_path: Path):
    shas = {desk.image(f"{n}.png") for n in range(4)}
    worker = worker_of(desk, predicting(desk, tmp_path))
    jobs = [desk.store.add_job("predict", asked, "ada") for asked in ({}, LABELS)]
    assert worker.run_all() == 2
    assert answers(desk) == Counter(shas)
    assert [desk.store.job(j.id).result for j in jobs] == [{"images": 4, "failed": 0, "why": None}] * 2


def test_images_that_cannot_be_answered_are_counted_and_the_others_are_answered(desk: Desk, tmp_path: Path):
    desk.image("one.png")
    desk.model.broken = True
    job = desk.store.add_job("predict", {}, "ada")
    worker_of(desk, predicting(desk, tmp_path)).run_all()
    done = desk.store.job(job.id)
    assert (done.state, done.result["failed"]) == (JobState.DONE, 1)
    assert done.result["why"] == "The model is not there; install it."


def test_an_answer_that_another_process_stored_meanwhile_is_not_stored_again(desk: Desk):
    sha256 = desk.image("one.png")
    first = desk.service.answer(desk.store.image(sha256), ASK)
    late = desk.service._stored(desk.store.image(sha256), ASK, desk.model.predict(_Grey(), ASK), "", None, once=True)
    assert late == first and answers(desk) == Counter([sha256])
    again = desk.service._stored(desk.store.image(sha256), ASK, desk.model.predict(_Grey(), ASK), "", None, once=False)
    assert again != first and answers(desk)[sha256] == 2


class _Grey:
    def tobytes(self) -> bytes:
        return b"abc"


def test_parts_have_every_image_between_them_and_end_with_the_try_they_belong_to(desk: Desk, tmp_path: Path):
    shas = {desk.image(f"{n}.png") for n in range(6)}
    work, made = predicting(desk, tmp_path), desk.store.add_job("predict", {"parts": 2}, "ada")
    job = desk.store.take_job(["predict"], "w")
    assert job and job.id == made.id and still_wanted(desk.store, job.id, 1)
    found = [work.answer_part(job, part, tries=1)["images"] for part in range(2)]
    assert sum(found) == 6 and answers(desk) == Counter(shas)
    desk.store.take_job(["predict"], "another", silent=-1)
    with pytest.raises(Ended):
        work.answer_part(job, 0, tries=1)


@pytest.mark.parametrize("parts", [-1, 65])
def test_a_job_is_split_into_a_number_of_parts_that_makes_sense(desk: Desk, tmp_path: Path, parts: int):
    with pytest.raises(BadSetting, match="1 to 64 parts"):
        predicting(desk, tmp_path).check({"parts": parts})


SLOW_WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from desk import Desk
from test_predicting import predicting, worker_of
desk = Desk(Path(sys.argv[1]))
answer = desk.model.predict
desk.model.predict = lambda image, question: (time.sleep(0.2), answer(image, question))[1]
worker_of(desk, predicting(desk, Path(sys.argv[1])), beat=0.1).run_all()
"""


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_worker_is_killed_in_the_middle_and_another_finishes_its_job_without_doubles(desk: Desk, tmp_path: Path):
    shas = {desk.image(f"{n}.png") for n in range(12)}
    job = desk.store.add_job("predict", {}, "ada")
    path = os.pathsep.join(["tests/jobs", *sys.path])
    child = subprocess.Popen([sys.executable, "-c", SLOW_WORKER, str(tmp_path)], env={**os.environ, "PYTHONPATH": path})
    deadline = time.monotonic() + 120
    while len(answers(desk)) < 3:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = len(answers(desk))
    assert before < 12 and desk.store.job(job.id).state is JobState.RUNNING
    assert worker_of(desk, predicting(desk, tmp_path), silent=0).run_all() == 1
    done = desk.store.job(job.id)
    assert (done.state, done.tries, done.done) == (JobState.DONE, 2, 12)
    assert answers(desk) == Counter(shas) and len(desk.model.asked) == 12 - before
