"""A page belongs to whoever opened it: two readers over every handler and route of the app."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import gradio as gr
import pytest
from desk import drawn, run
from house import Browser, House, bar_of, living

from pdc.domain.values import Question, Review, Task

ASK = Question(Task.COUNT_AND_BOX, ("platelet",))
SECONDS = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        yield house


def test_nobody_runs_any_handler_in_another_readers_page(house: House):
    alice, bob = house.reader("alice"), house.reader("bob")
    sha = alice.upload("hers.png")
    alice.open(sha)
    assert len(house.handlers()) > 40
    for number, name in house.handlers():
        inputs = [None] * len(house.blocks.fns[number].inputs)
        refused = bob.join(number, inputs, page=alice.page)
        assert refused.status_code == 403 and "opened by alice" in refused.json()["error"], name
        body = {"data": inputs, "fn_index": number, "session_hash": alice.page}
        assert bob.send("POST", "/gradio_api/run/predict", json=body).status_code == 403, name
        for alias in ("api", "call", "call/v2", "run"):
            assert bob.send("POST", f"/gradio_api/{alias}/{name}", json=body).status_code == 404, name
    assert house.store.reviews() == [] and house.store.draft("alice", sha, ASK) is None


def test_no_handler_runs_for_another_reader_whichever_way_it_is_called(house: House):
    """Past the middleware: Gradio itself is asked, as its queue asks it."""
    alice = house.reader("alice")
    alice.open(alice.upload("hers.png"))
    state, bob = house.blocks.state_holder[alice.page], gr.Request(username="bob")
    for number, name in house.handlers():
        fn = house.blocks.fns[number]
        with pytest.raises(gr.Error, match="logged in as bob, but this page was opened by alice"):
            run(house.blocks.process_api(block_fn=fn, inputs=[None] * len(fn.inputs), state=state, request=bob))
            pytest.fail(name)


def test_nothing_of_a_page_is_told_to_or_ended_by_another_reader(house: House):
    alice, bob = house.reader("alice"), house.reader("bob")
    value = alice.open(alice.upload("hers.png"))
    page = {"session_hash": alice.page, "fn_index": 0, "event_id": "x"}
    assert bob.send("GET", f"/gradio_api/queue/data?session_hash={alice.page}").status_code == 403
    assert bob.send("GET", f"/gradio_api/heartbeat/{alice.page}").status_code == 403
    assert bob.send("POST", "/gradio_api/cancel", json=page).status_code == 403
    for door in (f"deep_link?session_hash={alice.page}", "file=x", "upload_progress?upload_id=x", "openapi.json", "proxy=%00"):
        assert alice.send("GET", f"/gradio_api/{door}").status_code == 404, door
    assert alice.send("POST", "/gradio_api/upload", files={"files": b"x"}).status_code == 404
    assert "hers.png" not in "".join(bob.seen)
    assert "Saved, revision 1" in alice.save(value)


def test_a_tab_left_open_saves_nothing_under_the_next_readers_name_or_the_last_ones(house: House):
    browser = house.reader("alice")
    sha = browser.upload("ward.png", "blue")
    value = browser.open(sha)
    edit = next(id for id, name in house.handlers() if name == "edit")
    body = {"data": [None, {**value, "marks": [drawn()], "edits": 1}], "fn_index": edit, "session_hash": browser.page}
    assert browser.send("POST", "/gradio_api/run/predict", json=body).status_code == 200
    kept = house.store.draft("alice", sha, ASK)
    house.reader("bob")
    browser.log_in("bob")  # in another tab of the same browser
    refused = browser.save(value, drawn(x=9))
    assert refused.startswith("You are logged in as bob, but this page was opened by alice")
    assert browser.send("POST", "/gradio_api/run/predict", json=body).status_code == 403
    assert house.store.reviews(sha) == [] and house.store.draft("alice", sha, ASK) == kept
    browser.log_in("alice")
    assert "Saved, revision 1" in browser.save(value, drawn())
    assert [r.author for r in house.store.reviews(sha)] == ["alice"]


def test_a_body_of_no_known_length_is_bounded_at_gradios_routes_too(house: House):
    alice = house.reader("alice")
    chunks = (b" " * 1_000_000 for _ in range(70))
    assert alice.send("POST", "/gradio_api/queue/join", content=chunks).status_code == 413


def test_readers_who_log_in_share_all_images_and_may_assign_and_train(house: House):
    alice, bob = house.reader("alice"), house.reader("bob")
    sha = alice.upload("shared.png", "green")
    value = bob.open(sha)
    assert "shared.png" in [row[1] for row in bob.send("GET", "/api/worklist").json()["rows"]]
    assert "Saved, revision 1" in bob.save(value, drawn()) and len(alice.open(sha)["marks"]) == 1
    assert bob.send("POST", "/api/worklist/assign", json={"images": [sha], "reader": "alice"}).status_code == 200
    assert {"promote", "rollback"} <= {name for _, name in house.handlers()}


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
    ada, hers = opened(house, "ada", "a.png", "white")
    bob, his = opened(house, "bill", "b.png", "black")
    before = len(house.store.reviews())
    held = Held("ada", monkeypatch, type(house.store))
    waiting = begin(ada.save, hers)
    assert held.inside.wait(SECONDS)
    assert ada.join(house.handler("save"), [bar_of(hers), None, {**hers, "request": "again"}, {}]).status_code == 200
    beside = begin(bob.save, his)
    beside.join(SECONDS / 2)
    assert not beside.is_alive(), "bill waits until ada's save is done"
    assert held.entered == 1, "ada's second save began before her first was done"
    assert [r.author for r in house.store.reviews()[before:]] == ["bill"]
    held.go.set()
    waiting.join(SECONDS)
    assert {r.author for r in house.store.reviews()[before:]} == {"ada", "bill"}


def test_gradio_offers_no_endpoint_and_runs_none_by_name(house: House):
    ada = house.reader("ada")
    info = ada.send("GET", "/gradio_api/info").json()
    assert info["named_endpoints"] == {} == info["unnamed_endpoints"]
    handlers = ada.send("GET", "/config").json()["dependencies"]
    assert len(handlers) > 40 and {h["api_visibility"] for h in handlers} == {"private"}
    assert ada.send("POST", "/gradio_api/run/choose", json={"data": [{}, None]}).status_code == 404
