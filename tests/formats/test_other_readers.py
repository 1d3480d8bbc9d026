"""What readers that are not PDC's find in its exports: as many objects as the export says it wrote, where they are."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from places import Place, boxes

from pdc.domain.values import Findings, Mark, Point, Question, Task
from pdc.formats.exporting import export
from pdc.formats.outgoing.report import Exported

CELL, RING = (20.5, 30, 60, 70.25), (0, 0, 199.9, 12)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def place(tmp_path: Path):
    """a.png: three boxes of two labels, one of no size, and points of one of them; b.png: points; c.png: none of either."""
    place = Place(tmp_path / "home")
    boxed, dotted, none = (place.image(name, size=(200, 160)) for name in ("a.png", "b.png", "c.png"))
    question = Question(Task.BOUNDING, ("cell", "ring form"))
    found = boxes(("cell", CELL), ("cell", (5, 5, 9, 9)), ("ring form", RING), ("ring form", (7, 7, 7, 7)))
    place.review(boxed, question, found)
    place.review(none, question, Findings())
    points = Findings(tuple(Mark(f"p{x}", Point(x, 40.5), "cell") for x in (10, 20.25)))
    for image in (boxed, dotted):
        place.review(image, Question(Task.POINTING, ("cell",)), points)
    yield place
    place.store.close()


def exported(place: Place, folder: Path, format: str) -> Exported:
    return export(place.store, place.files, folder, format)


def test_pycocotools_finds_every_mark(place: Place, tmp_path: Path):
    from pycocotools.coco import COCO

    written = exported(place, tmp_path / "out", "coco")
    with contextlib.redirect_stdout(io.StringIO()):
        opened = COCO(str(tmp_path / "out" / "coco.json"))
    names = {c["name"]: c["id"] for c in opened.loadCats(opened.getCatIds())}
    found = opened.loadAnns(opened.getAnnIds())
    assert len(found) == written.marks == 7
    assert [a["bbox"] for a in opened.loadAnns(opened.getAnnIds(imgIds=[1], catIds=[names["ring form"]]))] == [[0, 0, 199.9, 12]]
    assert sum(a.get("num_keypoints", 0) for a in found) == 4


@pytest.mark.parametrize("format", ["coco", "yolo", "voc"])
def test_supervision_finds_every_box(place: Place, tmp_path: Path, format: str):
    from supervision import DetectionDataset

    folder = tmp_path / "out"
    written, images = exported(place, folder, format), str(folder / "images")
    if format == "coco":
        read = DetectionDataset.from_coco(str(folder), str(folder / "coco.json"))
    elif format == "yolo":
        read = DetectionDataset.from_yolo(images, str(folder / "labels"), str(folder / "data.yaml"))
    else:
        read = DetectionDataset.from_pascal_voc(images, str(folder / "Annotations"))
    found = {Path(path).name: (detections, image.shape) for path, image, detections in read}
    boxed, shape = found["a.png"]
    drawn = [(read.classes[n], tuple(xyxy)) for n, xyxy in zip(boxed.class_id, boxed.xyxy.tolist(), strict=True)]
    drawn = [(label, corners) for label, corners in drawn if corners[0] < corners[2]]  # COCO's points are boxes of no size
    true = [("cell", CELL), ("cell", (5, 5, 9, 9)), ("ring form", RING)]
    assert shape == (160, 200, 3) and sorted(label for label, _ in drawn) == sorted(label for label, _ in true)
    assert sorted(c for _, cs in sorted(drawn) for c in cs) == pytest.approx(sorted(c for _, cs in true for c in cs), abs=1)
    assert sum(len(detections) for detections, _ in found.values()) == written.marks
    assert len(found["c.png"][0]) == 0


def test_pandas_finds_every_mark_in_the_csv_and_in_the_lines(place: Place, tmp_path: Path):
    import pandas

    written = exported(place, tmp_path / "csv", "csv")
    table = pandas.read_csv(tmp_path / "csv" / "marks.csv")
    assert table.kind.value_counts().to_dict() == {"box": 4, "point": 4, "none": 2} and written.marks == 8
    assert table[table.kind == "box"][["x1", "y1", "x2", "y2"]].iloc[0].tolist() == list(CELL)
    written = exported(place, tmp_path / "jsonl", "jsonl")
    lines = pandas.read_json(tmp_path / "jsonl" / "reviews.jsonl", lines=True)
    assert lines["count"].sum() == written.marks == 8 and lines.file_name.nunique() == 3


def test_hugging_face_opens_the_parquet_with_its_images(place: Place, tmp_path: Path):
    from datasets import Image, load_dataset

    exported(place, tmp_path / "out", "medmultipoints")
    files = str(tmp_path / "out" / "medmultipoints.parquet")
    table = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    assert table.num_rows == 6 and table.cast_column("image_data", Image())[0]["image_data"].size == (200, 160)


def test_a_label_studio_task_has_what_its_import_asks_for(place: Place, tmp_path: Path):
    written = exported(place, tmp_path / "out", "label-studio")
    tasks = json.loads((tmp_path / "out" / "label_studio.json").read_text())
    regions = [r for task in tasks for a in task["annotations"] for r in a["result"]]
    assert len(regions) == written.marks == 7 and len({r["id"] for r in regions}) == 7
    config = (tmp_path / "out" / "label_config.xml").read_text()
    assert all(f'name="{r["from_name"]}" toName="{r["to_name"]}"' in config for r in regions)
