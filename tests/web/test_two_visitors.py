"""Two visitors of a Space: one tries, by every handler and route, to come at what the other brought and marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from desk import drawn
from house import Browser, House, living

from pdc.web.auth import LOCAL_USER

NAME, MARK = "a-name-of-hers.png", "a-mark-of-hers"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", "a/space")
        with living(tmp_path_factory.mktemp("space")) as house:
            yield house


def tries(sha: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, what is sent) of every route that names an image or lists some."""
    one, named = {"json": {"images": [sha], "why": "x"}}, f"?task=count_and_box&label=platelet&name={NAME[:6]}"
    gets = [f"/images/{sha}.png", f"/thumbnails/{sha}.jpg", f"/raw/{sha}/0", f"/raw/{sha}/all", f"/api/similar/{sha}{named}"]
    gets += [
        f"/api/area/{sha}?session=x",
        f"/api/sessions/x/fields/{sha}",
        f"/api/sessions/{sha}/fields",
        f"/api/sheets/{sha}.html",
    ]
    gets += [
        "/api/worklist",
        f"/api/worklist{named}",
        "/api/worklist?reader=-",
        "/api/worklist?stage=retired",
        "/api/data/counts",
    ]
    gets += ["/api/data/counts.csv", "/api/effort", "/api/effort.csv", "/api/worklist/auto-accept", "/api/data/import"]
    gets += [f"/api/data/{what}" for f in ("coco", "yolo", "csv", "jsonl") for what in (f"report/{f}", f"export/{f}.zip")]
    acts = ("retire", "restore", "hold-back", "release", "auto-accept", "take-back")
    posts = [(f"/api/worklist/{act}", one) for act in acts]
    posts.append(("/api/worklist/assign", {"json": {"images": [sha], "reader": LOCAL_USER}}))
    posts.append((f"/api/area/{sha}", {"json": {"session": "x", "area": None}}))
    posts += [(f"/api/area/{sha}/found", {"json": {"session": "x", "what": what}}) for what in ("grid", "dish")]
    posts.append((f"/api/fit/{sha}", {"json": {"wish": "drawn", "marks": [{"label": "platelet", "box": [1, 1, 9, 9]}]}}))
    return [*(("GET", path, {}) for path in gets), *(("POST", path, sent) for path, sent in posts)]


def test_nothing_that_one_visitor_brought_is_shown_to_or_changed_by_another(house: House):
    alice, bob = Browser(house), Browser(house)
    sha, own = alice.upload(NAME), bob.upload("his.png", "blue")
    value = alice.open(sha)
    assert "Saved, revision 1" in alice.save(value, drawn(id=MARK))
    kept = [(r.id, r.author, r.revision, r.findings) for r in house.store.reviews(sha)]
    bob.open(own)
    bob.seen.clear()
    n = 0
    for method, path, sent in tries(sha):
        answer = bob.send(method, path, **sent)
        assert not (sha in path and answer.status_code == 200), path
        n += 1
    guessed = {**value, "image": {**value["image"], "name": "?"}, "marks": []}
    for number, _ in house.handlers():
        inputs = [{**guessed, "chosen": {"sha256": sha}, "sha256": sha} for _ in house.blocks.fns[number].inputs]
        body = {"data": inputs, "fn_index": number, "session_hash": bob.page}
        bob.send("POST", "/gradio_api/run/predict", json=body)
        n += 1
    told = "".join(bob.seen)
    assert NAME not in told and MARK not in told and n >= 90
    assert [(r.id, r.author, r.revision, r.findings) for r in house.store.reviews(sha)] == kept
    assert sha not in house.store.held_back() and not house.store.retired(kept[0][1])
    assert json.dumps(alice.open(sha)["marks"]).count(MARK) == 1


def test_what_is_not_yours_answers_like_what_is_not_there(house: House):
    alice, bob = Browser(house), Browser(house)
    sha, nowhere = alice.upload("another.png", "green"), "0" * 64
    for (method, path, sent), (_, other, sent_other) in zip(tries(sha), tries(nowhere), strict=True):
        if sha not in path and sha not in json.dumps(sent):
            continue
        there, not_there = bob.send(method, path, **sent), bob.send(method, other, **sent_other)
        assert there.status_code == not_there.status_code, path
        assert there.text.replace(sha[:12], "") == not_there.text.replace(nowhere[:12], ""), path
