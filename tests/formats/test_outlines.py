"""The outline of a mark: from a file into the store, through the editor, and out again without a changed number."""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotations import BOXED, CELL, a_coco, a_label_studio, a_region, a_task, put, taken
from places import Place
from pycocotools import mask as coco_mask

from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.errors import BadSetting
from pdc.domain.geometry import map_findings, rescale
from pdc.domain.values import Box, Findings, Mark, Outline, Point, Question, Task
from pdc.formats import label_studio
from pdc.formats.exporting import export
from pdc.formats.importing import import_file
from pdc.formats.shapes import masks
from pdc.formats.shapes.outlines import Traced, agrees, area, around, cut, ellipse, traced, turned
from pdc.store.mapping import dump_findings, load_findings
from pdc.web.ui import annotator

SIZE = (200, 160)
RING = ((20, 30), (60, 30), (60, 70), (20, 70))
QUESTION = Question(Task.BOUNDING, ("cell",))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def outlines(place: Place, name: str = "a.png") -> list[tuple[tuple[float, ...], Outline]]:
    """Corners and outline of each stored mark of an image."""
    image = next(i for i in place.store.images() if i.name == name)
    reviews = [r for r in place.store.current_reviews() if r.image_sha256 == image.sha256]
    return [(m.shape.xyxy, m.outline) for r in reviews for m in r.findings.marks if isinstance(m.shape, Box)]


def random_outline(chance: random.Random, parts: int) -> Outline:
    """Rings of 3 to 9 corners: whole numbers, halves, and any float."""
    makers = (round, lambda v: round(2 * v) / 2, lambda v: v)
    make = makers[chance.randrange(3)]
    ring = lambda: tuple((make(chance.uniform(0, 200)), make(chance.uniform(0, 160))) for _ in range(chance.randint(3, 9)))  # noqa: E731
    return tuple(ring() for _ in range(parts))


def outlined_marks(seed: int) -> tuple[Mark, ...]:
    chance = random.Random(seed)
    found = []
    while len(found) < 30:
        outline = random_outline(chance, parts=1 + len(found) % 3)
        box = around([c for ring in outline for c in ring])
        if box.area > 1:
            found.append(Mark(f"m{len(found) + 1}", box, "cell", outline=outline if len(found) % 5 else ()))
    return tuple(found)


# domain, store, editor


@pytest.mark.parametrize("outline", [(((1, 2), (3, 4)),), (((1, 2), (3, 4), (5, math.nan)),)])
def test_an_outline_has_three_finite_corners_or_more(outline: Outline):
    with pytest.raises(ValueError, match="three or more finite corners"):
        Mark("m1", Box(*CELL), "cell", outline=outline)


def test_the_store_gives_an_outline_back_and_reads_marks_of_older_stores():
    findings = Findings(outlined_marks(1))
    assert load_findings(dump_findings(findings)) == findings
    old = '{"marks":[{"id":"m1","box":[1,2,3,4],"label":"cell","origin":"human","status":"open","score":null}],"stated":{}}'
    assert load_findings(old).marks[0].outline == () and dump_findings(load_findings(old)) == old


def test_the_editor_passes_an_outline_through(place: Place):
    image = place.image("a.png", size=SIZE)
    findings = Findings(tuple(m for m in outlined_marks(2)))
    sent = json.loads(json.dumps(annotator.to_value("case", QUESTION, findings, image, "/a")))
    assert annotator.findings_from(sent, wh=SIZE) == findings
    sent["marks"][1]["outline"] = [[[-5, 10], [500, 10], [7, 7]]]
    assert annotator.findings_from(sent, wh=SIZE).marks[1].outline == (((0, 10), (200, 10), (7, 7)),)


@pytest.mark.parametrize(
    "outline", [7, [[1, 2, 3]], [[[1, 2], [3, 4]]], [[[1, 2], [3, 4], [5, "x"]]], [[[1, 2], [3, 4], [5, 1e12]]]]
)
def test_a_draft_with_an_outline_that_is_none_is_refused(place: Place, outline: object):
    image = place.image("a.png", size=SIZE)
    sent = annotator.to_value("case", QUESTION, Findings((Mark("m1", Box(*CELL), "cell"),)), image, "/a")
    sent["marks"][0]["outline"] = outline
    with pytest.raises(annotator.BadDraft):
        annotator.findings_from(sent, wh=SIZE)


def test_an_outline_follows_its_mark_to_another_size():
    (mark,) = map_findings(
        Findings((Mark("m1", Box(*CELL), "cell", outline=(RING,)),)), lambda s: rescale(s, SIZE, (100, 80))
    ).marks
    assert mark.shape == Box(10, 15, 30, 35) and mark.outline == (((10, 15), (30, 15), (30, 35), (10, 35)),)


def test_a_mark_that_only_lost_its_outline_was_not_corrected():
    marks = outlined_marks(3)
    bare = Findings(tuple(replace(m, outline=()) for m in marks))
    assert {c.kind for c in diff(Findings(marks), bare)} == {CorrectionKind.KEPT}


# shapes


def test_a_box_is_turned_clockwise_about_its_centre_or_about_its_corner():
    by_centre = turned(Box(20, 30, 60, 50), 90)
    assert [round(v, 9) for v in by_centre.xyxy] == [30, 20, 50, 60]
    by_corner = turned(Box(20, 30, 60, 50), 90, about=(20, 30))
    assert [round(v, 9) for v in by_corner.xyxy] == [0, 30, 20, 70]
    assert area(by_corner.outline) == pytest.approx(800) and turned(Box(*CELL), 360) == Box(*CELL)


def test_an_ellipse_keeps_its_own_extent_and_nearly_its_area():
    found = ellipse((100, 80), (40, 20), degrees=30)
    wide, high = math.hypot(40 * math.cos(math.pi / 6), 20 * 0.5), math.hypot(40 * 0.5, 20 * math.cos(math.pi / 6))
    assert found.xyxy == pytest.approx((100 - wide, 80 - high, 100 + wide, 80 + high))
    assert area(found.outline) == pytest.approx(math.pi * 800, rel=0.005)


def test_an_outline_is_cut_where_its_image_ends():
    found = cut(traced((((-20, 20), (40, -40), (100, 20), (40, 80)),)), (80, 60))
    assert found.xyxy == (0, 0, 80, 60) and isinstance(found, Traced)
    inside = [(x, y) for ring in found.outline for x, y in ring]
    assert all(0 <= x <= 80 and 0 <= y <= 60 for x, y in inside)
    assert area(found.outline) == pytest.approx(7200 - 400 - 400 - 400 - 1600)  # the four tips


@pytest.mark.parametrize("seed", range(20))
def test_the_outline_of_a_mask_encloses_its_pixels(seed: int):
    mask = np.random.default_rng(seed).random((17, 23)) < (0.3, 0.6, 0.97)[seed % 3]
    filled = _without_holes(mask)
    assert area(masks.outline(mask)) == filled.sum()
    rows, columns = np.nonzero(mask)
    assert around([c for ring in masks.outline(mask) for c in ring]).xyxy == (
        columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    )  # fmt: skip


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """Flooded from outside, over the corners too, since painted pixels that touch at a corner are two parts."""
    outside = np.zeros(np.array(mask.shape) + 2, bool)
    outside[0, 0] = True
    free = ~np.pad(mask, 1)
    while True:
        grown = outside.copy()
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                grown |= np.roll(outside, (dy, dx), (0, 1))
        grown &= free
        if (grown == outside).all():
            return ~outside[1:-1, 1:-1]
        outside = grown


def test_a_mask_has_no_needless_corners():
    mask = np.zeros((160, 200), bool)
    mask[30:70, 20:60] = True
    (ring,) = masks.outline(mask)
    assert sorted(ring) == sorted(RING)


def test_a_mask_of_noise_is_refused_before_it_is_traced():
    with pytest.raises(BadSetting, match="more than 100,000 corners"):
        masks.outline(np.random.default_rng(1).random((1000, 1000)) < 0.5)


# COCO


def packed(mask: np.ndarray) -> dict:
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": found["size"], "counts": found["counts"].decode()}


def counted(mask: np.ndarray) -> dict:
    flat = mask.T.reshape(-1)
    ends = [*np.flatnonzero(np.diff(flat)) + 1, len(flat)]
    lengths = np.diff([0, *ends]).tolist()
    return {"size": list(mask.shape), "counts": lengths if not flat[0] else [0, *lengths]}


def painted(*corners: int) -> np.ndarray:
    mask = np.zeros((160, 200), bool)
    mask[corners[1] : corners[3], corners[0] : corners[2]] = True
    return mask


FLAT = [20, 30, 60, 30, 60, 70, 20, 70]


@pytest.mark.parametrize(
    "annotation",
    [
        {"segmentation": [FLAT]},
        {"segmentation": FLAT},
        {"segmentation": [[*FLAT, 20, 30]], "bbox": []},
        {"segmentation": [FLAT], "bbox": [0, 0, 0, 0]},
        {**BOXED, "segmentation": [FLAT]},
        {"segmentation": packed(painted(*CELL))},
        {"segmentation": counted(painted(*CELL))},
        {**BOXED, "segmentation": counted(painted(*CELL)), "iscrowd": 1, "attributes": {"occluded": False}},
    ],
)
def test_a_coco_outline_or_mask_is_a_box_that_keeps_it(place: Place, tmp_path: Path, annotation: dict):
    _, said = taken(place, a_coco(tmp_path, [annotation, {**BOXED, "image_id": 2}]))
    assert "2 marks (1 with an outline)" in said
    ((box, outline),) = outlines(place)
    assert box == CELL and [sorted(ring) for ring in outline] == [sorted(RING)]


def test_masks_that_cvat_calls_crowds_are_objects_and_crowds_beside_objects_are_not(place: Place, tmp_path: Path):
    crowd = {**BOXED, "segmentation": counted(painted(*CELL)), "iscrowd": 1}
    found, said = taken(place, a_coco(tmp_path / "cvat", [crowd, {**crowd, "bbox": [100, 40, 50, 50]}]))
    assert found["a.png"] == {"cell": [CELL, (100, 40, 150, 90)]}
    assert "1 outline (cell in a.png): it does not fit its bbox" in said  # that of the second
    other = Place(tmp_path / "other")
    found, said = taken(other, a_coco(tmp_path / "coco", [crowd, {**BOXED, "category_id": 2}]))
    assert found == {"a.png": {"platelet": [CELL]}} and "marked as a crowd" in said
    other.store.close()


def test_a_turned_coco_box_becomes_the_box_around_it(place: Place, tmp_path: Path):
    taken(place, a_coco(tmp_path, [{**BOXED, "attributes": {"rotation": 45.0}}]))
    ((box, outline),) = outlines(place)
    half = 20 * math.sqrt(2)
    assert box == pytest.approx((40 - half, 50 - half, 40 + half, 50 + half)) and area(outline) == pytest.approx(1600)


@pytest.mark.parametrize(
    "mask",
    [
        {"size": [160, 200], "counts": [1, 2]},
        {"size": [200, 160], "counts": [32000]},
        {"size": [160, 200], "counts": [-1, 32001]},
        {"size": [160, 200], "counts": "not packed"},
        {"size": [160, 200], "counts": "PPPPPPPPPPPPP"},
        {"size": [160, 200]},
        [[1, 2, 3]],
        [[20, 30, 60, 30]],
        [["a", 2, 3, 4, 5, 6]],
    ],
)
def test_a_coco_outline_that_is_wrong_is_named_and_its_box_kept(place: Place, tmp_path: Path, mask: object):
    found, said = taken(place, a_coco(tmp_path, [{**BOXED, "segmentation": mask}]))
    assert found == {"a.png": {"cell": [CELL]}} and "Left out 1 outline (cell in a.png)" in said
    other = Place(tmp_path / "other")
    found, said = taken(other, a_coco(tmp_path / "bare", [{"segmentation": mask}, {**BOXED, "image_id": 2}]))
    assert found == {"b.png": {"cell": [CELL]}} and "1 image (a.png)" in said  # without a box nothing is left
    other.store.close()


def test_pycocotools_reads_outlines_and_their_area(place: Place, tmp_path: Path):
    from pycocotools.coco import COCO

    image = place.image("a.png", size=SIZE)
    two = (RING, ((100, 100), (140, 100), (140, 140), (100, 140)))
    place.review(image, QUESTION, Findings((Mark("m1", Box(20, 30, 140, 140), "cell", outline=two),)))
    export(place.store, place.files, tmp_path / "out", "coco")
    with contextlib.redirect_stdout(io.StringIO()):
        opened = COCO(str(tmp_path / "out" / "coco.json"))
    (annotation,) = opened.loadAnns(opened.getAnnIds())
    assert annotation["area"] == opened.annToMask(annotation).sum() == 3200


@pytest.mark.parametrize("size", [1, 0.5, 0])
def test_coco_boxes_of_one_pixel_are_points_and_that_is_said(place: Place, tmp_path: Path, size: float):
    dots = [{"bbox": [x, 100, size, size]} for x in (10, 20)]
    found, said = taken(place, a_coco(tmp_path, [*dots, {**BOXED, "category_id": 2}]))
    assert (
        found == {"a.png": {"cell": [(10, 100), (20, 100)], "platelet": [CELL]}}
        and "2 box sizes (cell in a.png): it is one pixel" in said
    )


def test_the_keypoints_of_a_coco_box_are_named(place: Place, tmp_path: Path):
    found, said = taken(place, a_coco(tmp_path, [{**BOXED, "keypoints": [30, 40, 2, 50, 60, 2], "num_keypoints": 2}]))
    assert found == {"a.png": {"cell": [CELL]}} and "1 pose (cell in a.png): the box of each is taken over" in said


# Pascal VOC


VOC = "<annotation><filename>a.png</filename><object><name>cell</name>{}</object></annotation>"
VOC_BOX = "<bndbox><xmin>20</xmin><ymin>30</ymin><xmax>60</xmax><ymax>70</ymax></bndbox>"
PAIRS = "".join(f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate(RING, start=1))
POINTS = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in RING)


@pytest.mark.parametrize(
    "object",
    [
        f"<polygon>{PAIRS}</polygon>",
        f"{VOC_BOX}<polygon>{PAIRS}</polygon>",
        f"<polygon><username>x</username>{POINTS}</polygon>",
        f"<robndbox><cx>40</cx><cy>50</cy><w>40</w><h>40</h><angle>{math.pi / 2}</angle></robndbox>",
        f"{VOC_BOX}<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>",
    ],
    ids=["polygon of Roboflow", "beside its box", "polygon of LabelMe", "roLabelImg", "turned by CVAT"],
)
def test_a_voc_outline_or_turned_box_is_a_box_that_keeps_it(place: Place, tmp_path: Path, object: str):
    taken(place, put(tmp_path, {"a.xml": VOC.format(object)}, {"a.png": "red"}))
    ((box, outline),) = outlines(place)
    assert box == pytest.approx(CELL) and area(outline) == pytest.approx(1600)


def test_a_voc_outline_that_does_not_fit_its_box_is_named(place: Place, tmp_path: Path):
    far = VOC_BOX.replace("20", "120").replace("60", "160")
    found, said = taken(place, put(tmp_path, {"a.xml": VOC.format(f"{far}<polygon>{PAIRS}</polygon>")}, {"a.png": "red"}))
    assert found == {"a.png": {"cell": [(120, 30, 160, 70)]}} and "1 outline (cell in a.png): it does not fit its bndbox" in said


# Label Studio


def brushed(mask: np.ndarray) -> list[int]:
    """Packed as Label Studio's browser packs it, in runs of at most 256 and of literal bytes."""
    flat = np.zeros((*mask.shape, 4), np.uint8)
    flat[mask] = 255
    flat = flat.reshape(-1)
    bits = f"{len(flat):032b}{7:05b}" + f"{2:04b}{3:04b}{7:04b}{15:04b}"
    ends = [*np.flatnonzero(np.diff(flat)) + 1, len(flat)]
    start = 0
    for end in ends:
        while start < end:
            run = min(end - start, 256)
            bits += f"1{2:02b}{run - 1:08b}{flat[start]:08b}" if run > 1 else f"0{0:02b}{0:03b}{flat[start]:08b}"
            start += run
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def a_shape(kind: str, **value) -> dict:
    return {**a_region(kind), "value": {**value, kind: ["cell"]}}


PERCENT = [[10, 18.75], [30, 18.75], [30, 43.75], [10, 43.75]]


@pytest.mark.parametrize(
    "region",
    [
        a_shape("polygonlabels", points=PERCENT, closed=True),
        a_shape("labels", points=PERCENT),
        a_shape("brushlabels", format="rle", rle=brushed(painted(*CELL))),
        a_shape("rectanglelabels", x=30, y=18.75, width=20, height=25, rotation=90),  # about its own corner
    ],
    ids=["polygon", "labels", "brush", "turned"],
)
def test_a_label_studio_shape_is_a_box_that_keeps_its_outline(place: Place, tmp_path: Path, region: dict):
    taken(place, a_label_studio(tmp_path, a_task("a.png", {"result": [region]})))
    ((box, outline),) = outlines(place)
    assert box == CELL and [sorted(ring) for ring in outline] == [sorted(RING)]


def test_a_label_studio_ellipse_may_reach_over_the_border(place: Place, tmp_path: Path):
    region = a_shape("ellipselabels", x=5, y=50, radiusX=10, radiusY=25, rotation=0)
    taken(place, a_label_studio(tmp_path, a_task("a.png", {"result": [region]})))
    ((box, outline),) = outlines(place)
    assert box == (0, 40, 30, 120) and around(outline[0]).xyxy == pytest.approx((0, 40, 30, 120))


@pytest.mark.parametrize(("width", "height"), [(-20, 25), (20, -25), (-20, -25)])
def test_a_box_drawn_backwards_is_the_box_it_shows(place: Place, tmp_path: Path, width: float, height: float):
    at = {"x": 10 if width > 0 else 30, "y": 18.75 if height > 0 else 43.75}
    region = a_region(value={**at, "width": width, "height": height})
    assert taken(place, a_label_studio(tmp_path, a_task("a.png", {"result": [region]})))[0] == {"a.png": {"cell": [CELL]}}


def test_a_mask_that_does_not_fill_its_image_is_a_sentence(place: Place, tmp_path: Path):
    bad = [a_shape("brushlabels", format="rle", rle=rle) for rle in ([], [1, 2, 3], brushed(painted(*CELL))[:-9], [300])]
    tasks = [a_task(f"{i}.png", {"result": [region]}) for i, region in enumerate(bad)]
    found, said = taken(place, a_label_studio(tmp_path, *tasks, a_task("good.png", {"result": [a_region()]})))
    assert found == {"good.png": {"cell": [CELL]}} and said.count(".png): Task ") == 4


def a_min(image: str, *regions: dict, **more) -> dict:
    flat = [{k: v for k, v in {**r, **r["value"]}.items() if k not in ("type", "value")} for r in regions]
    return {"image": image, "id": 1, "label": flat, "annotator": 1, "annotation_id": 5, **more}


def test_json_min_is_read_like_json(place: Place, tmp_path: Path):
    entries = [
        a_min("a.png", a_region(), a_shape("polygonlabels", points=PERCENT)),
        a_min("b.png", id=2),
        a_min("c.png", id=3, quality={"choices": ["blurred"]}),
    ]
    path = put(tmp_path, {"min.json": json.dumps(entries)}, {"a.png": "red", "b.png": "blue", "c.png": "lime"}) / "min.json"
    found, _ = taken(place, path)
    assert found == {"a.png": {"cell": [CELL, CELL]}, "b.png": {"cell": []}, "c.png": {"cell": []}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"updated_at": "2024-05-02T10:00:00Z"}, {"updated_at": "2024-05-01T10:00:00Z"}),
        ({"ground_truth": True}, {"updated_at": "2024-05-01T10:00:00Z"}),
    ],
)
def test_of_several_annotations_the_ground_truth_counts_or_else_the_last(place: Place, tmp_path: Path, first: dict, second: dict):
    annotations = {"result": [a_region()], **first}, {"result": [a_region(x=50)], **second}
    found, said = taken(place, a_label_studio(tmp_path, a_task("a.png", *annotations)))
    assert found == {"a.png": {"cell": [CELL]}} and "1 annotation (a.png): an image has several" in said


def test_json_min_of_two_annotators_is_one_image(place: Place, tmp_path: Path):
    first, last = ({"updated_at": f"2024-05-0{i}T10:00:00Z", "annotation_id": i} for i in (1, 2))
    entries = [a_min("a.png", a_region(), **last), a_min("a.png", a_region(x=50), **first)]
    path = put(tmp_path, {"min.json": json.dumps(entries)}, {"a.png": "red"}) / "min.json"
    found, said = taken(place, path)
    assert found == {"a.png": {"cell": [CELL]}} and "an image has several" in said


def test_a_shape_and_its_label_in_two_entries_are_one_object(place: Place, tmp_path: Path):
    labelled = {**a_region("labels"), "id": "r1"}
    bare = {**a_region("labels"), "id": "r1", "type": "rectangle"}
    del bare["value"]
    bare["value"] = {k: v for k, v in labelled["value"].items() if k != "labels"}
    path = a_label_studio(tmp_path, a_task("a.png", {"result": [bare, labelled]}))
    assert taken(place, path)[0] == {"a.png": {"cell": [CELL]}}


# out and back


@pytest.mark.parametrize("format", ["coco", "label-studio", "jsonl", "medmultipoints"])
@pytest.mark.parametrize("seed", range(5))
def test_outlines_go_out_and_come_back_without_a_changed_number(place: Place, tmp_path: Path, format: str, seed: int):
    image, marks = place.image("a.png", size=SIZE), outlined_marks(seed)
    place.review(image, QUESTION, Findings(marks))
    export(place.store, place.files, tmp_path / "out", format)
    there = Place(tmp_path / "there")
    import_file(there.store, there.files, tmp_path / "out", "bob")
    (review,) = there.store.current_reviews()
    assert [(m.shape, m.outline) for m in review.findings.marks] == [(m.shape, m.outline) for m in marks]
    there.store.close()


def test_an_outline_that_label_studio_changed_wins_over_what_was_kept(place: Place, tmp_path: Path):
    place.review(place.image("a.png", size=SIZE), QUESTION, Findings((Mark("m1", Box(*CELL), "cell", outline=(RING,)),)))
    export(place.store, place.files, tmp_path / "out", "label-studio")
    path = tmp_path / "out" / label_studio.FILE
    tasks = json.loads(path.read_text())
    (region,) = tasks[0]["annotations"][0]["result"]
    assert region["type"] == "polygonlabels"
    region["value"]["points"][2] = [30, 50]  # one corner, dragged down
    path.write_text(json.dumps(tasks))
    there = Place(tmp_path / "there")
    import_file(there.store, there.files, path, "bob")
    assert outlines(there) == [((20, 30, 60, 80), (((20, 30), (60, 30), (60, 80), (20, 70)),))]
    there.store.close()


def test_points_beside_an_outline_stay_points(place: Place, tmp_path: Path):
    point = {"segmentation": [[10, 100]], "bbox": [10, 100, 1, 1]}
    found, _ = taken(place, a_coco(tmp_path, [{"segmentation": [FLAT]}, point, {"keypoints": [30, 100, 2]}]))
    assert found["a.png"]["cell"] == [(40, 50), (10, 100), (30, 100)]


def test_a_box_keeps_the_outline_that_it_agrees_with():
    assert agrees((RING,), Box(*CELL)) and not agrees((RING,), Box(100, 30, 140, 70))
    assert Point(1, 2) == cut(Point(1, 2), SIZE)
