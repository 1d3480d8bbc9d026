"""Who is answered first when several ask one model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from pdc.domain import Findings, Question, Task
from pdc.predictors.base import Answer
from pdc.predictors.queue import Priority, Queue

BLANK = Image.new("RGB", (8, 8))


class Gate:
    """Answers in order of being asked; an answer of several passes takes as long as the gate is shut."""

    def __init__(self) -> None:
        self.open, self.begun, self.done = threading.Event(), threading.Semaphore(0), []

    def predict(self, image, question) -> Answer:
        return next(p for p in self.stream(image, question) if isinstance(p, Answer))

    def predict_many(self, asked) -> list[Answer]:
        return [self.predict(*one) for one in asked]

    def stream(self, image, question, cancelled=lambda: False) -> Iterator[Findings | Answer]:
        self.begun.release()
        while not self.open.wait(0.002):
            if cancelled():
                return
            yield Findings()
        self.done.append(question.labels[0])
        yield Answer(Findings(), question.labels[0], "gate", None, "compact-1", 0.0)

    def untaught(self, question) -> tuple[str, ...]:
        return ()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def asked(queue: Queue, priority: Priority, name: str) -> threading.Thread:
    """A question on its way, in the queue or being answered when this returns."""
    waiting, free = len(queue._waiting), queue._free
    place = queue.at(priority)
    thread = threading.Thread(target=lambda: place.predict(BLANK, Question(Task.COUNTING, (name,))))
    thread.start()
    end = time.monotonic() + 5
    while len(queue._waiting) <= waiting and queue._free == free and time.monotonic() < end and thread.is_alive():
        time.sleep(0.001)
    return thread


def test_the_screen_comes_before_the_next_ones_and_those_before_bulk(gate: Gate):
    queue = Queue(gate)
    threads = [asked(queue, Priority.SCREEN, "first")]
    assert gate.begun.acquire(timeout=5)
    order = ((Priority.BULK, "bulk"), (Priority.NEXT, "next 1"), (Priority.NEXT, "next 2"), (Priority.SCREEN, "screen"))
    threads += [asked(queue, priority, name) for priority, name in order]
    gate.open.set()
    for thread in threads:
        thread.join(5)
    assert gate.done == ["first", "screen", "next 1", "next 2", "bulk"]


def test_an_answer_for_later_gives_way_to_the_screen_and_is_given_after_it(gate: Gate):
    queue = Queue(gate)
    later = asked(queue, Priority.NEXT, "later")
    assert gate.begun.acquire(timeout=5)
    screen = asked(queue, Priority.SCREEN, "screen")
    assert gate.begun.acquire(timeout=5), "it did not give way"
    gate.open.set()
    screen.join(5)
    later.join(5)
    assert gate.done == ["screen", "later"]


def test_an_error_frees_the_queue(gate: Gate):
    queue = Queue(gate)
    with pytest.raises(ZeroDivisionError), queue.turn(Priority.SCREEN):
        raise ZeroDivisionError
    gate.open.set()
    assert queue.at(Priority.BULK).predict(BLANK, Question(Task.COUNTING, ("x",))).raw == "x"


def test_a_server_is_asked_several_at_once(gate: Gate):
    queue = Queue(gate, at_once=2)
    threads = [asked(queue, Priority.BULK, name) for name in "ab"]
    assert gate.begun.acquire(timeout=5) and gate.begun.acquire(timeout=5)
    gate.open.set()
    for thread in threads:
        thread.join(5)
    assert sorted(gate.done) == ["a", "b"]


def test_the_embedded_model_answers_the_same_through_the_queue(embedded, smears):
    queue, question = Queue(embedded), Question(Task.COUNT_AND_BOX, ("red blood cell",))
    screen: list[Answer] = []

    def look() -> None:
        screen.append(queue.at(Priority.SCREEN).predict(smears[1][0], question))

    reader = threading.Timer(0.2, look)
    reader.start()
    ahead = queue.at(Priority.NEXT).predict(smears[0][0], question)
    reader.join()
    assert ahead.findings == embedded.predict(smears[0][0], question).findings
    assert screen[0].findings == embedded.predict(smears[1][0], question).findings
