"""The list over HTTP: parts that join, and acts on all that it shows however long it is."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from desk import ASK, Desk
from starlette.testclient import TestClient

from pdc.web.app import build_server
from pdc.web.auth import Access


def client(desk: Desk, folder: Path) -> TestClient:
    with gr.Blocks() as blocks:
        gr.Markdown("hello")
    app = build_server(desk.service, Access(desk.store, folder, login=False), blocks, prefetcher=desk.prefetcher)
    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def names(said: dict) -> list[str]:
    return [row[1] for row in said["rows"]]


def test_a_list_comes_in_parts_that_join_and_only_its_head_says_how_far_one_is(tmp_path: Path):
    desk = Desk(tmp_path)
    shas = [desk.image(f"{n}.png") for n in "abcdefg"]
    web = client(desk, tmp_path)
    head = web.get("/api/worklist?limit=3").json()
    assert names(head) == ["a.png", "b.png", "c.png"] and (head["first"], head["total"], head["done"]) == (None, 7, 0)
    second = web.get("/api/worklist", params={"after": head["last"], "limit": "3"}).json()
    assert names(second) == ["d.png", "e.png", "f.png"] and "done" not in second
    assert names(web.get("/api/worklist", params={"before": second["first"], "limit": "2"}).json()) == ["b.png", "c.png"]
    last = web.get("/api/worklist?before=end&limit=2").json()
    assert names(last) == ["f.png", "g.png"] and last["last"] is None
    around = web.get("/api/worklist", params={"around": shas[3], "limit": "3"}).json()
    assert names(around) == ["c.png", "d.png", "e.png"] and around["done"] == 0
    assert [len(web.get(f"/api/worklist?limit={n}").json()["rows"]) for n in ("many", "0", "9999")] == [7, 1, 7]


def test_a_page_that_asks_again_is_sent_nothing_until_something_in_its_list_has_changed(tmp_path: Path):
    desk = Desk(tmp_path)
    shas = [desk.image(f"{n}.png") for n in "ab"]
    web = client(desk, tmp_path)

    def asked_again(tag: str, query: str = "") -> tuple[int, str]:
        answer = web.get(f"/api/worklist{query}", headers={"if-none-match": tag})
        return answer.status_code, answer.headers["etag"]

    tag = web.get("/api/worklist").headers["etag"]
    assert asked_again(tag) == asked_again(tag, f"?around={shas[1]}") == (304, tag)
    assert asked_again(tag, "?name=a")[0] == 200 and asked_again(tag, "?order=name")[0] == 200
    changes = (
        lambda: desk.service.answer(desk.store.image(shas[0]), ASK),
        lambda: desk.images.assign([shas[1]], "maria", by="reader"),
        lambda: desk.service.retire([shas[0]], "reader"),
        lambda: desk.store.claim(shas[1], "maria"),
    )
    for change in changes:
        change()
        status, another = asked_again(tag)
        assert status == 200 and another != tag
        tag = another
        assert asked_again(tag) == (304, tag)


def test_all_that_the_list_shows_is_assigned_by_its_filters_not_by_what_a_page_has_loaded(tmp_path: Path):
    desk = Desk(tmp_path)
    shas = [desk.image(f"{n}.png") for n in ("red-1", "blue", "red-2")]
    desk.service.answer(desk.store.image(shas[0]), ASK)
    web = client(desk, tmp_path)
    assert web.get("/api/worklist").json()["predicted"] == 1
    shown = {"name": "red", "order": "name", "session": ""}
    assert web.post("/api/worklist/assign", json={"shown": shown, "reader": "maria"}).json() == {"assigned": 2}
    assert names(web.get("/api/worklist?reader=maria").json()) == ["red-1.png", "red-2.png"]
