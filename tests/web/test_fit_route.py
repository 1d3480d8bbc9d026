"""The route that fits boxes: who may ask, what it answers, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from house import Browser, living
from pictures import cells, encoded

from pdc.domain.geometry import iou
from pdc.domain.values import Box

CELL = Box(60, 50, 100, 90)
PNG = encoded(cells((200, 150), [CELL.xyxy]))


def brought(browser: Browser) -> str:
    return browser.send("POST", "/api/images?name=cells.png", content=PNG).json()["sha256"]


def asked(browser: Browser, sha: str, wish: str, *marks: dict[str, Any]) -> Any:
    return browser.send("POST", f"/api/fit/{sha}", json={"wish": wish, "marks": list(marks)})


def test_boxes_and_clicks_are_answered_in_their_order(tmp_path: Path):
    with living(tmp_path) as house:
        ada = house.reader("ada")
        click = {"label": "nucleus", "point": [82, 68], "usual": [62, 48, 102, 88]}
        rough, empty = {"label": "rods", "box": [54, 55, 103, 86]}, {"label": "rods", "box": [150, 110, 151, 111]}
        first, nothing = asked(ada, sha := brought(ada), "asked", rough, empty).json()["fits"]
        assert iou(Box(*first["box"]), CELL) > 0.9 and len(first["outline"][0]) > 5 and nothing is None
        assert asked(ada, sha, "drawn", rough).json()["fits"] == [None]  # nobody measured it
        assert asked(ada, sha, "drawn").json() == {"fits": []}
        (found,) = asked(ada, sha, "drawn", click).json()["fits"]
        assert iou(Box(*found["box"]), CELL) > 0.85


def test_only_who_may_see_the_image_may_have_it_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rough = {"label": "rods", "box": [54, 55, 103, 86]}
    with living(tmp_path) as house:
        sha = brought(house.reader("ada"))
        assert asked(Browser(house), sha, "asked", rough).status_code == 401
        foreign = {"origin": "https://elsewhere.example"}
        refused = house.reader("ada").send("POST", f"/api/fit/{sha}", json={"wish": "asked", "marks": []}, headers=foreign)
        assert refused.status_code == 403
    monkeypatch.setenv("SPACE_ID", "a/public")
    with living(tmp_path / "space") as house:
        sha = brought(Browser(house))
        assert asked(Browser(house), sha, "asked", rough).status_code == 404


BAD: list[dict[str, Any]] = [
    {"label": "rods"},
    {"label": "rods", "box": [1, 2, 3]},
    {"label": "rods", "box": [0, 0, 1e999, 5]},
    {"label": "x" * 65, "box": [0, 0, 5, 5]},
]


def test_what_is_no_box_and_no_place_is_refused(tmp_path: Path):
    with living(tmp_path) as house:
        ada = house.reader("ada")
        path, headers = f"/api/fit/{brought(ada)}", {"content-type": "application/json"}
        for mark in BAD:
            body = json.dumps({"wish": "asked", "marks": [mark]})  # which writes what is not finite too
            assert ada.send("POST", path, content=body, headers=headers).status_code in (400, 422), mark
