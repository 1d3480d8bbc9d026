"""Files that other tools' users met, when they lie beside the project: each is imported, and comes to what is right for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from annotations import Stored, taken
from places import Place

from pdc.domain.errors import PdcError

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
Judge = Callable[[Stored, str], bool]
CELL, POINTS = (20, 30, 60, 70), 6


def marks(found: Stored) -> list[tuple[float, ...]]:
    return [m for labels in found.values() for own in labels.values() for m in own]


def refused(*words: str) -> Judge:
    return lambda found, said: not found and all(w in said for w in words)


def names(*words: str) -> Judge:
    """Something came in, and the account names these."""
    return lambda found, said: bool(found) and all(w in said for w in words)


PROSE: dict[str, Judge] = {  # what is right where case.json says it in words
    "boxes-of-another-resolution": refused("outside its image", "a."),
    "coco-copies-of-one-image": refused("visit1.png", "visit1_copy.png", "same picture with other marks"),
    "coco-exif-180": names("a.jpg", "EXIF"),
    "coco-one-bad-box": lambda found, said: set(found) == {"a.png", "c.png"} and "b.png" in said,
    "coco-rectlabel-points": lambda found, _: [len(m) for m in marks(found)] == [2] * POINTS,
    "coco-same-name-two-folders": refused("p1/img.png", "p2/img.png"),
    "csv-boxes-and-points-of-one-label": lambda found, _: len(marks(found)) == POINTS + 1,
    "csv-fiji": lambda found, said: len(marks(found)) > 0 or "add a column" in said,
    "cvat-xml": lambda found, said: len(marks(found)) == 3 or "CVAT" in said,
    "ls-boxes-and-points-of-one-label": lambda found, _: len(marks(found)) == POINTS + 1,
    "ls-json-min": lambda found, said: CELL in marks(found) or "JSON-MIN" in said,
    "ls-rotated-and-backwards": lambda found, said: "a.png" in found and all(n in found or n in said for n in ("b.png", "c.png")),
    "qupath-geojson": lambda found, said: len(marks(found)) > 0 or "GeoJSON" in said,
    "voc-box-without-area": lambda found, said: len(marks(found)) == 3 or "a.png" in said,
    "zip-of-an-export": lambda found, _: marks(found) == [CELL],
}
ELSEWHERE = {"image", "split"}  # kinds whose tests are in other rooms
ONE_AFTER_THE_OTHER = "corrected-file-again"


def cases() -> list[Any]:
    found = [(p.parent, json.loads(p.read_text("utf-8"))) for p in sorted(CASES.glob("*/case.json"))]
    found = [(f, about) for f, about in found if about.get("kind") not in ELSEWHERE and f.name != ONE_AFTER_THE_OTHER]
    paths = [(f, about, path) for f, about in found for path in (about.get("path", given(f)), about.get("path2")) if path]
    return [pytest.param(f, about, path, id=f"{f.name} {path}") for f, about, path in paths]


def given(folder: Path) -> str:
    files = [*sorted((folder / "input").glob("*.json")), *sorted((folder / "input").glob("*.csv"))]
    return files[0].name if files else "."


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
@pytest.mark.parametrize(("folder", "about", "path"), cases())
def test_every_case_comes_to_what_is_right(tmp_path: Path, folder: Path, about: dict[str, Any], path: str):
    place = Place(tmp_path)
    try:
        found, said = taken(place, folder / "input" / path)
    except PdcError as error:
        found, said = {}, str(error)
    place.store.close()
    right = about.get("right", about["expected"])
    if isinstance(right, dict):
        assert found == {n: {label: [pytest.approx(m) for m in own] for label, own in d.items()} for n, d in right.items()}, said
    else:
        assert PROSE[folder.name](found, said), (found, said)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
def test_a_corrected_file_replaces_the_review_only_on_request(tmp_path: Path):
    place, folder = Place(tmp_path), CASES / ONE_AFTER_THE_OTHER / "input"
    first = taken(place, folder / "v1")[0]
    again, said = taken(place, folder / "v2")
    assert again == first and "a.png" in said and "--replace" in said
    assert taken(place, folder / "v2", replace=True)[0] != first
    place.store.close()
