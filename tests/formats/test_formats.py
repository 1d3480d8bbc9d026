"""Every annotation format, out and back: no coordinate changes, points and "none" included; and others can open them."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path

import pytest
from pictures import encoded
from PIL import Image as Pillow
from places import Place

from pdc.domain.errors import BadQuestion, BadSetting
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.formats import medmultipoints
from pdc.formats.exporting import export
from pdc.formats.importing import import_annotations
from pdc.formats.records import Asked, Picture
from pdc.formats.registry import FORMATS, READERS, WRITERS, read

SIZE = (501, 333)


def numbers(count: int, most: int, chance: random.Random) -> list[float]:
    """As people draw (halves), as files state them (two decimals), and as models make them (any float)."""
    makers = (lambda v: round(2 * v) / 2, lambda v: round(v, 2), lambda v: v)
    return [makers[i % 3](chance.uniform(0, most)) for i in range(count)]


def shapes(count: int, *, points: bool = False) -> tuple:
    chance = random.Random(count)
    found = []
    for _ in range(count):
        (x1, x2), (y1, y2) = sorted(numbers(2, SIZE[0], chance)), sorted(numbers(2, SIZE[1], chance))
        found.append(Point(x1, y1) if points else Box(x1, y1, x2, y2))
    return tuple(found)


PICTURES = [
    Picture(
        "images/a.png",
        "slide 7.png",
        "patient 1",
        SIZE,
        (Asked(Task.COUNT_AND_BOX, "red blood cell", shapes(100), 100), Asked(Task.COUNT_AND_BOX, "Plättchen", (), 0)),
    ),
    Picture(
        "images/b.png",
        "=cmd.png",
        "patient 2",
        SIZE,
        (Asked(Task.POINTING, "polyp", shapes(40, points=True), 40), Asked(Task.CNT_AND_POINT, "red blood cell", (), 0)),
    ),
    Picture("images/c.png", "c", "patient 2", SIZE, (Asked(Task.COUNTING, "polyp", (), 12), Asked(Task.COUNTING, "cell", (), 0))),
    Picture(
        "images/d.png",
        "d",
        "patient 3",
        SIZE,
        (Asked(Task.BOUNDING, "polyp", shapes(2), 2), Asked(Task.POINTING, "Plättchen", shapes(3, points=True), 3)),
    ),
]


def written(format: str, pictures=PICTURES) -> dict[str, str]:
    return {name: "".join(texts) for name, texts in WRITERS[format](pictures)}


def put(folder: Path, texts: dict[str, str], pictures=PICTURES) -> Path:
    for picture in pictures:
        path = folder / picture.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(Pillow.new("RGB", picture.size, "navy")))
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def plain(picture: Picture) -> tuple:
    asked = sorted((a.label, a.task, a.count, frozenset(a.shapes), len(a.shapes)) for a in picture.asked)
    return picture.file, picture.name, picture.group, asked


@pytest.mark.parametrize("format", WRITERS)
def test_out_and_back_changes_nothing(tmp_path: Path, format: str):
    found = read(put(tmp_path, written(format))).pictures  # the folder is recognised by what is in it
    assert sorted(map(plain, found)) == sorted(map(plain, PICTURES))


def test_parquet_out_and_back_with_its_images(tmp_path: Path):
    data = a_parquet(tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet").pictures
    assert list(map(plain, found)) == list(map(plain, PICTURES)) and {p.data() for p in found} == {data}


def a_parquet(path: Path) -> bytes:
    """The bytes of each image in it."""
    data = encoded(Pillow.new("RGB", SIZE, "navy"))
    with path.open("wb") as file:
        medmultipoints.write_parquet(PICTURES, lambda _: data, file)
    return data


@pytest.mark.parametrize("format", FORMATS)
def test_reviews_go_out_of_one_store_and_into_another(tmp_path: Path, format: str):
    boxes = Findings(tuple(Mark(f"m{i}", s, "nucleus") for i, s in enumerate(shapes(30))))
    points = Findings(tuple(Mark(f"m{i}", s, "dot") for i, s in enumerate(shapes(20, points=True))))
    asked = {Question(Task.COUNT_AND_BOX, ("nucleus", "ghost")): boxes, Question(Task.POINTING, ("dot",)): points}
    here, there = Place(tmp_path / "here"), Place(tmp_path / "there")
    image = here.image("a", group="patient 1", size=SIZE)
    for question, findings in asked.items():
        here.review(image, question, findings)
    export(here.store, here.files, tmp_path / "out", format)
    assert import_annotations(there.store, there.files, tmp_path / "out", "bob") == 2
    (stored,) = there.store.images()
    assert (stored.sha256, stored.name, stored.group) == (image.sha256, "a", "patient 1")
    for question, findings in asked.items():
        review = there.store.current_review(image.sha256, question)
        assert [m.shape for m in review.findings.marks] == [m.shape for m in findings.marks]
    assert import_annotations(there.store, there.files, tmp_path / "out", "bob") == 0
    here.store.close(), there.store.close()


# as other programs write and read them


def test_pycocotools_opens_the_export(tmp_path: Path):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        opened = COCO(str(put(tmp_path, written("coco")) / "coco.json"))
    assert len(opened.getImgIds()) == 4 and len(opened.getAnnIds(imgIds=[1])) == 100
    (number,) = opened.getCatIds(catNms=["polyp"])
    assert len(opened.getAnnIds(catIds=[number])) == 42
    assert opened.loadAnns(opened.getAnnIds(imgIds=[2]))[0]["num_keypoints"] == 1


def test_hugging_face_datasets_opens_the_exports(tmp_path: Path):
    from datasets import Image, load_dataset

    put(tmp_path, written("jsonl"))
    a_parquet(tmp_path / "a.parquet")
    lines = load_dataset("json", data_files=str(tmp_path / "reviews.jsonl"), cache_dir=str(tmp_path / "cache"))["train"]
    assert lines.num_rows == 8 and lines[0]["bbox"][0] == list(PICTURES[0].asked[0].shapes[0].xyxy)
    table = load_dataset("parquet", data_files=str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))["train"]
    assert table.cast_column("image_data", Image())[0]["image_data"].size == SIZE
    assert table[0]["bbox"] == lines[0]["bbox"]


def test_label_studio_gets_what_its_import_asks_for(tmp_path: Path):
    texts = written("label-studio")
    tasks = json.loads(texts["label_studio.json"])
    for region in (r for task in tasks for a in task["annotations"] for r in a["result"]):
        kind = region["type"]
        assert {"id", "type", "from_name", "to_name", "original_width", "original_height", "value"} <= set(region)
        assert region["to_name"] == "image" and kind in ("rectanglelabels", "keypointlabels")
        assert 0 <= region["value"]["x"] <= 100 and 0 <= region["value"]["y"] <= 100 and len(region["value"][kind]) == 1
        assert region["value"]["x"] + region["value"]["width"] <= 100.5
        name = {"rectanglelabels": "boxes", "keypointlabels": "points"}[kind]
        assert region["from_name"] == name and f'name="{name}" toName="image"' in texts["label_config.xml"]
    assert [len(task["annotations"]) for task in tasks] == [1, 1, 0, 1]  # a bare count is nobody's empty annotation
    assert 'value="$image"' in texts["label_config.xml"] and tasks[0]["data"]["image"] == "images/a.png"


def test_yolo_lines_alone_give_the_boxes_back_to_a_billionth_of_a_pixel(tmp_path: Path):
    folder = put(tmp_path, written("yolo"))
    (folder / "pdc.json").unlink()
    contents = read(folder)
    found = {p.file: p for p in contents.pictures}["images/a.png"]
    (cells,) = [a for a in found.asked if a.label == "red blood cell"]
    for back, true in zip(cells.shapes, PICTURES[0].asked[0].shapes, strict=True):
        assert back.xyxy == pytest.approx(true.xyxy, abs=1e-9)
    assert [a.label for a in found.asked] == ["red blood cell"]  # lines about one class say nothing about the others
    assert all(a.shapes for p in contents.pictures for a in p.asked)  # and an image that was only counted has none


def test_what_another_program_changed_wins_over_what_was_kept(tmp_path: Path):
    folder = put(tmp_path, written("yolo", PICTURES[3:]), PICTURES[3:])
    path = folder / "labels" / "d.txt"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("0 0.5 0.5 0.25 0.5\n" + "".join(rest))
    (picture,) = read(folder).pictures
    assert picture.asked[0].shapes[0] == Box(187.875, 83.25, 313.125, 249.75)
    assert picture.asked[0].shapes[1] == PICTURES[3].asked[0].shapes[1] and first


def test_a_plain_voc_folder(tmp_path: Path):
    text = """<annotation><folder>JPEGImages</folder><filename>x.jpg</filename><size><width>501</width><height>333</height>
    <depth>3</depth></size><object><name>polyp</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>50</ymax>
    </bndbox></object></annotation>"""
    none = "<annotation><filename>y.jpg</filename><size><width>501</width><height>333</height></size></annotation>"
    found = read(put(tmp_path, {"Annotations/x.xml": text, "Annotations/y.xml": none}, [])).pictures
    assert [(p.file, [(a.label, a.shapes) for a in p.asked]) for p in found] == [
        ("x.jpg", [("polyp", (Box(10, 20, 30, 50),))]),
        ("y.jpg", [("polyp", ())]),
    ]


def test_rows_of_medmultipoints_as_published(tmp_path: Path):
    sha256 = "7b0c560851600e5f"
    row = {
        "image_sha256": sha256,
        "img_size": [501, 333],
        "points": [[15.0, 25.0]],
        "bbox": [[10, 20, 20, 30]],
        "count": 1,
        "label": "polyps",
        "collection_method": "endoscopy",
        "classification": "pathological",
        "organ": "colon",
    }
    other = {**row, "label": "instrument", "bbox": [], "points": [[1, 2], [3, 4]], "count": 2}
    (tmp_path / "MedMultiPoints-images").mkdir()
    (tmp_path / "MedMultiPoints-images" / f"{sha256}.png").write_bytes(b"")
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n")
    (picture,) = read(tmp_path).pictures
    assert picture.file == f"MedMultiPoints-images/{sha256}.png" and picture.size == SIZE
    assert picture.asked[0] == Asked(Task.BOUNDING, "polyps", (Box(10, 20, 20, 30),), 1)
    assert picture.asked[1] == Asked(Task.POINTING, "instrument", (Point(1, 2), Point(3, 4)), 2)


def test_a_csv_that_somebody_typed(tmp_path: Path):
    lines = "file,label,x1,y1,x2,y2,x,y,count", "a.png,cell,1,2,3,4.5,,,", "a.png,dot,,,,,7,8,", "b.png,cell,,,,,,,3"
    (tmp_path / "my.csv").write_text("\n".join(lines))
    a, b = read(tmp_path / "my.csv").pictures
    assert [s for asked in a.asked for s in asked.shapes] == [Box(1, 2, 3, 4.5), Point(7, 8)]
    assert b.asked == (Asked(Task.COUNTING, "cell", (), 3),) and a.size is None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.csv": "x,y\n1,2\n"}, "looks like a table with the columns x, y"),
        ({"a.csv": "file,label,x,y\na.png,cell,one,2\n"}, "line 2 has 'one' where a number"),
        ({"a.csv": "file,label,x1,y1,x2,y2\na.png,cell,5,5,1,1\n"}, "line 2 has a box turned inside out"),
        ({"a.json": "[7]"}, "looks like a JSON list"),
        ({"a.json": '[{"data": {}}]'}, "Task 1 of the Label Studio file names no image"),
        (
            {
                "a.json": '[{"id": 4, "data": {"image": "a"}, "annotations": [{"result": [{"type": "keypointlabels", "value": '
                '{"x": 1, "y": "b", "keypointlabels": ["c"]}}]}]}]'
            },
            "Task 4 has a region",
        ),
        ({"a.json": '[{"image": "a.png", "label": []}]'}, "it is empty, and no label is drawn anywhere"),
        ({"a.jsonl": '{"label": '}, "a.jsonl line 1 is not JSON"),
        ({"a.jsonl": '{"label": 7}'}, "row 1 has no label"),
        ({"a.jsonl": '{"label": "a", "image_sha256": "ab"}'}, "has no image_data, and no image"),
        ({"a.parquet": "PAR1"}, "is not a parquet file"),
        ({"d/data.yaml": "names: {0: cell}"}, "no object that is taken over has it"),
        ({"d/data.yaml": "names: [", "d/images/a.png": ""}, "is not YAML"),
        (
            {"d/classes.txt": "cell", "d/images.txt": "images/a.png"},
            "images/a.png.: a list of images names it, and it is not there",
        ),
        ({"d/Annotations/a.xml": "<annotation>"}, "a.xml is not XML"),
        ({"d/Annotations/a.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><annotation/>"}, "declares entities"),
        ({"d/Annotations/a.xml": "<annotation/>"}, "without a filename"),
        (
            {"d/Annotations/a.xml": "<annotation><filename>a</filename><object><name>b</name></object></annotation>"},
            "without usable corners",
        ),
        ({"d/Annotations/readme": ""}, "readme looks like an empty file"),
        ({"d/a.png": ""}, "no annotation file that PDC reads: it holds 1 picture"),
        ({"d/a.json": "{"}, "a.json is not JSON"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(tmp_path: Path, files: dict[str, str], words: str):
    put(tmp_path, files, [])
    path = tmp_path / next(iter(files))
    with pytest.raises((BadSetting, BadQuestion), match=words):
        read(tmp_path / "d" if (tmp_path / "d").exists() else path)


def test_unknown_formats_and_places_are_sentences(tmp_path: Path):
    with pytest.raises(BadSetting, match=f"use one of {', '.join(READERS)}"):
        read(tmp_path, "xml")
    with pytest.raises(BadSetting, match="is not there"):
        read(tmp_path / "nowhere")
