"""Data sets as the tools lay them out: given as a folder, as the annotation file in it, or as the zip."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from annotations import BOXED, CELL, LINE, SIZE, a_region, a_task, a_voc, put, taken
from pictures import encoded
from PIL import Image as Pillow
from places import Place

from pdc.domain.errors import BadSetting
from pdc.formats.registry import read
from pdc.formats.sources import index

SECOND = "0 0.625 0.40625 0.25 0.3125"
BLOCK = (100, 40, 150, 90)


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def coco(*names: str, boxes=(BOXED, {"bbox": [100, 40, 50, 50]})) -> str:
    images = [{"id": i, "file_name": n, "width": 200, "height": 160} for i, n in enumerate(names)]
    annotations = [{"id": i, "image_id": i, "category_id": 1, **b} for i, b in zip(range(len(names)), boxes, strict=False)]
    return json.dumps({"images": images, "categories": [{"id": 1, "name": "cell"}], "annotations": annotations})


def second(name: str) -> str:
    return a_voc(name, BLOCK)


TASKS = json.dumps([a_task(f"/data/upload/1/{name}", {"result": [r]}) for name, r in (("00000001-a%20b.png", a_region()),)])
LAYOUTS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {  # the texts, and the pictures of the first and the second box
    "coco of roboflow": (
        {
            "train/_annotations.coco.json": coco("a.png"),
            "valid/_annotations.coco.json": coco("b.png", boxes=[{"bbox": [100, 40, 50, 50]}]),
        },
        ("train/a.png", "valid/b.png"),
    ),
    "coco of cvat": (
        {"annotations/instances_default.json": coco("a.png", "b.png")},
        ("images/default/a.png", "images/default/b.png"),
    ),
    "coco itself": ({"annotations/instances_val2017.json": coco("a.png", "b.png")}, ("val2017/a.png", "val2017/b.png")),
    "one name in two splits": (
        {
            "train/_annotations.coco.json": coco("a.png"),
            "test/_annotations.coco.json": coco("a.png", boxes=[{"bbox": [100, 40, 50, 50]}]),
        },
        ("train/a.png", "test/a.png"),
    ),
    "yolo of ultralytics": (
        {"data.yaml": "names: [cell]", "labels/train/a.txt": LINE, "labels/val/b.txt": SECOND},
        ("images/train/a.png", "images/val/b.png"),
    ),
    "yolo of roboflow": (
        {
            "data.yaml": "names: ['cell']",
            "train/labels/a.txt": LINE,
            "valid/labels/b.txt": SECOND,
            "README.roboflow.txt": "Made by",
        },
        ("train/images/a.png", "valid/images/b.png"),
    ),
    "yolo darknet of roboflow": (
        {"train/_darknet.labels": "cell\n", "train/a.txt": LINE, "valid/_darknet.labels": "cell\n", "valid/b.txt": SECOND},
        ("train/a.png", "valid/b.png"),
    ),
    "yolo of cvat": (
        {
            "obj.data": "classes = 1\nnames = data/obj.names\n",
            "obj.names": "cell\n",
            "train.txt": "data/obj_train_data/a.png\ndata/obj_train_data/b.png\n",
            "obj_train_data/a.txt": LINE,
            "obj_train_data/b.txt": SECOND,
        },
        ("obj_train_data/a.png", "obj_train_data/b.png"),
    ),
    "yolo of labelimg": ({"classes.txt": "cell\n", "a.txt": LINE, "b.txt": SECOND}, ("a.png", "b.png")),
    "yolo with classes among the labels": (
        {"labels/classes.txt": "cell\n", "labels/a.txt": LINE, "labels/b.txt": SECOND},
        ("images/a.png", "images/b.png"),
    ),
    "voc itself": (
        {"Annotations/a.xml": a_voc("a.png", CELL), "Annotations/b.xml": second("b.png")},
        ("JPEGImages/a.png", "JPEGImages/b.png"),
    ),
    "voc in one folder": ({"a.xml": a_voc("a", CELL), "b.xml": second("b.jpg")}, ("a.png", "b.png")),
    "voc of roboflow": ({"train/a.xml": a_voc("a.png", CELL), "test/a.xml": second("a.png")}, ("train/a.png", "test/a.png")),
}


def laid_out(folder: Path, texts: Mapping[str, str], images: tuple[str, ...]) -> Path:
    return put(folder, texts, dict(zip(images, ("red", "blue"), strict=True)))


def zipped(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, top + file.relative_to(folder).as_posix())
    return path


def boxes(place: Place) -> set[tuple]:
    return {m.shape.xyxy for r in place.store.current_reviews() for m in r.findings.marks}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_from_its_folder_and_from_its_zip(place, tmp_path: Path, name: str):
    folder = laid_out(tmp_path / "set", *LAYOUTS[name])
    for path in (folder, zipped(folder, tmp_path / "set.zip"), zipped(folder, tmp_path / "top.zip", "my-set/")):
        other = Place(tmp_path / path.name / "home" if path.is_dir() else tmp_path / f"{path.name} home")
        said = taken(other, path)[1]
        assert boxes(other) == {CELL, BLOCK}, said
        assert "Left out" not in said and said.startswith("Added 2 reviews of 2 images")
        other.store.close()


@pytest.mark.parametrize("name", ["coco of cvat", "coco itself", "yolo of ultralytics", "yolo of cvat", "yolo of labelimg"])
def test_a_layout_is_read_from_its_annotation_file(place, tmp_path: Path, name: str):
    texts, images = LAYOUTS[name]
    signs = ("json", "yaml", ".names", "classes.txt")
    taken(place, laid_out(tmp_path / "set", texts, images) / next(t for t in texts if t.endswith(signs)))
    assert boxes(place) == {CELL, BLOCK}


def test_one_annotation_file_of_many_is_read_alone(place, tmp_path: Path):
    folder = laid_out(tmp_path / "set", *LAYOUTS["voc itself"])
    assert taken(place, folder / "Annotations" / "b.xml")[0] == {"b.png": {"cell": [BLOCK]}}


def test_an_uploaded_image_is_found_by_its_name_and_keeps_the_name_of_its_file(place, tmp_path: Path):
    put(tmp_path / "set", {"project-1.json": TASKS}, {"images/a b.png": "red"})
    assert taken(place, tmp_path / "set")[0] == {"a b.png": {"cell": [CELL]}}


def test_an_empty_label_file_denies_no_label_of_another_set(place, tmp_path: Path):
    texts = {"one/data.yaml": "names: [polyp]", "one/labels/a.txt": LINE, "one/labels/b.txt": ""}
    more = {"two/data.yaml": "names: [rbc]", "two/labels/c.txt": LINE}
    images = {"one/images/a.png": "red", "one/images/b.png": "blue", "two/images/c.png": "lime"}
    found, _ = taken(place, put(tmp_path / "set", texts | more, images))
    assert found == {"a.png": {"polyp": [CELL]}, "b.png": {"polyp": []}, "c.png": {"rbc": [CELL]}}


def test_class_names_that_disagree_are_refused(tmp_path: Path):
    texts = {"data.yaml": "names: [rbc, wbc]", "classes.txt": "wbc\nrbc\n", "labels/a.txt": LINE}
    with pytest.raises(BadSetting, match=r"data.yaml and classes.txt name the classes differently"):
        read(put(tmp_path, texts, {"images/a.png": "red"}))


def test_a_label_file_that_fits_two_images_is_named_and_nobodys(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"classes.txt": "cell\n", "a.txt": LINE, "b.txt": LINE}, {"a.png": "red", "b.png": "lime"})
    (folder / "a.jpg").write_bytes(encoded(Pillow.new("RGB", SIZE, "blue"), "JPEG"))
    found, said = taken(place, folder)
    assert list(found) == ["b.png"] and "2 images (a.jpg, a.png): a.txt fits several images" in said


def test_one_image_in_two_formats_is_asked_about_and_two_sets_of_two_formats_are_both_read(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL), "a.json": coco("a.png")}, {"a.png": "red"})
    with pytest.raises(BadSetting, match=r"holds marks of a.png in several formats: coco .*; voc .*Say which with --format"):
        read(folder)
    assert taken(place, folder, format="voc")[0] == {"a.png": {"cell": [CELL]}}
    apart = put(
        tmp_path / "apart", {"x/b.xml": a_voc("b.png", CELL), "y/c.json": coco("c.png")}, {"x/b.png": "blue", "y/c.png": "lime"}
    )
    assert set(taken(place, apart)[0]) == {"a.png", "b.png", "c.png"}


def test_a_broken_file_among_good_ones_is_named(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL), "b.json": "{", "notes.json": "{}"}, {"a.png": "red"})
    found, said = taken(place, folder)
    assert found == {"a.png": {"cell": [CELL]}} and "Left out 1 file (b.json): b.json is not JSON" in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", '[{"image_id": 1, "category_id": 1, "bbox": [], "score": 0.9}]', "COCO results"),
        ("a.json", '{"assets": {}, "tags": []}', "JSON with assets, tags"),
        ("a.txt", LINE, "the YOLO labels of one picture; add classes.txt"),
        ("a.txt", "", "an empty file"),
        ("a.pdf", "%PDF-1.7", "a PDF"),
        ("a.svg", "<svg/>", "an SVG drawing"),
        ("a.tsv", "name\tx\ty\n", "a table with the columns name, x, y"),
    ],
)
def test_a_file_that_is_not_read_is_named_by_what_it_looks_like(tmp_path: Path, name: str, content: str, words: str):
    put(tmp_path, {name: content}, {})
    with pytest.raises(BadSetting, match=rf"{name} looks like .*{words}.*PDC reads"):
        read(tmp_path / name)


# zips


def test_a_zip_cannot_reach_outside_itself(place, tmp_path: Path):
    secret = put(tmp_path, {}, {"secret.png": "red"}) / "secret.png"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../secret.png", encoded(Pillow.new("RGB", SIZE, "lime")))
        archive.writestr("set.json", coco("../secret.png", str(secret)))
    found, _ = taken(place, tmp_path / "a.zip")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "home", "secret.png"]
    assert list(found) == ["secret.png"]  # the one in the zip, which is lime
    pixel = place.files.open(place.store.images()[0].sha256).getpixel((0, 0))
    assert pixel == (0, 255, 0)


@pytest.mark.parametrize(
    ("limit", "words"),
    [("MAX_FILES", "holds more than 1 files"), ("MAX_ZIP_BYTES", "too large unpacked"), ("MAX_BYTES", "is too large")],
)
def test_a_zip_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch, limit: str, words: str):
    path = zipped(laid_out(tmp_path / "set", *LAYOUTS["coco itself"]), tmp_path / "a.zip")
    monkeypatch.setattr(index, limit, 1)
    with pytest.raises(BadSetting, match=words):
        read(path)


def test_a_damaged_zip_or_member_is_a_sentence(place, tmp_path: Path):
    path = zipped(laid_out(tmp_path / "set", *LAYOUTS["coco itself"]), tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"IHDR")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    found, said = taken(place, path)
    assert list(found) == ["b.png"] and "(a.png): val2017/a.png cannot be read (Bad CRC-32" in said
    path.write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(BadSetting, match="is a damaged zip"):
        read(path)


def test_hidden_files_of_a_mac_are_no_images(place, tmp_path: Path):
    folder = laid_out(tmp_path / "set", *LAYOUTS["yolo of labelimg"])
    put(folder, {"__MACOSX/._a.txt": "x", ".ipynb_checkpoints/a.txt": SECOND}, {"__MACOSX/._a.png": "navy"})
    assert "Left out" not in taken(place, zipped(folder, tmp_path / "a.zip"))[1]


def test_a_link_that_leads_back_ends_the_walk(place, tmp_path: Path):
    folder = laid_out(tmp_path / "set", *LAYOUTS["yolo of labelimg"])
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert "Left out" not in taken(place, folder)[1] and boxes(place) == {CELL, BLOCK}


def test_names_in_a_zip_of_a_mac_are_read_in_utf_8(place, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("set.json", coco("Zürich.png"))
        archive.writestr("Z__rich.png", encoded(Pillow.new("RGB", SIZE, "red")))
    unmarked = (tmp_path / "a.zip").read_bytes().replace(b"Z__rich", "Zürich".encode())  # without the flag that says UTF-8
    (tmp_path / "a.zip").write_bytes(unmarked)
    assert taken(place, tmp_path / "a.zip")[0] == {"Zürich.png": {"cell": [CELL]}}
