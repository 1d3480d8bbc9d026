"""Readers beside each other: the work of one page in its order, that of several pages at once; and no open endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from house import Browser, House, bar_of, living

from pdc.domain.values import Review

SECONDS = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("turns")) as house:
        yield house


class Held:
    """Saves of one reader, which wait inside the store until `go`."""

    def __init__(self, author: str, patch: pytest.MonkeyPatch, store: Any) -> None:
        self.author, self.inside, self.go, self.entered = author, Event(), Event(), 0
        self.save = store.save_review
        patch.setattr(store, "save_review", lambda store, review, **how: self.hold(store, review, **how))

    def hold(self, store: Any, review: Review, **how: Any) -> Review:
        if review.author == self.author:
            self.entered += 1
            self.inside.set()
            assert self.go.wait(SECONDS)
        return self.save(store, review, **how)


def begin(work: Any, *args: Any) -> Thread:
    thread = Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread


def opened(house: House, name: str, picture: str, colour: str) -> tuple[Browser, Any]:
    house.reader(name)
    browser = house.program(name)
    return browser, browser.open(browser.upload(picture, colour))


def test_two_readers_save_at_the_same_time_and_one_page_saves_in_its_order(house: House, monkeypatch: pytest.MonkeyPatch):
    ada, hers = opened(house, "ada", "a.png", "red")
    bob, his = opened(house, "bob", "b.png", "blue")
    held = Held("ada", monkeypatch, type(house.store))
    waiting = begin(ada.save, hers)
    assert held.inside.wait(SECONDS)
    assert ada.join(house.handler("save"), [bar_of(hers), None, {**hers, "request": "again"}, {}]).status_code == 200
    beside = begin(bob.save, his)
    beside.join(SECONDS / 2)
    assert not beside.is_alive(), "bob waits until ada's save is done"
    assert held.entered == 1, "ada's second save began before her first was done"
    assert [r.author for r in house.store.reviews()] == ["bob"]
    held.go.set()
    waiting.join(SECONDS)
    assert sorted({r.author for r in house.store.reviews()}) == ["ada", "bob"]


def test_gradio_offers_no_endpoint_and_runs_none_by_name(house: House):
    ada = house.reader("ada")
    info = ada.send("GET", "/gradio_api/info").json()
    assert info["named_endpoints"] == {} == info["unnamed_endpoints"]
    handlers = ada.send("GET", "/config").json()["dependencies"]
    assert len(handlers) > 40 and {h["api_visibility"] for h in handlers} == {"private"}
    assert ada.send("POST", "/gradio_api/run/choose", json={"data": [{}, None]}).status_code == 404
