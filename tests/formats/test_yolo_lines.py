"""What a line of a YOLO label file is, by its class and the number of its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotations import CELL, LINE, a_yolo, put, taken
from places import Place

ROUND = "0 0.1 0.1875 0.3 0.1875 0.3 0.4375 0.1 0.4375"
SLANTED = "0 0.5 0.40625 0.625 0.25 0.75 0.40625 0.625 0.5625"
POSE = f"{LINE} 0.2 0.3 2 0.25 0.35 1"


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def marks(place: Place) -> list:
    return [m for r in place.store.current_reviews() for m in r.findings.marks]


@pytest.mark.parametrize(
    ("line", "box", "corners"),
    [
        (ROUND, CELL, 4),
        (SLANTED, (100, 40, 150, 90), 4),  # a turned box has four corners too
        ("0 0.1 0.1875 0.3 0.1875 0.3 0.4375", CELL, 3),
        (f"{ROUND} 0.1 0.1875", CELL, 4),  # closed by its first corner
        ("0 0.5 0 1.0000001 0 1.0000001 1 0.5 1", (100, 0, 200, 160), 4),
    ],
)
def test_an_outline_or_turned_box_is_the_box_around_it_and_keeps_its_corners(place, tmp_path: Path, line: str, box, corners: int):
    found, said = taken(place, a_yolo(tmp_path, {"a": line}, "[cell]", images=("a",)))
    assert found == {"a.png": {"cell": [box]}} and "Left out" not in said
    ((outline,),) = [m.outline for m in marks(place)]
    assert len(outline) == corners


def test_boxes_and_outlines_in_one_file_are_each_what_they_are(place, tmp_path: Path):
    found, _ = taken(place, a_yolo(tmp_path, {"a": f"{LINE}\r\n\r\n{SLANTED}\r\n1.0{LINE[1:]} \r\n"}, images=("a",)))
    assert found == {"a.png": {"cell": [CELL, (100, 40, 150, 90)], "platelet": [CELL]}}
    assert [len(m.outline) for m in marks(place)] == [0, 1, 0]


@pytest.mark.parametrize("shape", ["[2, 3]", "[3, 2]"])
def test_a_pose_is_its_box_where_the_data_set_says_so_and_its_keypoints_are_named(place, tmp_path: Path, shape: str):
    folder = put(tmp_path, {"data.yaml": f"names: [cell]\nkpt_shape: {shape}\n", "labels/a.txt": POSE}, {"images/a.png": "red"})
    found, said = taken(place, folder)
    assert found == {"a.png": {"cell": [CELL]}} and "Left out 1 pose (cell in images/a.png)" in said


def test_a_line_that_is_no_pose_of_the_data_set_is_left_out(place, tmp_path: Path):
    text = {"data.yaml": "names: [cell]\nkpt_shape: [4, 3]\n", "labels/a.txt": POSE, "labels/b.txt": LINE}
    found, said = taken(place, put(tmp_path, text, {"images/a.png": "red", "images/b.png": "blue"}))
    assert found == {"b.png": {"cell": [CELL]}} and "no pose of the kpt_shape" in said


def test_an_outline_that_leaves_the_image_leaves_it_out(place, tmp_path: Path):
    found, said = taken(place, a_yolo(tmp_path, {"a": LINE, "b": "0 0.1 0.1 1.6 0.1 1.6 0.4"}))
    assert found == {"a.png": {"cell": [CELL]}} and "b.txt line 1 lies outside its image" in said


@pytest.mark.parametrize("line", ["cell 0.2 0.3 0.2 0.2", "0 0.2 nan 0.2 0.2", "0 a b c d", "0.5 0.2 0.3 0.2 0.2"])
def test_a_line_that_is_no_numbers_leaves_its_image_out_and_not_the_others(place, tmp_path: Path, line: str):
    found, said = taken(place, a_yolo(tmp_path, {"a": LINE, "b": line}))
    assert found == {"a.png": {"cell": [CELL]}} and "1 image (images/b.png): b.txt line 1" in said
