"""Every image gets its answer while nobody needs the machine: at night, in a break, between two questions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition, Thread

from pdc.domain.errors import PdcError
from pdc.domain.message import Message
from pdc.domain.values import Question
from pdc.review.ahead.unanswered import Unanswered
from pdc.review.requests import Priority
from pdc.review.service import ReviewService
from pdc.store.together.duty import Duty

log = logging.getLogger(__name__)
QUIET = 5.0  # seconds without a reader's question before the next answer is begun
LOOK_EVERY = 2.0  # seconds between two looks whether the machine is idle
SWEEP_EVERY = 30.0  # seconds between two looks whether there is more to answer
AFTER_ERROR = 60.0  # seconds before the next image is tried after one failed
FAILED = Message("Answering in the background failed; the log says why. The image is asked about again when you open it.")


@dataclass(frozen=True, slots=True)
class PoolState:
    """How many of the images have an answer by what serves now, or a review; how many of these answers are still to be made anew
    from more looks; and what went wrong last, if anything did."""

    answered: int = 0
    total: int = 0
    anew: int = 0
    error: Message | None = None


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
        self._unanswered = Unanswered(service, first)
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
            elif (n := self._next()) is not None:
                pause = self._answer(n)
            else:
                pause = SWEEP_EVERY

    def _wait(self, seconds: float) -> bool:
        """Whether it was stopped meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopped, seconds)

    def _next(self) -> int | None:
        """The number of the next image; what has changed since is taken in."""
        n = self._unanswered.next()
        self._count()
        return n

    def _count(self, error: Message | None = None) -> None:
        of = self._unanswered
        self._state = PoolState(of.answered, of.total, of.anew, error or self._state.error)

    def _answer(self, n: int) -> float:
        """Ask; how many seconds to wait before the next one."""
        image = self.service.store.numbered_image(n)
        try:
            if question := self._unanswered.question(n, image.sha256):
                if self.service.asked(question) is not None:  # else nothing of it was taught to the model
                    self.service.answer(image, question, Priority.POOL, looks=self.service.unhurried(question))
                self._unanswered.done(n)
            self._state = replace(self._state, error=None)
            self._count()
            return 0.0
        except PdcError as error:
            log.warning("Answering %s in the background: %s", image.sha256[:12], error)
            return self._fail(n, error.message)
        except Exception:
            log.exception("Answering %s in the background failed", image.sha256[:12])
            return self._fail(n, FAILED)

    def _fail(self, n: int, said: Message) -> float:
        self._unanswered.failed(n)
        self._count(said)
        return AFTER_ERROR
