"""What an image takes its reader: kept beside the review saved in it, each reader's own, and only where it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk, drawn
from fastapi import FastAPI
from starlette.testclient import TestClient

from pdc.store import Store
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.effort_route import add_effort_routes

VISIT = {"elapsed": 60.0, "seconds": 14.25, "moves": 6, "keys": 3}


def served(desk: Desk, folder: Path, *, on: bool = True) -> TestClient:
    app = FastAPI()
    add_effort_routes(app, Access(desk.store, folder, login=False), desk.service, on)
    return TestClient(app)


def reviewed(desk: Desk, name: str, reader: str = LOCAL_USER) -> str:
    """An image with a saved review, in which two marks of the model are kept and one is drawn."""
    sha256 = desk.image(name)
    draft, value = desk.choose(sha256, reader)[:2]
    draft, value, _ = desk.ask(draft, value)
    desk.tab.save(draft, {**value, "marks": [*value["marks"], drawn(x=14.0)], "edits": 1}, None)
    return sha256


def test_a_visit_is_kept_beside_the_review_it_saved_with_its_edits_by_kind(tmp_path: Path):
    desk = Desk(tmp_path)
    web, sha256 = served(desk, tmp_path), reviewed(desk, "=a.png")
    assert web.post("/api/effort", json={"image": sha256, **VISIT}).json() == {"kept": True}
    said = web.get("/api/effort").json()
    assert said["on"] and (said["seconds"], said["moves"], said["keys"]) == (14.2, 6, 3)
    (row,) = said["rows"]
    assert row[2:] == [14.2, 6, 3, 1, 0, 0, 0]
    line = web.get("/api/effort.csv").text.splitlines()[1]
    assert line.endswith(",14.2,6,3,1,0,0,0")
    web.post("/api/effort", json={"image": sha256, **VISIT, "moves": 9})
    assert [r[3] for r in web.get("/api/effort").json()["rows"]] == [9]
    assert [e.moves for e in Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}").efforts(LOCAL_USER)] == [9]


def test_a_visit_that_saved_nothing_is_not_kept_and_neither_is_another_readers(tmp_path: Path):
    desk = Desk(tmp_path)
    web, unsaved = served(desk, tmp_path), desk.image("b.png")
    assert web.post("/api/effort", json={"image": unsaved, **VISIT}).json() == {"kept": False}
    other = reviewed(desk, "c.png", "somebody else")
    assert web.post("/api/effort", json={"image": other, **VISIT}).json() == {"kept": False}
    assert web.get("/api/effort").json() == {"on": True, "rows": []}


def test_nothing_is_kept_unless_it_is_switched_on(tmp_path: Path):
    desk = Desk(tmp_path)
    web, sha256 = served(desk, tmp_path, on=False), reviewed(desk, "d.png")
    assert web.post("/api/effort", json={"image": sha256, **VISIT}).json() == {"kept": False}
    assert web.get("/api/effort").json() == {"on": False, "rows": []} and desk.store.efforts(LOCAL_USER) == []


@pytest.mark.parametrize("spoiled", [{"image": "../x"}, {"seconds": -1}, {"moves": "many"}, {"keys": 10**9}])
def test_numbers_that_no_visit_has_are_refused(tmp_path: Path, spoiled: dict):
    web = served(Desk(tmp_path), tmp_path)
    assert web.post("/api/effort", json={"image": "0" * 64, **VISIT, **spoiled}).status_code == 422
