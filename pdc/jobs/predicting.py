"""The job that answers one question about all images. A stored answer is never made anew, so it goes on after a kill.

In several parts each is a command of its own, which a launcher may start on any machine; whoever holds the job counts the
answers as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, sleep

from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.message import Message
from pdc.domain.prompts import task_from
from pdc.domain.values import Image, Question
from pdc.jobs.kinds import Asked, Cancelled, Ended, Report, Result
from pdc.jobs.launching.base import Command, Launched, Launcher
from pdc.review.requests import Priority
from pdc.review.service import ReviewService
from pdc.store.jobs.records import Job, JobState
from pdc.store.store import Store

ANSWERING = Message("Answering images")
BAD_PARTS = "A job is split into 1 to {most} parts, not into {n}."
MOST_PARTS = 64
SETTINGS = ("task", "labels", "parts")
LOOK_SECONDS, LOOK_SHARE = 2.0, 20  # between two looks; and so many times what a look takes
PART_ENDED = "A part of the job ended with code {code}; {file} says why."


@dataclass(frozen=True, slots=True)
class Share:
    """Every `of`-th image, from `part` on."""

    part: int = 0
    of: int = 1

    def has(self, image: Image) -> bool:
        return int(image.sha256[:8], 16) % self.of == self.part


WHOLE = Share()


class Predicting:
    """Does the job. `first` is the question where none is asked; `environment` is what a part's process needs to see the same
    store; `at_once`: how many questions the model takes at a time."""

    def __init__(
        self,
        service: ReviewService,
        first: Callable[[], Question],
        launcher: Launcher,
        folder: Path,
        environment: dict[str, str],
        at_once: int = 1,
    ) -> None:
        self.service, self.first, self.launcher, self.at_once = service, first, launcher, at_once
        self.folder, self.environment = folder, environment

    def check(self, asked: Asked) -> None:
        """BadSetting or BadQuestion where it cannot be done."""
        self.service.must_ask(self.question(asked))
        if not 1 <= parts_of(asked) <= MOST_PARTS:
            raise BadSetting(BAD_PARTS, most=MOST_PARTS, n=parts_of(asked))

    def question(self, asked: Asked) -> Question:
        """What is asked about every image."""
        if not asked.get("labels"):
            return self.first()
        return Question(task_from(asked.get("task") or self.first().task.value), tuple(asked["labels"]))

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        """The numbers of images, and of those that could not be answered."""
        question = self.question(asked)
        if parts_of(asked) > 1:
            return self._in_parts(asked, question, report)
        return self.answer(question, report)

    def answer(self, question: Question, report: Report, share: Share = WHOLE) -> Result:
        """What has no answer yet, an image after the other, below whatever a reader asks meanwhile."""
        images = [image for image in self.service.store.images() if share.has(image)]
        left, failed = self._left(question, images), dict[str, str]()
        done = len(images) - len(left)
        report(done, len(images), ANSWERING)
        with ThreadPoolExecutor(self.at_once) as pool:
            for some in batches(left, self.at_once):
                failed |= {name: why for name, why in pool.map(partial(self._one, question), some) if why}
                report(done := done + len(some), len(images), ANSWERING)
        return {"images": len(images), "failed": len(failed), "why": next(iter(failed.values()), None)}

    def answer_part(self, job: Job, part: int, tries: int) -> Result:
        """One of the parts of a job that another process holds, in that try of it. Ended once the job has left it."""
        store, next_look = self.service.store, 0.0

        def report(done: int, total: int | None, words: str) -> None:
            nonlocal next_look
            if monotonic() >= next_look and not still_wanted(store, job.id, tries):
                raise Ended
            next_look = next_look if monotonic() < next_look else monotonic() + LOOK_SECONDS

        return self.answer(self.question(job.asked), report, Share(part, parts_of(job.asked)))

    def _left(self, question: Question, images: Sequence[Image]) -> list[Image]:
        known = self.service.answered_images(question, self.service.unhurried(question))
        return [image for image in images if image.sha256 not in known]

    def _one(self, question: Question, image: Image) -> tuple[str, str | None]:
        """The image's name, and why it could not be answered, if it could not."""
        try:
            self.service.answer(image, question, Priority.POOL, looks=self.service.unhurried(question))
            return image.name, None
        except PdcError as error:
            return image.name, error.message

    def _in_parts(self, asked: Asked, question: Question, report: Report) -> Result:
        """Start a process a part, and count what is answered until all have ended. None of them outlives this."""
        images, parts = self.service.store.images(), list(self._started(asked))
        try:
            while any(part.code() is None for _, part in parts):
                begun = monotonic()
                report(len(images) - len(self._left(question, images)), len(images), ANSWERING)
                sleep(max(LOOK_SECONDS, LOOK_SHARE * (monotonic() - begun)))
        except BaseException:
            for _, part in parts:
                part.kill()
            raise
        left = len(self._left(question, images))
        bad = next(((part.code(), output) for output, part in parts if part.code()), None)
        if bad and left:
            raise BadSetting(PART_ENDED, code=bad[0], file=bad[1])
        return {"images": len(images), "failed": left, "why": None}

    def _started(self, asked: Asked) -> Iterator[tuple[Path, Launched]]:
        id, n = asked["job"], parts_of(asked)
        tries = self.service.store.job(id).tries
        for i in range(n):
            output = self.folder / str(id) / f"part-{i + 1}-of-{n}.txt"
            words = ("-m", "pdc", "jobs", "part", str(id), str(i), "--try", str(tries))
            yield output, self.launcher.start(Command(words, output, self.environment))


def parts_of(asked: Asked) -> int:
    """Into how many parts it is split. BadSetting where that is no number."""
    parts = asked.get("parts") or 1
    try:
        return int(parts)
    except (TypeError, ValueError):
        raise BadSetting(BAD_PARTS, most=MOST_PARTS, n=repr(parts)) from None


def still_wanted(store: Store, id: int, tries: int) -> bool:
    """Whether the job runs still, in the try that a part of it was started in."""
    job = store.job(id)
    return job.state is JobState.RUNNING and job.tries == tries and job.cancelled_by is None


def batches(images: Sequence[Image], n: int) -> Iterator[Sequence[Image]]:
    return (images[i : i + n] for i in range(0, len(images), n))
