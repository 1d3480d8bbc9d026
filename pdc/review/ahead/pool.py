"""Every image gets its answer while nobody needs the machine: at night, in a break, between two questions."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Condition, Thread

from pdc.domain.errors import PdcError
from pdc.domain.message import Message
from pdc.domain.values import Image, Question
from pdc.review.questions import said_about
from pdc.review.requests import Priority
from pdc.review.service import ReviewService
from pdc.store.together.duty import Duty

log = logging.getLogger(__name__)
QUIET = 5.0  # seconds without a reader's question before the next answer is begun
LOOK_EVERY = 2.0  # seconds between two looks whether the machine is idle
SWEEP_EVERY = 30.0  # seconds between two looks whether there is more to answer
AFTER_ERROR = 60.0  # seconds before the next image is tried after one failed
NOBODY = ""  # the pool reads for no reader
FAILED = Message("Answering in the background failed; the log says why. The image is asked about again when you open it.")


@dataclass(frozen=True, slots=True)
class PoolState:
    """How many of the images have an answer by what serves now, or a review; how many of these answers are still to be made anew
    from more looks; and what went wrong last, if anything did."""

    answered: int = 0
    total: int = 0
    anew: int = 0
    error: Message | None = None

    def further(self) -> PoolState:
        """One image later: first come those without an answer."""
        if self.answered < self.total:
            return replace(self, answered=self.answered + 1, error=None)
        return replace(self, anew=max(self.anew - 1, 0), error=None)


class AnswerPool:
    """One thread, which asks for one answer at a time, below everybody else: a reader's question stops it within one pass of the
    model, and its image is asked about again later. Reviewed images are left alone; `first` is asked of those that have no
    question of their own. What a reader waited for was answered from fewer looks: that is asked again, behind all others. `idle`
    says whether the machine is free. Of several processes over one store one does this."""

    def __init__(
        self, service: ReviewService, first: Callable[[], Question], idle: Callable[[], bool] = lambda: True, quiet: float = QUIET
    ) -> None:
        self.duty = Duty(service.store, "answer pool")
        self.service, self.first, self.idle, self.quiet = service, first, idle, quiet
        self._changed = Condition()
        self._left: deque[tuple[Image, Question]] = deque()
        self._failed: set[tuple[str, Question]] = set()
        self._swept: object = None
        self._state, self._stopped = PoolState(), False
        self._thread = Thread(target=self._run, name="answer pool", daemon=True)

    @property
    def now(self) -> PoolState:
        return self._state

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 10) -> None:
        """Ask nothing more; the answer that is being made is finished and stored."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(seconds)
            self.duty.end()

    def _run(self) -> None:
        pause = 0.0
        while not self._wait(pause):
            if not (self.idle() and self.service.requests.quiet_for() >= self.quiet and self.duty.mine()):
                pause = LOOK_EVERY
            elif work := self._next():
                pause = self._answer(*work)
            else:
                pause = SWEEP_EVERY

    def _wait(self, seconds: float) -> bool:
        """Whether it was stopped meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopped, seconds)

    def _next(self) -> tuple[Image, Question] | None:
        """The next image and its question; looks again for more whenever something has changed."""
        now = self._signs()
        if not self._left and now != self._swept:
            self._swept = now
            self._left.extend(self._sweep())
        return self._left.popleft() if self._left else None

    def _signs(self) -> object:
        """Other than before once there may be more to answer: images came or went, a reader got an answer, or somebody else
        answers."""
        store, serving = self.service.store, self.service.serving
        return store.image_signs(), store.answer_sign(), serving(self.first()) if serving else None

    def _sweep(self) -> Iterator[tuple[Image, Question]]:
        """What has no answer yet and no review, then what has one from fewer looks than it would now; and how many have one."""
        said, images = said_about(self.service, NOBODY), self.service.store.images()
        given = dict(self.service.store.unsettled())
        self._failed.clear()
        open_ = [image for image in images if image.sha256 in given or image.sha256 not in said.reviews]
        wanted = [(i, given.get(i.sha256) or (own.question if (own := said.own(i.sha256)) else self.first())) for i in open_]
        questions = {question for _, question in wanted}
        answered = {q: self.service.answered_images(q) for q in questions}
        voted = {q: self.service.answered_images(q, self.service.unhurried(q)) for q in questions}
        left = [(i, q) for i, q in wanted if i.sha256 not in answered[q]]
        anew = [(i, q) for i, q in wanted if i.sha256 in answered[q] - voted[q]]
        self._state = replace(self._state, answered=len(images) - len(left), total=len(images), anew=len(anew))
        return iter([*left, *anew])

    def _answer(self, image: Image, question: Question) -> float:
        """Ask; how many seconds to wait before the next one."""
        try:
            if self.service.asked(question) is not None:  # else nothing of it was taught to the model
                self.service.answer(image, question, Priority.POOL, looks=self.service.unhurried(question))
            self._state = self._state.further()
            return 0.0
        except PdcError as error:
            log.warning("Answering %s in the background: %s", image.sha256[:12], error)
            return self._fail(image, question, error.message)
        except Exception:
            log.exception("Answering %s in the background failed", image.sha256[:12])
            return self._fail(image, question, FAILED)

    def _fail(self, image: Image, question: Question, said: Message) -> float:
        """It is tried once more, behind all others."""
        if (image.sha256, question) not in self._failed:
            self._left.append((image, question))
        self._failed.add((image.sha256, question))
        self._state = replace(self._state, error=said)
        return AFTER_ERROR
