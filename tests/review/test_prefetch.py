"""Prefetching: what is asked, when, and what happens when the model cannot."""

from __future__ import annotations

import threading
import time

import pytest
from desk import ASK, FOUND, Desk

from pdc.review.prefetch import PREFETCHED_IMAGES


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.model.go.set()
    desk.prefetcher.stop()


def wanted(desk: Desk, *names: str):
    return [(desk.store.image(desk.image(name)), ASK) for name in names]


def until(true) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_has_an_answer_is_not_asked_again(desk: Desk):
    images = wanted(desk, "a.png", "b.png")
    desk.service.answer(*images[0])
    for _ in range(2):
        desk.prefetcher.follow("ada", images)
        assert desk.prefetcher.wait(20)
    assert len(desk.model.asked) == 2 and len(desk.store.predictions()) == 2


def test_a_reader_who_opens_what_is_being_asked_waits_for_that_answer(desk: Desk):
    images = wanted(desk, "a.png")
    desk.model.go.clear()
    desk.prefetcher.follow("ada", images)
    until(lambda: desk.model.asked)
    draft = desk.service.open(images[0][0].sha256, ASK, "ada")
    found = []
    reader = threading.Thread(target=lambda: found.append(desk.service.predict(draft)))
    reader.start()
    desk.model.go.set()
    reader.join(20)
    assert found[0].findings == FOUND and len(desk.model.asked) == 1


def test_an_answer_for_later_gives_way_to_the_image_on_the_screen(desk: Desk):
    (later, _), (screen, _) = wanted(desk, "a.png", "b.png")
    desk.model.go.clear()
    desk.prefetcher.follow("ada", [(later, ASK)])
    until(lambda: desk.model.asked)
    draft = desk.service.open(screen.sha256, ASK, "ada")
    reader = threading.Thread(target=desk.service.predict, args=[draft])
    reader.start()
    until(lambda: len(desk.service.requests._in_flight) == 2)
    desk.model.go.set()
    reader.join(20)
    assert desk.prefetcher.wait(20)
    assert [p.image_sha256 for p in desk.store.predictions()] == [screen.sha256, later.sha256]


def test_a_reader_who_opens_what_is_being_prefetched_comes_before_those_who_asked_later(desk: Desk):
    images = wanted(desk, *(f"{n}.png" for n in range(7)))
    desk.model.go.clear()
    desk.prefetcher.follow("ada", images[:1])
    until(lambda: desk.model.asked)
    watches = [desk.service.request(*asked) for asked in images]  # the first of them is the one being prefetched
    desk.model.go.set()
    for watch in watches:
        watch.result()
    assert [p.image_sha256 for p in desk.store.predictions()] == [image.sha256 for image, _ in images]


def test_following_another_list_forgets_the_one_before_and_readers_take_turns(desk: Desk):
    a, b, c, d, e = wanted(desk, "a.png", "b.png", "c.png", "d.png", "e.png")
    desk.model.go.clear()
    desk.prefetcher.follow("cem", [e])
    until(lambda: desk.model.asked)
    desk.prefetcher.follow("ada", [a, b])
    desk.prefetcher.follow("ada", [c, a])
    desk.prefetcher.follow("ben", [d])
    desk.model.go.set()
    assert desk.prefetcher.wait(20)
    assert [p.image_sha256 for p in desk.store.predictions()] == [i.sha256 for i, _ in (e, c, d, a)]


def test_only_the_next_images_are_asked_about_however_long_the_list(desk: Desk):
    images = wanted(desk, *(f"{n}.png" for n in range(PREFETCHED_IMAGES + 2)))
    left = iter(images)
    desk.prefetcher.follow("ada", left)
    assert desk.prefetcher.wait(20)
    assert [p.image_sha256 for p in desk.store.predictions()] == [image.sha256 for image, _ in images[:PREFETCHED_IMAGES]]
    assert list(left) == images[PREFETCHED_IMAGES:]  # their questions were not even looked up


def test_an_error_is_shown_until_the_next_answer_and_the_rest_go_on(desk: Desk):
    desk.model.broken = True
    desk.prefetcher.follow("ada", wanted(desk, "a.png"))
    assert desk.prefetcher.wait(20) and desk.prefetcher.now.error == "The model is not there; install it."
    desk.model.broken = False
    desk.prefetcher.follow("ada", wanted(desk, "b.png"))
    assert desk.prefetcher.wait(20) and desk.prefetcher.now.error is None


def test_stop_finishes_the_answer_that_is_being_made_and_starts_none(desk: Desk):
    desk.model.go.clear()
    desk.prefetcher.follow("ada", wanted(desk, "a.png", "b.png"))
    until(lambda: desk.model.asked)
    threading.Timer(0.1, desk.model.go.set).start()
    desk.prefetcher.stop()
    desk.prefetcher.follow("ada", wanted(desk, "c.png"))
    assert len(desk.store.predictions()) == len(desk.model.asked) == 1
