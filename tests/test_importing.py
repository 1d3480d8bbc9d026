"""What an import stores and what it leaves out: nothing that no file said, never a box out of something else, all of it named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pictures import encoded
from PIL import Image as Pillow
from places import Place, boxes

from pdc.__main__ import main
from pdc.domain import Box, Findings, Question, Task
from pdc.errors import BadSetting
from pdc.exports import export
from pdc.importing import import_file

SIZE = (200, 160)
CELL = (20, 30, 60, 70)
Stored = dict[str, dict[str, list[tuple[float, ...]]]]


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def put(folder: Path, texts: Mapping[str, str | bytes], images: Mapping[str, str]) -> Path:
    """Files of a folder; `images` are file names and colours, so that no two are one picture."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    for name, colour in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(Pillow.new("RGB", SIZE, colour)))
    return folder


def taken(place: Place, path: Path, **options) -> tuple[Stored, str]:
    """{image: {label: corners}} as stored, and the import's sentence about it."""
    imported = import_file(place.store, place.files, path, "ada", **options)
    return stored(place), imported.told()


def stored(place: Place) -> Stored:
    names, found = {i.sha256: i.name for i in place.store.images()}, {}
    for review in place.store.current_reviews():
        for label in review.question.labels:
            marks = [m.shape.xyxy if isinstance(m.shape, Box) else (m.shape.x, m.shape.y)
                     for m in review.findings.marks if m.label == label]  # fmt: skip
            found.setdefault(names[review.image_sha256], {})[label] = marks
    return found


def ran(monkeypatch, capsys, home: Path, *words: str) -> tuple[int, str]:
    monkeypatch.setenv("PDC_HOME", str(home))
    code = main(list(words))
    said = capsys.readouterr()
    return code, (said.out + said.err).strip().splitlines()[-1]


# COCO


def a_coco(folder: Path, annotations: list[dict], images: tuple[str, ...] = ("a.png", "b.png"), **more) -> Path:
    colours = ("red", "blue", "lime")
    document = {
        "images": [{"id": i, "file_name": n, "width": 200, "height": 160, **more} for i, n in enumerate(images, start=1)],
        "categories": [{"id": i, "name": n} for i, n in enumerate(("cell", "platelet", "dog"), start=1)],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, **a} for i, a in enumerate(annotations, start=1)],
    }
    return put(folder, {"a.json": json.dumps(document)}, dict(zip(images, colours, strict=False))) / "a.json"


BOXED = {"bbox": [20, 30, 40, 40]}
PLATELET = {**BOXED, "category_id": 2}
OUTLINE = {"segmentation": [[20, 30, 60, 30, 60, 70]]}
MASK = {"segmentation": {"counts": [1, 2], "size": [160, 200]}}


@pytest.mark.parametrize(("left_out", "reason"), [
    ({**BOXED, **MASK, "iscrowd": 1}, "marked as a crowd"),
    (MASK, "a mask without a bbox"),
    (OUTLINE, "an outline without a bbox"),
    ({**OUTLINE, "bbox": []}, "an outline without a bbox"),
    ({**OUTLINE, "bbox": [0, 0, 0, 0]}, "an outline without a bbox"),
    ({"keypoints": [1, 2, 2, 3, 4, 2], "num_keypoints": 2}, "keypoints without a bbox"),
    ({**BOXED, "attributes": {"rotation": 15.0}}, "a turned box"),
    ({**BOXED, "score": 0.93}, "it is a prediction"),
])  # fmt: skip
def test_a_coco_object_that_is_no_box_takes_its_label_out_of_its_image(place, tmp_path: Path, left_out: dict, reason: str):
    path = a_coco(tmp_path, [left_out, BOXED, PLATELET, {**BOXED, "image_id": 2}])
    found, said = taken(place, path)
    assert found == {"a.png": {"platelet": [CELL]}, "b.png": {"cell": [CELL]}}
    assert reason in said and said.count("(cell in a.png)") == 2  # the object itself, and the box that is not all


def test_a_coco_image_is_none_only_when_the_file_or_the_user_says_so(place, tmp_path: Path):
    found, said = taken(place, path := a_coco(tmp_path, [BOXED, PLATELET, {**BOXED, "image_id": 3}], ("a.png", "b.png", "c.png")))
    assert found == {"a.png": {"cell": [CELL], "platelet": [CELL]}, "c.png": {"cell": [CELL]}}
    assert "1 image (b.png): nothing is drawn" in said and "1 answer (platelet in c.png): nothing is drawn" in said
    other = Place(tmp_path / "other")
    found, said = taken(other, path, complete=True)
    assert found == {"a.png": {"cell": [CELL], "platelet": [CELL]}, "b.png": {"cell": [], "platelet": []},
                     "c.png": {"cell": [CELL], "platelet": []}}  # fmt: skip
    assert '3 answers "none"' in said and "nothing is drawn" not in said
    other.store.close()


def test_complete_denies_no_label_that_an_object_was_left_out_of(place, tmp_path: Path):
    found, _ = taken(place, a_coco(tmp_path, [OUTLINE, PLATELET, {**BOXED, "image_id": 2}]), complete=True)
    assert found == {"a.png": {"platelet": [CELL]}, "b.png": {"cell": [CELL], "platelet": []}}


def test_a_category_that_nobody_used_is_not_asked_and_is_named(place, tmp_path: Path):
    found, said = taken(place, a_coco(tmp_path, [BOXED, {**PLATELET, "image_id": 2}]), complete=True)
    assert all("dog" not in labels for labels in found.values()) and "dog" not in place.store.labels()
    assert "Left out 1 label (dog)" in said


def test_what_another_program_added_to_pdcs_own_coco_file_is_kept(place, tmp_path: Path):
    asked = [{"task": "count_and_box", "label": "platelet", "count": 0}]
    found, _ = taken(place, a_coco(tmp_path, [BOXED], ("a.png",), labels=["platelet"], asked=asked))
    assert found == {"a.png": {"platelet": [], "cell": [CELL]}}


def test_one_wrong_box_leaves_its_image_out_and_not_the_file(place, tmp_path: Path):
    found, said = taken(place, a_coco(tmp_path, [BOXED, {"image_id": 2, "bbox": [900, 2, 3, 4]}]))
    assert found == {"a.png": {"cell": [CELL]}} and "1 image (b.png): Annotation 2" in said


# YOLO


LINE = "0 0.2 0.3125 0.2 0.25"


def a_yolo(folder: Path, labels: Mapping[str, str], names: str = "[cell, platelet]", images=("a", "b")) -> Path:
    texts = {f"labels/{name}.txt": text for name, text in labels.items()}
    pictures = {f"images/{n}.png": c for n, c in zip(images, ("red", "blue", "lime"), strict=False)}
    return put(folder, {"data.yaml": f"names: {names}\n", **texts}, pictures)


@pytest.mark.parametrize(("line", "reason"), [
    (f"{LINE} 0.93", "it is a prediction"),
    ("0 0.1 0.2 0.3 0.2 0.3 0.4", "more than five numbers"),  # an outline of three corners
    ("0 0.1 0.2 0.3 0.2 0.3 0.4 0.1 0.4", "more than five numbers"),  # a turned box
    (f"{LINE} 0.1 0.2 2 0.3 0.4 2", "more than five numbers"),  # a pose
    ("0 0.7 0.7 0 0", "no size among boxes"),
])  # fmt: skip
def test_a_yolo_line_that_is_no_box_takes_its_label_out_of_its_image(place, tmp_path: Path, line: str, reason: str):
    found, said = taken(place, a_yolo(tmp_path, {"a": f"{LINE}\n{line}\n1{LINE[1:]}\n", "b": LINE}))
    assert found == {"a.png": {"platelet": [CELL]}, "b.png": {"cell": [CELL]}} and reason in said


def test_an_empty_yolo_file_says_none_and_a_missing_one_says_nothing(place, tmp_path: Path):
    folder = a_yolo(tmp_path, {"a": LINE, "b": "", "stray": LINE}, images=("a", "b", "c"))
    found, said = taken(place, folder)
    assert found == {"a.png": {"cell": [CELL]}, "b.png": {"cell": []}}
    for words in ('1 answer "none"', "(images/c.png): it has no .txt", "(labels/stray.txt): no image", "1 label (platelet)"):
        assert words in said
    assert taken(place, folder, complete=True)[0]["c.png"] == {"cell": []}


def test_label_files_in_the_wrong_place_make_no_image_negative(place, tmp_path: Path):
    folder = put(tmp_path, {"classes.txt": "cell\n", "a.txt": LINE}, {"images/a.png": "red"})
    with pytest.raises(BadSetting, match=r"Nothing of .*images/a.png\): it has no .txt in labels/"):
        taken(place, folder, complete=False)
    assert place.store.images() == []


@pytest.mark.parametrize("names", ["{1: platelet, 2: leukocyte, 5: erythrocyte}", '{"1": platelet, "2": leukocyte}'])
def test_yolo_classes_go_by_their_number(place, tmp_path: Path, names: str):
    found, said = taken(place, a_yolo(tmp_path, {"a": f"1{LINE[1:]}\n2{LINE[1:]}\n", "b": f"2{LINE[1:]}\n0{LINE[1:]}"}, names))
    assert found == {"a.png": {"platelet": [CELL], "leukocyte": [CELL]}, "b.png": {"leukocyte": [CELL]}}
    assert "(class number 0 in images/b.png): its class number has no name" in said


def test_a_blank_line_in_classes_txt_keeps_the_numbers_below_it(place, tmp_path: Path):
    folder = a_yolo(tmp_path, {"a": f"2{LINE[1:]}", "b": LINE})
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfrbc\n\nplatelet\nwbc\n")
    assert taken(place, folder)[0] == {"a.png": {"platelet": [CELL]}, "b.png": {"rbc": [CELL]}}


# Label Studio


def a_region(kind: str = "rectanglelabels", label: str = "cell", x: float = 10, **more) -> dict:
    value = {"x": x, "y": 18.75, "width": 20, "height": 25, "rotation": 0, kind: [label], **more.pop("value", {})}
    return {"type": kind, "original_width": 200, "original_height": 160, "image_rotation": 0, "value": value, **more}


def a_task(image: str, *annotations: dict, **more) -> dict:
    return {"data": {"image": image}, "annotations": list(annotations), **more}


def a_label_studio(folder: Path, *tasks: dict) -> Path:
    pictures = zip((t["data"]["image"] for t in tasks), ("red", "blue", "lime", "white", "navy"), strict=False)
    return put(folder, {"tasks.json": json.dumps(tasks)}, dict(pictures)) / "tasks.json"


def test_only_a_submitted_annotation_says_none(place, tmp_path: Path):
    path = a_label_studio(
        tmp_path, a_task("done.png", {"result": [a_region()]}), a_task("empty.png", {"result": [], "was_cancelled": False}),
        a_task("skipped.png", {"result": [], "was_cancelled": True}), a_task("untouched.png"),
        a_task("predicted.png", predictions=[{"result": [a_region()]}]),
    )  # fmt: skip
    for complete in (False, True):
        found, said = taken(place, path, complete=complete)
        assert found == {"done.png": {"cell": [CELL]}, "empty.png": {"cell": []}}
        for words in ("(skipped.png): its task was skipped", "(untouched.png): nobody", "(predicted.png): its task has only"):
            assert words in said


@pytest.mark.parametrize("region", [
    a_region("polygonlabels"), a_region("brushlabels"), a_region("ellipselabels"), a_region("labels"),
    a_region(value={"rotation": 15}), a_region(image_rotation=90), a_region(item_index=1), a_region("newlabels"),
], ids=lambda r: r["type"])  # fmt: skip
def test_a_region_that_is_not_read_takes_its_label_out_of_its_image(place, tmp_path: Path, region: dict):
    regions = [region, a_region(), a_region(label="platelet")]
    found, said = taken(place, a_label_studio(tmp_path, a_task("a.png", {"result": regions}), a_task("b.png", {"result": []})))
    assert found == {"a.png": {"platelet": [CELL]}, "b.png": {"platelet": [], "cell": []}} and "(cell in a.png)" in said


@pytest.mark.parametrize("region", [a_region(value={"rectanglelabels": []}), {"type": "brush", "value": {"rle": [1]}}, 7])
def test_a_region_without_a_label_takes_the_whole_image_out(place, tmp_path: Path, region: object):
    tasks = a_task("a.png", {"result": [region, a_region()]}), a_task("b.png", {"result": [a_region()]})
    found, said = taken(place, a_label_studio(tmp_path, *tasks))
    assert found == {"b.png": {"cell": [CELL]}} and "Left out 1 object (a.png)" in said


def test_a_remark_about_an_image_is_no_shape_and_no_none(place, tmp_path: Path):
    remark = {"type": "choices", "value": {"choices": ["blurred"]}}
    tasks = a_task("a.png", {"result": [remark, a_region()]}), a_task("b.png", {"result": [remark]})
    assert taken(place, a_label_studio(tmp_path, *tasks))[0] == {"a.png": {"cell": [CELL]}}


# points beside boxes


def test_points_beside_a_box_of_their_label_are_all_kept_as_points(place, tmp_path: Path):
    points = [{**a_region("keypointlabels", x=x), "value": {"x": x, "y": 75, "keypointlabels": ["cell"]}} for x in (5, 15)]
    path = a_label_studio(tmp_path, a_task("a.png", {"result": [a_region(), *points, a_region(label="platelet")]}))
    found, said = taken(place, path)
    assert found == {"a.png": {"cell": [(40, 50), (10, 120), (30, 120)], "platelet": [CELL]}}
    assert "Left out 1 box size (cell in a.png)" in said and "4 marks" in said
    assert {r.question.task for r in place.store.current_reviews()} == {Task.POINTING, Task.BOUNDING}


def test_points_beside_a_box_in_a_csv_are_all_kept_as_points(place, tmp_path: Path):
    lines = "file,label,x1,y1,x2,y2,x,y", "a.png,cell,20,30,60,70,,", "a.png,cell,,,,,10,120"
    put(tmp_path, {"a.csv": "\n".join(lines)}, {"a.png": "red"})
    assert taken(place, tmp_path / "a.csv")[0] == {"a.png": {"cell": [(40, 50), (10, 120)]}}


def test_a_row_whose_boxes_are_not_all_its_points_keeps_the_points(place, tmp_path: Path):
    row = {"file_name": "a.png", "label": "cell", "bbox": [list(CELL)], "points": [[40, 50], [10, 120]]}
    rows = {**row, "count": 2}, {**row, "label": "platelet", "count": 3}, {**row, "label": "dog", "count": 1}
    put(tmp_path, {"a.jsonl": "\n".join(map(json.dumps, rows))}, {"a.png": "red"})
    found, said = taken(place, tmp_path / "a.jsonl")
    assert found == {"a.png": {"cell": [(40, 50), (10, 120)], "dog": [CELL]}}
    assert "row 2 has 1 boxes and 2 points, and its count is neither" in said


def test_an_export_says_which_answers_its_format_has_no_place_for(place: Place, tmp_path: Path):
    image = place.image("a")
    place.review(image, Question(Task.BOUNDING, ("cell",)), boxes(("cell", (1, 1, 9, 9))))
    place.review(image, Question(Task.COUNTING, ("cell",)), Findings(stated={"cell": 7}))
    written = {f: export(place.store, place.files, tmp_path / f, f) for f in ("coco", "csv")}
    assert [(w.reviews, w.left_out) for w in written.values()] == [(1, 1), (2, 0)]


def test_the_export_command_tells_what_it_did_not_write(tmp_path: Path, monkeypatch, capsys):
    lines = "file,label,task,count,x1,y1,x2,y2", "a.png,cell,bounding,1,20,30,60,70", "a.png,cell,counting,7,,,,"
    put(tmp_path, {"a.csv": "\n".join(lines)}, {"a.png": "red"})
    line = ran(monkeypatch, capsys, tmp_path / "home", "import", str(tmp_path / "a.csv"))[1]
    assert line.endswith('1 mark, 0 answers "none", 1 count.')
    line = ran(monkeypatch, capsys, tmp_path / "home", "export", str(tmp_path / "out"))[1]
    assert line.startswith("Wrote 1 review of 1 image") and "Left out 1 answer: this format holds one per label" in line
    line = ran(monkeypatch, capsys, tmp_path / "home", "export", str(tmp_path / "csv"), "--format", "csv")[1]
    assert line.startswith("Wrote 2 reviews") and "Left out" not in line


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "label-studio", "jsonl", "csv"])
def test_a_box_without_area_is_not_lost_between_two_stores(place: Place, tmp_path: Path, format: str):
    question = Question(Task.BOUNDING, ("cell",))
    there, image = Place(tmp_path / "there"), place.image("a", size=SIZE)
    place.review(image, question, boxes(("cell", CELL), ("cell", (5, 5, 5, 5))))
    export(place.store, place.files, tmp_path / "out", format)
    import_file(there.store, there.files, tmp_path / "out", "bob")
    marks = there.store.current_review(image.sha256, question).findings.marks
    assert [m.shape for m in marks] == [Box(*CELL), Box(5, 5, 5, 5)]
    there.store.close()


# marks and pictures that do not belong together


def a_voc(name: str, corners: tuple[float, ...], label: str = "cell", size: str = "") -> str:
    tags = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    return (f"<annotation><filename>{name}</filename>{size}"
            f"<object><name>{label}</name><bndbox>{tags}</bndbox></object></annotation>")  # fmt: skip


SIZES = "<size><width>200</width><height>160</height></size>", "<size><width>0</width><height>0</height></size>", ""


@pytest.mark.parametrize("size", SIZES)
def test_a_mark_that_leaves_its_image_leaves_the_image_out(place, tmp_path: Path, size: str):
    corners = {"a": CELL, "b": (320, 20, 360, 60), "c": (150, 20, 210, 60), "d": (150, 100, 200.9, 161)}
    texts = {f"{n}.xml": a_voc(f"{n}.png", c, size=size) for n, c in corners.items()}
    colours = dict(zip((f"{n}.png" for n in corners), ("red", "blue", "lime", "navy"), strict=True))
    found, said = taken(place, put(tmp_path, texts, colours))
    assert found == {"a.png": {"cell": [CELL]}, "d.png": {"cell": [(150, 100, 200, 160)]}}  # one pixel is rounding
    assert "320 of 200 pixels" in said and "210 of 200 pixels" in said


def test_a_share_that_leaves_the_image_leaves_the_image_out(place, tmp_path: Path):
    found, said = taken(place, a_yolo(tmp_path, {"a": LINE, "b": f"{LINE}\n0 1.7 0.25 0.2 0.25"}))
    assert found == {"a.png": {"cell": [CELL]}} and "b.txt line 2 lies outside its image" in said


def test_marks_of_two_folders_are_not_put_on_one_flattened_picture(place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED, {**BOXED, "image_id": 2}, {**BOXED, "image_id": 3}], ("p1/i.png", "p2/i.png", "c.png"))
    for folder in ("p1", "p2"):
        (tmp_path / folder / "i.png").replace(tmp_path / "i.png")
    found, said = taken(place, path)
    assert list(found) == ["c.png"] and "2 images (p1/i.png, p2/i.png): images of several folders have this name" in said


def test_a_picture_that_comes_twice_is_named(place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED, {"bbox": [1, 2, 3, 4], "image_id": 2}])
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    found, said = taken(place, path)
    assert found == {"a.png": {"cell": [CELL]}} and "(b.png): it shows the same picture as an image before it" in said


def test_a_corrected_file_imported_again_says_whose_review_stays(place, tmp_path: Path):
    put(tmp_path, {"a.xml": a_voc("a.png", CELL)}, {"a.png": "red"})
    taken(place, tmp_path)
    assert "the same is stored already" in taken(place, tmp_path)[1]
    (tmp_path / "a.xml").write_text(a_voc("a.png", (1, 2, 3, 4)))
    found, said = taken(place, tmp_path)
    assert found == {"a.png": {"cell": [CELL]}} and "(a.png): the image has another review of this question" in said


# Pascal VOC


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-8", "utf-16"])
def test_the_encoding_that_an_xml_file_declares_counts(place, tmp_path: Path, encoding: str):
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + a_voc("a.png", CELL, "Blutplättchen")
    put(tmp_path, {"a.xml": text.encode(encoding)}, {"a.png": "red"})
    assert taken(place, tmp_path)[0] == {"a.png": {"Blutplättchen": [CELL]}}


def test_entities_are_refused_in_any_encoding(place, tmp_path: Path):
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "b">]>' + a_voc("&a;.png", CELL)
    put(tmp_path, {"a.xml": text.encode("utf-16")}, {"b.png": "red"})
    with pytest.raises(BadSetting, match="declares entities"):
        taken(place, tmp_path)


def test_a_voc_file_without_objects_says_none_and_an_outline_is_no_box(place, tmp_path: Path):
    empty = "<annotation><filename>b.png</filename></annotation>"
    outline = a_voc("c.png", CELL).replace("bndbox>", "polygon>")
    turned = a_voc("d.png", CELL).replace("<bndbox>", "<bndbox><angle>0.5</angle>")
    texts = {"a.xml": a_voc("a.png", CELL), "b.xml": empty, "c.xml": outline, "d.xml": turned}
    images = dict(zip(("a.png", "b.png", "c.png", "d.png"), ("red", "blue", "lime", "navy"), strict=True))
    found, said = taken(place, put(tmp_path, texts, images))
    assert found == {"a.png": {"cell": [CELL]}, "b.png": {"cell": []}}
    assert "(cell in c.png): it is an outline" in said and "(cell in d.png): it is a turned box" in said


# counts


def test_a_number_without_marks_is_never_none(place, tmp_path: Path):
    lines = "file,label,count,x,y", "a.png,cell,7,,", "b.png,cell,,5,6", "c.png,cell,0,,", "d.png,cell,,,"
    images = dict(zip(("a.png", "b.png", "c.png", "d.png"), ("red", "blue", "lime", "navy"), strict=True))
    put(tmp_path, {"a.csv": "\n".join(lines)}, images)
    found, said = taken(place, tmp_path / "a.csv", task=Task.POINTING)
    assert found == {"b.png": {"cell": [(5, 6)]}, "c.png": {"cell": []}}
    assert "(cell in a.png): only its number is known" in said and "(d.png): a.csv line 5 has neither a mark nor a count" in said


def test_a_row_that_contradicts_its_own_task_is_left_out(place, tmp_path: Path):
    row = {"file_name": "a.png", "task": "bounding"}
    rows = {**row, "label": "cell", "bbox": [], "points": [[1, 2]]}, {**row, "label": "platelet", "bbox": [], "count": 4}
    put(tmp_path, {"a.jsonl": "\n".join(map(json.dumps, (*rows, {**row, "label": "dog", "bbox": []})))}, {"a.png": "red"})
    found, said = taken(place, tmp_path / "a.jsonl")
    assert found == {"a.png": {"dog": []}} and "(platelet in a.png): its count is 4, and 0 are marked" in said


# the command


def test_the_last_line_of_an_import_is_the_account_of_it(tmp_path: Path, monkeypatch, capsys):
    whole = put(tmp_path / "whole", {"a.xml": a_voc("a.png", CELL)}, {"a.png": "red"})
    line = f'Added 1 review of 1 image from {whole}: 1 mark, 0 answers "none".'
    assert ran(monkeypatch, capsys, tmp_path / "home", "import", str(whole)) == (0, line)  # nothing left out: no clutter
    path = a_coco(tmp_path / "coco", [BOXED, BOXED, {**OUTLINE, "category_id": 2}])
    code, line = ran(monkeypatch, capsys, tmp_path / "other", "import", str(path), "--complete")
    assert (code, line) == (0, (
        f'Added 2 reviews of 2 images from {path}: 2 marks, 2 answers "none". '
        "Left out 1 label (dog): no object that is taken over has it. "
        "Left out 1 object (platelet in a.png): it is an outline without a bbox, which is not read."
    ))  # fmt: skip


def test_an_import_that_can_store_nothing_fails_and_says_why(tmp_path: Path, monkeypatch, capsys):
    path = a_coco(tmp_path / "coco", [])
    code, line = ran(monkeypatch, capsys, tmp_path / "home", "import", str(path))
    assert code == 1 and line.startswith("pdc: Nothing of") and "2 images (a.png, b.png): nothing is drawn" in line


def test_a_long_account_names_a_few_and_counts_the_rest(place: Place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED], tuple(f"{i}.png" for i in range(9)))
    said = taken(place, path)[1]
    assert "Left out 8 images (1.png, 2.png, 3.png, 4.png, 5.png and 3 more): nothing is drawn" in said
