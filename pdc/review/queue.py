"""One queue in front of a model: the image on somebody's screen before the next ones, and those before bulk work.

`Queue(predictor).at(Priority.NEXT)` is a predictor like the one behind it. A question of lower rank that is being answered
gives way within one pass of the model when one of higher rank comes, and is asked again later; what was seen of its image
is remembered, so that only its words are lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from itertools import count
from threading import Condition
from typing import TYPE_CHECKING, Protocol

from pdc.domain.values import Findings, Question
from pdc.inference.predictors.base import Answer, Predictor

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage


class Priority(IntEnum):
    SCREEN = 0
    NEXT = 1
    BULK = 2


class Streaming(Predictor, Protocol):
    """A predictor that can be stopped in the midst of an answer."""

    def stream(self, image: PilImage, question: Question, cancelled: Callable[[], bool] = ...) -> Iterator[Findings | Answer]: ...


class Queue:
    """`at_once` questions are with the predictor at a time: one for a model in this process, more for a server."""

    def __init__(self, predictor: Streaming, at_once: int = 1) -> None:
        self.predictor, self._free = predictor, at_once
        self._changed, self._numbers = Condition(), count()
        self._waiting: list[tuple[Priority, int]] = []

    def at(self, priority: Priority) -> Place:
        return Place(self, priority)

    @contextmanager
    def turn(self, priority: Priority) -> Iterator[None]:
        """Wait until nobody of higher rank, or of the same and earlier, waits and the predictor is free."""
        with self._changed:
            ticket = priority, next(self._numbers)
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def outranks(self, priority: Priority) -> bool:
        """Whether a question of higher rank waits, and would wait for this one."""
        with self._changed:
            return not self._free and bool(self._waiting) and self._waiting[0][0] < priority


class Place:
    """The predictor behind a queue, for everybody who asks with one priority."""

    def __init__(self, queue: Queue, priority: Priority) -> None:
        self.queue, self.priority = queue, priority

    def predict(self, image: PilImage, question: Question) -> Answer:
        answer = None
        while answer is None:
            with self.queue.turn(self.priority):
                answer = self._answer(image, question)
        return answer

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """As one turn: a batch does not give way once it has begun."""
        with self.queue.turn(self.priority):
            return self.queue.predictor.predict_many(asked)

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Findings | Answer]:
        """For a screen: it waits for its turn, then gives way to nobody."""
        with self.queue.turn(self.priority):
            yield from self.queue.predictor.stream(image, question, cancelled)

    def untaught(self, question: Question) -> tuple[str, ...]:
        return self.queue.predictor.untaught(question)

    def _answer(self, image: PilImage, question: Question) -> Answer | None:
        """None when it gave way."""
        if self.priority is Priority.SCREEN:
            return self.queue.predictor.predict(image, question)
        parts = self.queue.predictor.stream(image, question, lambda: self.queue.outranks(self.priority))
        return next((part for part in parts if isinstance(part, Answer)), None)
