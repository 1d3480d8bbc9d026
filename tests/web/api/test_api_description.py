"""The API describes itself: every field with a sentence, every route with what it refuses, and a page without a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from script_user import Office, Script

from pdc.domain.message import Message
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


def test_behind_the_last_of_the_list_and_behind_an_image_that_there_is_not_nothing_is_next(ada: Script):
    shas = [ada.bring(f"ending {n}.png") for n in range(3)]
    given, after = [], None
    while len(given) < 9 and (answer := ada.send("GET", "/worklist/next", params={"name": "ending", "after": after or shas[0]})):
        if answer.status_code == 404:
            break
        given.append(after := answer.json()["sha256"])
    assert given == shas[1:]
    assert "no image" in ada.get("/worklist/next", 404, name="ending", after="0" * 64)["error"]


@pytest.mark.parametrize(
    ("path", "asked", "words"),
    [
        ("/images", {"nam": "x"}, "no parameter 'nam'; it takes after, limit, name"),
        ("/worklist", {"stgae": "done"}, "no parameter 'stgae'"),
        ("/worklist/next", {"limit": "3"}, "no parameter 'limit'"),
        ("/me", {"name": "x"}, "takes no parameters"),
        ("/worklist", {"stage": "finished"}, "no stage 'finished'; use one of new, predicted"),
        ("/worklist/progress", {"stage": "finished"}, "no stage"),
    ],
)
def test_a_misspelt_parameter_or_stage_is_named(ada: Script, path: str, asked: dict, words: str):
    assert words in ada.get(path, 400, **asked)["error"]


def test_a_misspelt_setting_of_an_export_is_named(ada: Script):
    assert "nams" in ada.post("/exports", {"nams": "hashed"}, 422)["error"]
    assert "no stage 'finished'" in ada.post("/exports", {"stage": "finished"}, 400)["error"]


def test_a_request_without_a_token_is_told_to_send_one(place: Office):
    place.web.cookies.clear()
    for headers in ({}, {"Authorization": "Token pdc_x"}, {"Authorization": "Basic aGFsOmhhbA=="}):
        answer = place.web.get("/api/v1/me", headers=headers)
        assert answer.status_code == 401 and "Authorization: Bearer TOKEN" in answer.json()["error"]
    assert "Bearer" not in place.web.get("/api/worklist").json()["error"]


def test_a_body_that_is_no_json_is_told_as_that(ada: Script):
    as_json = {"Content-Type": "application/json"}
    broken = ada.send("POST", "/predictions", content=b'{"image": }', headers=as_json)
    untyped = ada.send("POST", "/predictions", content=b'{"image": "x"}')
    assert (broken.status_code, untyped.status_code) == (422, 422)
    assert "no JSON" in broken.json()["error"] and "at character 10" in broken.json()["error"]
    assert "Content-Type: application/json" in untyped.json()["error"]


def test_the_token_is_part_of_the_description(described: dict[str, Any]):
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert all(of["security"] for _, of in operations(described))


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
    names = ("adapters", "errors", "images", "jobs", "parameters", "predictions", "rates", "reviews", "sent", "worklist")
    modules = [sys.modules[f"pdc.web.api.{name}"] for name in names]
    said = [v for m in modules for k, v in vars(m).items() if k.isupper() and isinstance(v, str) and v.endswith(".")]
    said += [v for m in modules for v in vars(m).values() if isinstance(v, Message)]
    said.remove(sys.modules["pdc.web.api.rates"].NO_LIBRARY)  # for the log
    told = {getattr(sentence, "text", sentence) for sentence in said}
    assert len(told) > 10 and told <= dictionaries()["de"].keys()
