"""Files of other tools in which single values are spoiled: what comes of them is a smaller set or a sentence, never a crash."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
from annotations import BOXED, CELL, SIZE, a_region, put

from pdc.domain.errors import PdcError
from pdc.formats.registry import read

JUNK = (None, [], {}, "x", "", -1, 1e12, True, float("nan"), [1], [[1, 2]], {"a": 1}, 0, 3.5)
SQUARE = [[20, 30], [60, 30], [60, 70], [20, 70]]
FLAT = [v for corner in SQUARE for v in corner]
MASK = {"size": [160, 200], "counts": [3230, 40, 28730]}
IMAGES = {"a.png": "red", "b.png": "blue"}
IMAGE = {"id": 1, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}


def a_shape(kind: str, **value) -> dict:
    return {**a_region(kind), "value": {**value, kind: ["cell"]}}


def a_feature(kind: str, coordinates: list) -> dict:
    about = {"objectType": "annotation", "classification": {"name": "cell"}}
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": about}


def a_via(*shapes: dict) -> dict:
    regions = [{"shape_attributes": s, "region_attributes": {"label": "cell"}} for s in shapes]
    return {"a.png1": {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}}


def a_labelme(*shapes: tuple[str, list]) -> dict:
    listed = [{"label": "cell", "points": points, "shape_type": kind} for kind, points in shapes]
    return {"version": "5", "shapes": listed, "imagePath": "a.png", "imageData": None, "imageHeight": 160, "imageWidth": 200}


KEPT = {"exact": list(CELL), "outline": [SQUARE]}
POLYGON = a_shape("polygonlabels", points=[[10, 18.75], [30, 18.75], [30, 43.75]], closed=True)
ELLIPSE = a_shape("ellipselabels", x=5, y=50, radiusX=1, radiusY=2, rotation=3)
BRUSH = a_shape("brushlabels", format="rle", rle=[0, 0, 0, 1, 2])
FILES: dict[str, tuple[str, object]] = {
    "labelme": ("a.json", a_labelme(("polygon", SQUARE), ("circle", SQUARE[:2]), ("point", [[1, 2]]), ("mask", SQUARE[::2]))),
    "qupath": (
        "a.geojson",
        [a_feature("Polygon", [SQUARE]), a_feature("MultiPoint", [[1, 2]]), a_feature("MultiPolygon", [[SQUARE]])],
    ),
    "via": (
        "via.json",
        a_via(
            {"name": "rect", "x": 20, "y": 30, "width": 40, "height": 40},
            {"name": "polygon", "all_points_x": [20, 60, 60], "all_points_y": [30, 30, 70]},
            {"name": "ellipse", "cx": 40, "cy": 50, "rx": 2, "ry": 3, "theta": 0.1},
        ),
    ),
    "hugging-face": ("metadata.jsonl", {"file_name": "a.png", "objects": {"bbox": [[20, 30, 40, 40]], "categories": ["cell"]}}),
    "coco": (
        "coco.json",
        {
            "images": [IMAGE],
            "categories": [{"id": 1, "name": "cell"}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [FLAT]},
                {"id": 2, "image_id": 1, "category_id": 1, **BOXED, "segmentation": MASK, "attributes": {"rotation": 3.0}},
                {"id": 3, "image_id": 1, "category_id": 1, "segmentation": {**MASK, "counts": "QT^1X2`i0"}},
                {"id": 4, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2], "bbox": [1, 2, 0, 0]},
            ],
        },
    ),
    "label studio": (
        "tasks.json",
        [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [a_region(meta=KEPT), POLYGON, ELLIPSE, BRUSH]}]}],
    ),
    "json-min": (
        "min.json",
        [{"image": "a.png", "id": 1, "label": [{**a_region()["value"], "original_width": 200}], "annotator": 1}],
    ),
}


def places(value: object, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, v in inner for p in places(v, (*path, key)))]


def spoiled(value: object, path: tuple, junk: object) -> object:
    value = copy.deepcopy(value)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = copy.deepcopy(junk)
    return value


@pytest.mark.parametrize("tool", FILES)
def test_a_spoiled_value_is_a_sentence_or_a_smaller_set(tmp_path: Path, tool: str):
    name, value = FILES[tool]
    folder, chance = put(tmp_path, {}, IMAGES), random.Random(tool)
    paths = [p for p in places(value) if p]
    for _ in range(150):
        (folder / name).write_text(json.dumps(spoiled(value, chance.choice(paths), chance.choice(JUNK))))
        try:
            pictures = read(folder).pictures
        except PdcError as error:
            assert str(error)
        else:
            assert len(pictures) <= 1
            corners = [v for p in pictures for a in p.asked for s in a.shapes for v in (s.center.x, s.center.y)]
            assert np.isfinite(corners).all() and all(-1 <= v <= 201 for v in corners)
