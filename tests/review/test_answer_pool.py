"""Answers in the background: what is asked, when the pool gives way, and what it says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from desk import ASK, FOUND, Desk

from pdc.domain.values import Question, Task
from pdc.review.ahead.pool import AnswerPool, PoolState
from pdc.review.requests import Priority

OTHER = Question(Task.BOUNDING, ("platelet",))


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.model.go.set()
    desk.prefetcher.stop()


@pytest.fixture
def pool(desk: Desk, monkeypatch):
    monkeypatch.setattr("pdc.review.ahead.pool.LOOK_EVERY", 0.01)
    monkeypatch.setattr("pdc.review.ahead.pool.SWEEP_EVERY", 0.01)
    monkeypatch.setattr("pdc.review.ahead.pool.AFTER_ERROR", 0.01)
    pool = AnswerPool(desk.service, lambda: ASK, quiet=0.0)
    yield pool
    desk.model.go.set()
    pool.stop()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def answered(desk: Desk) -> list[tuple[str, Question]]:
    return [(p.image_sha256, p.question) for p in desk.store.predictions()]


def test_every_image_is_answered_once_under_its_own_question_and_reviewed_ones_are_left_alone(desk: Desk, pool: AnswerPool):
    new, asked, known, done = (desk.image(f"{n}.png") for n in "abcd")
    desk.service.answer(desk.store.image(known), ASK)
    desk.service.save(desk.service.open(done, ASK, "ada"))
    desk.service.answer(desk.store.image(asked), OTHER)
    before = len(desk.store.predictions())
    pool.start()
    until(lambda: pool.now.total and pool.now.answered == pool.now.total)
    assert pool.now.total == 4 and answered(desk)[before:] == [(new, ASK)]
    later = desk.image("e.png")
    until(lambda: (later, ASK) in answered(desk))
    assert len(desk.store.predictions()) == before + 2


def test_what_a_reader_waited_for_is_asked_again_from_more_looks_behind_all_others(desk: Desk, pool: AnswerPool):
    desk.service.unhurried = lambda question: 4
    quick, new = desk.image("a.png"), desk.image("b.png")
    desk.service.answer(desk.store.image(quick), ASK)
    pool.start()
    until(lambda: len(answered(desk)) == 3)
    assert answered(desk)[1:] == [(new, ASK), (quick, ASK)]
    assert [p.looks for p in desk.store.predictions()] == [1, 4, 4]
    until(lambda: pool.now == PoolState(answered=2, total=2, anew=0))
    assert desk.service.answer(desk.store.image(quick), OTHER).looks == 1
    until(lambda: desk.service.known(quick, OTHER).looks == 4)


def test_it_says_how_many_are_answered(desk: Desk, pool: AnswerPool):
    for n in "abc":
        desk.image(f"{n}.png")
    desk.service.answer(desk.store.images()[0], ASK)
    desk.model.go.clear()
    pool.start()
    until(lambda: len(desk.model.asked) == 2)
    assert (pool.now.answered, pool.now.total) == (1, 3)
    desk.model.go.set()
    until(lambda: pool.now.answered == 3)


def test_a_reader_who_asks_stops_it_and_its_image_is_asked_about_again(desk: Desk, pool: AnswerPool):
    later, screen = desk.image("a.png"), desk.image("b.png")
    desk.model.go.clear()
    pool.start()
    until(lambda: desk.model.asked)
    watch = desk.service.request(desk.store.image(screen), OTHER)
    desk.model.go.set()
    assert watch.result().findings == FOUND
    until(lambda: pool.now.answered == 2)
    assert answered(desk)[0] == (screen, OTHER) and (later, ASK) in answered(desk)


def test_it_waits_while_somebody_asks_and_a_while_longer(desk: Desk):
    table = desk.service.requests
    assert table.quiet_for() == float("inf")
    desk.model.go.clear()
    watch = desk.service.request(desk.store.image(desk.image("a.png")), ASK, Priority.PREFETCH)
    time.sleep(0.02)
    assert table.quiet_for() < 0.01
    desk.model.go.set()
    watch.result()
    time.sleep(0.05)
    assert 0.04 < table.quiet_for() < 10
    desk.service.request(desk.store.image(desk.image("b.png")), ASK, Priority.POOL).result()
    assert table.quiet_for() > 0.04  # its own questions are no reader's


def test_nothing_is_asked_while_the_machine_is_needed_elsewhere(desk: Desk, monkeypatch):
    monkeypatch.setattr("pdc.review.ahead.pool.LOOK_EVERY", 0.01)
    busy, looked = [True], threading.Event()

    def idle() -> bool:
        looked.set()
        return not busy[0]

    desk.image("a.png")
    pool = AnswerPool(desk.service, lambda: ASK, idle, quiet=0.0)
    pool.start()
    assert looked.wait(20)
    time.sleep(0.05)
    assert desk.model.asked == []
    busy[0] = False
    until(lambda: pool.now.answered == 1)
    pool.stop()


def test_what_fails_is_said_and_tried_once_more_behind_the_others(desk: Desk, pool: AnswerPool):
    first, second = desk.image("a.png"), desk.image("b.png")
    stream = desk.model.stream

    def failing_twice(*asked):
        desk.model.broken = len(desk.model.asked) < 2
        return stream(*asked)

    desk.model.stream = failing_twice
    pool.start()
    until(lambda: pool.now.answered == 2)
    assert sorted(sha for sha, _ in answered(desk)) == sorted([first, second]) and pool.now.error is None


def test_an_image_that_always_fails_is_given_up_until_something_changes(desk: Desk, pool: AnswerPool):
    desk.image("a.png")
    desk.model.broken = True
    pool.start()
    until(lambda: len(desk.model.asked) == 2)
    time.sleep(0.1)
    assert len(desk.model.asked) == 2 and pool.now.error == "The model is not there; install it."
    desk.model.broken = False
    desk.image("b.png")
    until(lambda: pool.now.answered == 2)


def test_stop_asks_nothing_more(desk: Desk, pool: AnswerPool):
    desk.image("a.png"), desk.image("b.png")
    desk.model.go.clear()
    pool.start()
    until(lambda: desk.model.asked)
    threading.Timer(0.05, desk.model.go.set).start()
    pool.stop()
    assert len(desk.model.asked) == 1
