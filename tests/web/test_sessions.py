"""A page belongs to whoever opened it: two readers over every handler and route of the app."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest
from desk import drawn, run
from house import House, living

from pdc.domain.values import Question, Task

ASK = Question(Task.COUNT_AND_BOX, ("platelet",))


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
