"""The API's way from an image to a saved review: brought, asked, corrected, and never over what somebody else saved."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image as Pillow
from script_user import ASKED, Office, Script

from pdc.domain.values import Box
from pdc.images.burned_in.door import Action, TextRule

BOX = {"label": "platelet", "box": [1, 1, 9, 9]}


def test_an_image_is_brought_listed_a_page_at_a_time_and_got_back(place: Office, ada: Script):
    shas = [ada.bring(f"listed {n}.png", group="patient 1") for n in range(3)]
    first = ada.get("/images", name="LISTED", limit=2)
    rest = ada.get("/images", name="listed", limit=2, after=first["next"])
    assert [i["sha256"] for i in (*first["images"], *rest["images"])] == shas and rest["next"] is None
    assert ada.get(f"/images/{shas[0]}")["group"] == "patient 1"
    pixels = ada.send("GET", f"/images/{shas[0]}/pixels")
    assert Pillow.open(io.BytesIO(pixels.content)).size == (40, 30) and pixels.headers["content-type"] == "image/png"
    small = ada.send("GET", f"/images/{shas[0]}/thumbnail")
    assert Pillow.open(io.BytesIO(small.content)).format == "JPEG"
    assert "begin anew" in ada.get("/images", 400, after="x")["error"].lower()


def test_the_model_is_asked_once_and_its_answer_is_stored(place: Office, ada: Script):
    sha, before = ada.bring(), len(place.desk.model.asked)
    answers = [ada.post("/predictions", {"image": sha, **ASKED}) for _ in range(2)]
    assert answers[0] == answers[1] and len(place.desk.model.asked) == before + 1
    assert answers[0]["counts"] == {"red blood cell": 1, "platelet": 1} and answers[0]["total"] == 2
    assert place.desk.store.prediction(answers[0]["id"]).image_sha256 == sha
    again = ada.post("/predictions", {"image": sha, **ASKED, "again": True})
    assert again["id"] != answers[0]["id"]
    assert [p["id"] for p in ada.get(f"/images/{sha}/predictions")["predictions"]] == [answers[0]["id"], again["id"]]
    assert ada.get(f"/predictions/{again['id']}")["marks"] == again["marks"]


def test_a_streamed_answer_comes_mark_by_mark_and_ends_with_the_whole(place: Office, ada: Script):
    sha = ada.bring()
    answer = ada.send("POST", "/predictions", params={"stream": True}, json={"image": sha, **ASKED})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [line["event"] for line in lines][-1] == "prediction" and {line["event"] for line in lines[:-1]} <= {"marks"}
    assert lines[-1]["prediction"]["id"] == ada.get(f"/images/{sha}/predictions")["predictions"][0]["id"]


def test_an_answer_that_fails_while_it_is_streamed_ends_with_its_sentence(place: Office, ada: Script):
    sha, place.desk.model.broken = ada.bring(), True
    try:
        answer = ada.send("POST", "/predictions", params={"stream": True}, json={"image": sha, **ASKED})
        whole = ada.post("/predictions", {"image": sha, **ASKED}, 400)
    finally:
        place.desk.model.broken = False
    last = json.loads(answer.text.splitlines()[-1])
    assert last == {"event": "error", "error": "The model is not there; install it."} == {"event": "error", **whole}


def test_a_review_is_the_next_revision_and_a_stale_one_is_told_what_stands_there(place: Office, ada: Script, bob: Script):
    sha = ada.bring()
    answer = ada.post("/predictions", {"image": sha, **ASKED})
    sent = {**ASKED, "base_revision": 0, "prediction": answer["id"]}
    first = ada.post(f"/images/{sha}/reviews", sent, 201)
    assert (first["revision"], first["verdict"], first["total"]) == (1, "accepted", 2)
    late = bob.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, "marks": [BOX]}, 409)
    assert late["current"] == first and late["error"]
    second = bob.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 1, "marks": [BOX]}, 201)
    assert (second["revision"], second["author"], second["counts"]) == (2, "bob", {"platelet": 1})
    assert ada.get(f"/images/{sha}/review")["review"] == second
    assert ada.get(f"/images/{sha}/reviews")["reviews"] == [first, second]


def test_a_save_that_is_sent_again_under_its_name_is_one_review(ada: Script, bob: Script):
    sha = ada.bring()
    sent = {**ASKED, "base_revision": 0, "marks": [BOX], "request": "run-1"}
    first = ada.post(f"/images/{sha}/reviews", sent, 201)
    bob.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 1, "marks": []}, 201)
    assert ada.post(f"/images/{sha}/reviews", sent, 201)["id"] == first["id"]
    assert len(ada.get(f"/images/{sha}/reviews")["reviews"]) == 2


def test_a_save_of_a_script_leaves_unsaved_work_on_the_page_where_it_is(place: Office, ada: Script):
    sha = ada.bring()
    own = place.desk.service.open(sha, place.desk.tab.questions.first, "ada")
    place.desk.service.keep(own)
    drafts = place.desk.store.drafts(sha, own.question, "ada")
    ada.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, "marks": [BOX]}, 201)
    assert drafts and place.desk.store.drafts(sha, own.question, "ada") == drafts


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({}, 400, "Send marks"),
        ({"marks": [BOX, {"label": "platelet"}]}, 422, "marks.1 cannot be taken: it needs either a box or a point"),
        ({"marks": [{"label": "worm", "box": [1, 1, 2, 2]}]}, 400, "not part of this question"),
        ({"marks": "many"}, 422, "marks"),
        ({"base_revision": -1}, 422, "base_revision"),
        ({"prediction": "none such"}, 404, ""),
        ({"labels": ["x"] * 17}, 422, "labels"),
        ({"task": "guessing"}, 422, "task"),
    ],
)
def test_what_cannot_be_saved_is_one_sentence(ada: Script, sent: dict, status: int, words: str):
    answer = ada.post(f"/images/{ada.bring()}/reviews", {**ASKED, "base_revision": 0, **sent}, status)
    assert list(answer) == ["error"] and words in answer["error"] and answer["error"].rstrip().endswith(".")


def test_what_is_not_there_is_one_sentence_too(ada: Script):
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/images", 405), ("GET", f"/images/{'0' * 64}", 404)):
        answer = ada.send(method, path)
        assert answer.status_code == status and list(answer.json()) == ["error"]
    german = ada.send("GET", "/nothing", headers={"Accept-Language": "de"}).json()["error"]
    assert german != ada.send("GET", "/nothing").json()["error"]


def test_before_a_blind_read_nothing_of_the_model_or_of_others_is_told(
    place: Office, ada: Script, bob: Script, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(place.desk.service, "blind", True)
    sha = ada.bring()
    assert ada.post("/predictions", {"image": sha, **ASKED}, 403)["error"]
    ada.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, "marks": [BOX]}, 201)
    answer = ada.post("/predictions", {"image": sha, **ASKED})
    named = {"task": ASKED["task"], "label": ASKED["labels"]}
    assert bob.get(f"/images/{sha}/predictions")["predictions"] == []
    assert bob.get(f"/predictions/{answer['id']}", 403)["error"]
    assert bob.get(f"/images/{sha}/review", **named)["review"] is None
    assert bob.get(f"/images/{sha}/reviews", **named)["reviews"] == []
    bob.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, "prediction": answer["id"]}, 403)
    mine = bob.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, "marks": []}, 201)
    assert mine["blind"] and bob.get(f"/images/{sha}/predictions")["predictions"] == [answer]


def test_an_image_with_text_in_it_says_how_it_is_sent_again(place: Office, ada: Script, monkeypatch: pytest.MonkeyPatch):
    rule = TextRule(Action.ASK, find=lambda *of, **how: (Box(1, 1, 9, 9),))
    monkeypatch.setattr(place.desk.service, "text_rule", rule)
    picture = place.picture()
    asked = ada.send("POST", "/images", params={"name": "a.png"}, content=picture)
    assert asked.status_code == 409 and "text=paint" in asked.json()["error"] and asked.json()["text"]["boxes"] == [[1, 1, 9, 9]]
    assert ada.send("POST", "/images", params={"text": "paint"}, content=picture).status_code == 201
