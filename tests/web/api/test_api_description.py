"""The API describes itself: every field with a sentence, every route with what it refuses, and a page without a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from script_user import Office, Script

from pdc.domain.users.roles import Role
from pdc.web.ui.words import dictionaries


@pytest.fixture(scope="module")
def described(ada: Script) -> dict[str, Any]:
    return ada.get("/openapi.json")


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, of in methods.items():
            yield f"{method} {path}", of


def test_every_route_says_in_sentences_what_it_does_and_what_it_takes(described: dict[str, Any]):
    for route, of in operations(described):
        assert of["description"].rstrip().endswith("."), route
        assert all(p.get("description", "").endswith((".", "`")) for p in of.get("parameters", ())), route
    assert len(list(operations(described))) >= 20 and described["servers"] == [{"url": "/api/v1"}]


def test_every_route_says_how_it_refuses_and_all_refusals_look_alike(described: dict[str, Any]):
    for route, of in operations(described):
        refused = {status: answer for status, answer in of["responses"].items() if not status.startswith("2")}
        assert {"401", "403", "404", "422", "429"} <= refused.keys(), route
        shapes = {a["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2] for a in refused.values()}
        assert shapes <= {"Error", "ChangedError"}, route


def test_every_field_of_every_object_has_a_sentence(described: dict[str, Any]):
    objects = described["components"]["schemas"]
    for name, schema in objects.items():
        assert schema["description"].endswith("."), name
        for field, of in schema.get("properties", {}).items():
            assert of.get("description", "").rstrip().endswith("."), f"{name}.{field}"
    assert "HTTPValidationError" not in objects and len(objects) > 20


def test_fields_in_pixels_and_seconds_say_so(described: dict[str, Any]):
    objects = described["components"]["schemas"]
    assert "pixels" in objects["Mark"]["properties"]["box"]["description"]
    assert "seconds" in objects["Prediction"]["properties"]["seconds"]["description"]


def test_the_page_shows_every_route_and_runs_no_script(ada: Script, described: dict[str, Any]):
    answer = ada.send("GET", "/docs")
    assert answer.headers["content-type"].startswith("text/html") and "<script" not in answer.text
    assert "//" not in answer.text.replace("https://pdc.example", "")
    assert all(f"/api/v1{path}" in answer.text for path in described["paths"])
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_script_learns_who_it_is_and_what_it_may(place: Office):
    me = place.script("eve", Role.TRAINER).get("/me")
    assert (me["user"], me["role"], me["by_token"]) == ("eve", "trainer", True)
    nobody = place.web.get("/api/v1/me")
    assert nobody.status_code == 401 and list(nobody.json()) == ["error"]


def test_labels_are_listed_and_found_by_their_words(ada: Script):
    names = {label["name"] for label in ada.get("/labels")["labels"]}
    assert {"platelet", "red blood cell"} <= names
    assert ada.get("/labels/find", text="RBC") == {"name": "red blood cell", "candidates": []}


def test_the_list_is_walked_a_page_at_a_time_and_says_what_is_next_to_one_reader_each(ada: Script, bob: Script):
    shas = [ada.bring(f"walked {n}.png") for n in range(3)]
    first = ada.get("/worklist", name="walked", limit=2)
    rest = ada.get("/worklist", name="walked", limit=2, after=first["next"])
    assert [e["sha256"] for e in (*first["images"], *rest["images"])] == shas
    assert (first["total"], first["capped"], rest["next"], first["images"][0]["stage"]) == (3, False, None, "new")
    assert ada.get("/worklist/next", name="walked", after=shas[0])["sha256"] == shas[1]
    assert bob.get("/worklist/next", name="walked", after=shas[0])["sha256"] == shas[2]
    assert ada.get("/worklist/progress", name="walked")["total"] == 3
    assert ada.get("/worklist/next", 404, name="no such name")["error"]


def test_a_page_of_another_site_saves_nothing_with_somebodys_cookie(place: Office, ada: Script):
    sha = ada.bring()
    place.web.cookies.clear()
    place.web.post("/login", data={"name": "ada", "password": "correct horse"})
    sent = {"task": "count_and_box", "labels": ["platelet"], "base_revision": 0, "marks": []}
    path = f"/api/v1/images/{sha}/reviews"
    assert place.web.post(path, json=sent, headers={"Origin": "https://evil.example"}).status_code == 403
    assert place.web.post(path, json=sent, headers={"Origin": "https://testserver"}).status_code == 201
    place.web.cookies.clear()


def test_every_sentence_of_a_refusal_has_its_german():
    names = ("adapters", "errors", "images", "jobs", "predictions", "rates", "reviews", "worklist")
    modules = [sys.modules[f"pdc.web.api.{name}"] for name in names]
    said = [v for m in modules for k, v in vars(m).items() if k.isupper() and isinstance(v, str) and v.endswith(".")]
    said.remove(sys.modules["pdc.web.api.rates"].NO_LIBRARY)  # for the log
    told = {getattr(sentence, "text", sentence) for sentence in said}
    assert len(told) > 10 and told <= dictionaries()["de"].keys()
