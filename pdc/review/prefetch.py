"""Ask the model about the next images while the reader works on this one."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from threading import Condition, Thread

from pdc.domain.errors import PdcError
from pdc.domain.message import Message
from pdc.domain.values import Image, Question
from pdc.review.requests import Priority
from pdc.review.service import ReviewService

log = logging.getLogger(__name__)
PREFETCHED_IMAGES = 5


@dataclass(frozen=True, slots=True)
class PrefetchState:
    """How many images wait for an answer, and what went wrong last, if anything did since the last good answer."""

    waiting: int
    error: Message | None = None


class Prefetcher:
    """One thread for all readers. Answers are stored as ordinary predictions; a question that has one is not asked."""

    def __init__(self, service: ReviewService) -> None:
        self.service = service
        self._changed = Condition()
        self._queues: dict[str, list[tuple[Image, Question]]] = {}
        self._busy = self._stopped = False
        self._error: Message | None = None
        self._thread: Thread | None = None

    def follow(self, reader: str, wanted: Iterable[tuple[Image, Question]]) -> None:
        """Prefetch the first of these for this reader, in this order, instead of what was asked for before."""
        first = list(islice(wanted, PREFETCHED_IMAGES))
        with self._changed:
            if self._stopped:
                return
            self._queues.pop(reader, None)
            if first:
                self._queues[reader] = first
            if self._thread is None:
                self._thread = Thread(target=self._run, name="prefetch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def now(self) -> PrefetchState:
        with self._changed:
            return PrefetchState(sum(map(len, self._queues.values())) + self._busy, self._error)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until nothing is left to ask; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queues and not self._busy, seconds)

    def stop(self, seconds: float = 10) -> None:
        """Ask nothing more; the answer that is being made is finished and stored."""
        with self._changed:
            self._stopped = True
            self._queues.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (work := self._take()) is not None:
            error = self._ask(*work)
            with self._changed:
                self._error, self._busy = error, False
                self._changed.notify_all()

    def _take(self) -> tuple[Image, Question] | None:
        """The next question; readers take turns. None after `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._queues)
            if self._stopped:
                return None
            reader = next(iter(self._queues))
            queue = self._queues.pop(reader)
            if len(queue) > 1:
                self._queues[reader] = queue[1:]
            self._busy = True
            return queue[0]

    def _ask(self, image: Image, question: Question) -> Message | None:
        try:
            if self.service.asked(question) is None:  # nothing of it that the model was taught
                return None
            self.service.answer(image, question, Priority.PREFETCH)
            return None
        except PdcError as error:
            log.warning("Prefetching %s: %s", image.sha256[:12], error)
            return error.message
        except Exception:
            log.exception("Prefetching %s failed", image.sha256[:12])
            return Message("Looking ahead failed; the log says why. The image is asked about again when you open it.")
