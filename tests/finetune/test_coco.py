"""COCO files as truth: what is asked of each image, what is known to be there, and what is left out."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from finetune.data.coco import read_coco
from finetune.tiny.crops import sources
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Point, Task
from pdc.formats import coco
from pdc.formats.records import Asked, Picture

ROOT = Path(__file__).resolve().parents[2]
CELL = {"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}
DOT = {"image_id": 1, "category_id": 2, "bbox": [5, 5, 4, 4]}


def truth(folder: Path, annotations: Sequence[dict] = (), names: Sequence[str] = ("a.png", "b.png"), **more) -> Path:
    for name in names:
        Pillow.new("RGB", (120, 90), "gray").save(folder / name)
    value = {
        "images": [{"id": i, "file_name": n, "width": 120, "height": 90, **more} for i, n in enumerate(names, start=1)],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "dot"}],
        "annotations": [{"id": i, **a} for i, a in enumerate(annotations, start=1)],
    }
    return written(folder, value)


def written(folder: Path, value: object) -> Path:
    (folder / "truth.json").write_text(json.dumps(value), "utf-8")
    return folder / "truth.json"


def test_an_image_without_annotations_is_a_negative(tmp_path):
    first, second = read_coco(truth(tmp_path, [CELL, DOT]), Task.COUNT_AND_BOX)
    assert [m.label for m in first.findings.marks] == ["cell", "dot"]
    assert second.question.labels == ("cell", "dot") and second.findings.marks == ()


def test_marks_keep_the_order_of_the_file(tmp_path):
    row, _ = read_coco(truth(tmp_path, [CELL, DOT, {**CELL, "bbox": [60, 20, 30, 40]}]), Task.BOUNDING)
    assert [m.label for m in row.findings.marks] == ["cell", "dot", "cell"]
    assert [m.id for m in row.findings.marks] == ["m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"iscrowd": 1}, "crowd"), ({"score": 0.7}, "prediction"), ({"bbox": [], "keypoints": [1, 2, 2, 3, 4, 2]}, "keypoints")],
)
def test_a_label_with_an_object_that_is_no_box_is_not_asked_there_and_that_is_said(tmp_path, wrong, reason):
    """A crowd taken for a box, or left out in silence, would count right answers as wrong."""
    said: list[str] = []
    first, second = read_coco(truth(tmp_path, [CELL, {**CELL, **wrong}, DOT]), Task.COUNT_AND_BOX, say=said.append)
    assert first.question.labels == ("dot",) and [m.label for m in first.findings.marks] == ["dot"]
    assert second.question.labels == ("cell", "dot")
    assert len(said) == 1 and reason in said[0] and "cell in a.png" in said[0]


def test_an_outline_or_a_turned_box_is_the_box_around_it(tmp_path):
    ring = {"bbox": [], "segmentation": [[10, 20, 40, 20, 40, 60]]}
    turned = {"attributes": {"rotation": 90.0}}
    row, _ = read_coco(truth(tmp_path, [{**CELL, **ring}, {**CELL, **turned}]), Task.BOUNDING)
    assert [m.shape.xyxy for m in row.findings.marks] == [(10, 20, 40, 60), pytest.approx((5, 25, 45, 55))]
    assert {type(m.shape) for m in row.findings.marks} == {Box} and not any(m.outline for m in row.findings.marks)


def test_what_is_left_out_goes_to_the_error_stream_and_not_into_the_numbers(tmp_path, capsys):
    read_coco(truth(tmp_path, [{**CELL, "iscrowd": 1}]), Task.COUNT_AND_BOX)
    out, err = capsys.readouterr()
    assert out == "" and "crowd" in err


def test_a_file_of_points_is_asked_for_points_and_not_for_boxes(tmp_path):
    dot = {**DOT, "bbox": [30, 40, 0, 0], "keypoints": [30, 40, 2], "num_keypoints": 1}
    path = truth(tmp_path, [dot], ("a.png",))
    (row,) = read_coco(path, Task.POINTING, ["dot"])
    assert row.findings.marks[0].shape == Point(30, 40)
    with pytest.raises(BadSetting, match="marked by points"):
        read_coco(path, Task.COUNT_AND_BOX, ["dot"])


def exported(folder: Path) -> Path:
    """Two images as PDC writes them: of b.png it is not known whether there are cells, and dots were only counted."""
    for name in ("a.png", "b.png"):
        Pillow.new("RGB", (120, 90), "gray").save(folder / name)
    boxed = Asked(Task.BOUNDING, "cell", (Box(1, 2, 30, 40),), 1)
    counted = Asked(Task.COUNTING, "dot", (), 3)
    pictures = [
        Picture("a.png", "a", "p1", (120, 90), (boxed, Asked(Task.BOUNDING, "dot", (), 0))),
        Picture("b.png", "b", "p2", (120, 90), (counted,)),
    ]
    return written(folder, json.loads("".join(coco.write(pictures))))


def test_of_pdcs_own_export_only_what_was_looked_for_is_asked(tmp_path):
    said: list[str] = []
    (row,) = read_coco(exported(tmp_path), Task.COUNT_AND_BOX, say=said.append)
    assert row.path.name == "a.png" and row.group == "p1" and row.question.labels == ("cell", "dot")
    assert "looked for" in said[0] and "counted without marks" in said[0]


def test_a_count_without_marks_is_truth_where_counts_are_asked(tmp_path):
    rows = read_coco(exported(tmp_path), Task.COUNTING, say=lambda text: None)
    assert [r.findings.counts(Task.COUNTING) for r in rows] == [{"cell": 1}, {"dot": 3}]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": None}, "no list of images"),
        ({"annotations": [{**CELL, "image_id": 9}]}, "image 9, which the file does not list"),
        ({"categories": [{"id": 1}]}, "no usable 'name'"),
        ({"categories": [{"id": 1, "name": "a|b"}]}, "label may not contain"),
        ({"images": [{"id": 1, "file_name": "gone.png", "width": 9, "height": 9}], "annotations": []}, "gone.png is not there"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, changes, sentence):
    path = truth(tmp_path, [CELL])
    written(tmp_path, {**json.loads(path.read_text("utf-8")), **changes})
    with pytest.raises(BadSetting, match=sentence):
        read_coco(path, Task.BOUNDING)


def test_a_file_that_is_no_json_is_a_sentence(tmp_path):
    (tmp_path / "truth.json").write_text("images: 3", "utf-8")
    with pytest.raises(BadSetting, match="is not JSON"):
        read_coco(tmp_path / "truth.json", Task.BOUNDING)


def test_training_crops_and_truth_rows_say_the_same_of_a_file(tmp_path):
    value = json.loads(truth(tmp_path).read_text("utf-8"))
    value["categories"] = [{"id": 1, "name": "nucleus"}]
    value["annotations"] = [{**CELL, "id": 1}, {**CELL, "id": 2, "bbox": [1, 1, 5, 5]}]
    (tmp_path / "dev.json").write_text(json.dumps(value), "utf-8")
    samples = sources._load_source(tmp_path, "nuclei", "dev")
    rows = read_coco(tmp_path / "dev.json", Task.BOUNDING)
    for sample, row in zip(samples, rows, strict=True):
        assert sample.boxes.tolist() == [list(m.shape.xyxy) for m in row.findings.marks]
        assert sample.classes.tolist() == [sources.LABELS.index(m.label) for m in row.findings.marks]
    assert samples[1].boxes.shape == (0, 4) and samples[0].boxes.dtype == np.float32


def test_coco_is_read_in_one_place():
    """No other module takes the list of annotations of a file apart."""
    found = []
    for path in [*ROOT.glob("pdc/**/*.py"), *ROOT.glob("finetune/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "annotations":
                found.append(path.relative_to(ROOT).as_posix())
    assert set(found) <= {"pdc/formats/coco.py", "pdc/formats/label_studio.py"}
