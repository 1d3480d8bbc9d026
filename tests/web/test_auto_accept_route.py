"""Accepting unseen over HTTP: each reader among their own images, told in their language, and undone by one press."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import gradio as gr
import pytest
from desk import Desk
from starlette.testclient import TestClient
from sure_answers import DOUBTED, answered

from pdc.web.app import build_server
from pdc.web.auth import Access

PATHS = (("GET", "auto-accept"), ("POST", "auto-accept"), ("POST", "take-back"))


def client(desk: Desk, folder: Path, **access: bool) -> TestClient:
    with gr.Blocks() as blocks:
        gr.Markdown("hello")
    rights = Access(desk.store, folder, **{"login": False, **access})
    app = build_server(desk.service, rights, blocks, prefetcher=desk.prefetcher)
    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def stages(web: TestClient) -> list[str]:
    return [row[2] for row in web.get("/api/worklist").json()["rows"]]


def test_what_leaves_no_doubt_is_offered_accepted_named_in_the_counts_and_taken_back(tmp_path: Path):
    desk = Desk(tmp_path)
    sure = answered(desk, "a.png")
    answered(desk, "b.png", findings=DOUBTED)
    web = client(desk, tmp_path)
    offer = web.get("/api/worklist/auto-accept", headers={"accept-language": "de"}).json()
    assert offer == {"images": [sure], "of": 2, "left": ["1 mit zweifelhaften Markierungen"], "more": False}
    everything = [e.image.sha256 for e in desk.listed("reader")]
    assert web.post("/api/worklist/auto-accept", json={"images": everything}).json() == {"images": [sure]}
    listed = web.get("/api/worklist").json()
    assert (listed["done"], listed["total"], listed["auto_accepted"]) == (0, 2, 1) and listed["rows"][0][2:4] == [
        "auto-accepted",
        "2",
    ]
    (row,) = csv.DictReader(io.StringIO(web.get("/api/data/counts.csv").text.removeprefix("\ufeff"), newline=""))
    assert (row["verdict"], row["platelet"], row["revision"]) == ("auto-accepted", "1", "1")
    refused = web.get("/api/data/report/coco")
    assert refused.status_code == 400 and "nobody has looked at it" in refused.json()["error"]
    assert web.post("/api/worklist/take-back", json={"images": everything}).json() == {"images": [sure]}
    assert stages(web) == ["predicted", "predicted"]
    assert web.get("/api/data/counts").json()["rows"] == []


def test_where_reads_are_blind_it_is_refused_with_a_sentence(tmp_path: Path):
    desk = Desk(tmp_path, blind=True)
    sha = answered(desk, "a.png")
    web = client(desk, tmp_path)
    for answer in (web.get("/api/worklist/auto-accept"), web.post("/api/worklist/auto-accept", json={"images": [sha]})):
        assert answer.status_code == 403 and "blind" in answer.json()["error"]
    assert desk.store.reviews(unseen=True) == []


@pytest.mark.parametrize(("method", "name"), PATHS)
def test_nobody_without_a_name_and_no_other_site_accepts_anything(tmp_path: Path, method: str, name: str):
    desk = Desk(tmp_path)
    asked = {"json": {"images": []}} if method == "POST" else {}
    assert client(desk, tmp_path, login=True).request(method, f"/api/worklist/{name}", **asked).status_code == 401
    if method == "POST":
        elsewhere = {"origin": "https://elsewhere.example"}
        assert client(desk, tmp_path).request(method, f"/api/worklist/{name}", headers=elsewhere, **asked).status_code == 403


def test_a_visitor_accepts_only_their_own_and_nobody_sees_it(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.service.private = True
    anna, bert = (client(desk, tmp_path, visitors=True) for _ in range(2))
    for web in (anna, bert):
        web.get("/", headers={"accept": "text/html"})
    answered(desk, "a.png")
    picture = desk.service.files.path(desk.store.images()[0].sha256).read_bytes()
    sha = anna.post("/api/images?name=mine.png", content=picture).json()["sha256"]
    assert bert.post("/api/worklist/auto-accept", json={"images": [sha]}).json() == {"images": []}
    assert anna.post("/api/worklist/auto-accept", json={"images": [sha]}).json() == {"images": [sha]}
    assert stages(anna) == ["auto-accepted"] and stages(bert) == []
    bert.post("/api/images?name=his.png", content=picture)
    assert stages(bert) == ["predicted"] and bert.get("/api/data/counts").json()["rows"] == []
