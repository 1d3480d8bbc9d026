"""What an import stores of every format: nothing that no file said, marks on the right picture, and an account of it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from annotations import (
    BOXED,
    CELL,
    LINE,
    PLATELET,
    SIZE,
    a_coco,
    a_label_studio,
    a_region,
    a_task,
    a_voc,
    a_yolo,
    put,
    ran,
    taken,
)
from pictures import encoded
from PIL import Image as Pillow
from places import Place, boxes
from pyarrow import parquet

from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Question, Task, Verdict
from pdc.formats.exporting import export
from pdc.formats.import_report import LabelRow
from pdc.formats.importing import import_file
from pdc.formats.registry import read, read_index
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.parquet_images import ParquetImages
from pdc.store.records import EventKind


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


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
    assert [(w.reviews, [e.label for e in w.left_out]) for w in written.values()] == [(1, ["cell"]), (2, [])]


def test_the_export_command_tells_what_it_did_not_write(tmp_path: Path, monkeypatch, capsys):
    lines = "file,label,task,count,x1,y1,x2,y2", "a.png,cell,bounding,1,20,30,60,70", "a.png,cell,counting,7,,,,"
    put(tmp_path, {"a.csv": "\n".join(lines)}, {"a.png": "red"})
    line = ran(monkeypatch, capsys, tmp_path / "home", "import", str(tmp_path / "a.csv"))[1]
    assert line.endswith('1 mark, 0 answers "none", 1 count.')
    line = ran(monkeypatch, capsys, tmp_path / "home", "export", str(tmp_path / "out"))[1]
    assert line.startswith("Wrote 1 review of 1 image") and "Left out 1 answer (cell in a.png): this format has no place" in line
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
    assert (
        list(found) == ["c.png"]
        and "2 images (p1/i.png, p2/i.png): images of several folders or spellings have this name" in said
    )


def test_a_picture_that_comes_twice_is_named(place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED, {"bbox": [1, 2, 3, 4], "image_id": 2}])
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(BadSetting, match=r"cell in b.png\): a.png is the same picture with other marks, so neither is taken"):
        taken(place, path)
    assert place.store.images() == []
    path = a_coco(tmp_path, [BOXED, {**BOXED, "image_id": 2}, {**PLATELET, "image_id": 2}])
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    found, said = taken(place, path)
    assert found == {"a.png": {"cell": [CELL], "platelet": [CELL]}} and "a.png is the same picture with the same marks" in said


def test_a_corrected_file_imported_again_says_whose_review_stays_and_replaces_it_on_request(place, tmp_path: Path):
    put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL), "b.xml": a_voc("b.png", CELL)}, {"a.png": "red", "b.png": "blue"})
    taken(place, tmp_path / "set")
    assert "the same is stored already" in taken(place, tmp_path / "set")[1]
    (tmp_path / "set" / "a.xml").write_text(a_voc("a.png", (1, 2, 3, 4)))
    found, said = taken(place, tmp_path / "set")
    assert found["a.png"] == {"cell": [CELL]} and "(a.png): the image has another review of this question" in said
    assert "--replace" in said and said.startswith("Added 0 reviews")
    found, said = taken(place, tmp_path / "set", replace=True)
    assert found == {"a.png": {"cell": [(1, 2, 3, 4)]}, "b.png": {"cell": [CELL]}}
    assert said.startswith("Added 1 review of 1 image") and "1 review of them instead of an older one" in said
    history = sorted((r.revision, r.findings.marks[0].shape.xyxy) for r in place.store.reviews())
    assert history == [(1, CELL), (1, CELL), (2, (1, 2, 3, 4))]  # nothing is overwritten


def two(corners: tuple[float, ...], other: tuple[float, ...]) -> str:
    """A VOC file of a.png with a cell and a dot."""
    first, second = a_voc("a.png", corners), a_voc("a.png", other, "dot")
    return first.replace("</annotation>", second[second.index("<object>") :])


def said_now(place: Place) -> dict[tuple[str, ...], dict[str, tuple[float, ...]]]:
    newest = {r.question.labels: r for r in place.store.reviews()}
    return {labels: {m.label: m.shape.xyxy for m in r.findings.marks} for labels, r in newest.items()}


def test_a_corrected_file_with_a_further_label_adds_it_and_what_is_stored_stays(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL)}, {"a.png": "red"})
    taken(place, folder)
    (folder / "a.xml").write_text(two((1, 2, 3, 4), (5, 6, 7, 8)))
    said = taken(place, folder)[1]
    assert "(cell in a.png): the image has another review" in said
    assert said_now(place) == {("cell",): {"cell": CELL}, ("dot",): {"dot": (5, 6, 7, 8)}}
    assert "Added 0 reviews" in taken(place, folder)[1]


def test_a_replaced_label_is_replaced_in_every_question_about_it(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": two(CELL, (5, 6, 7, 8))}, {"a.png": "red"})
    taken(place, folder)
    (folder / "a.xml").write_text(a_voc("a.png", (1, 2, 3, 4)))
    assert "Added 0 reviews" in taken(place, folder)[1]
    taken(place, folder, replace=True)
    assert said_now(place) == {("cell", "dot"): {"cell": (1, 2, 3, 4), "dot": (5, 6, 7, 8)}, ("cell",): {"cell": (1, 2, 3, 4)}}
    assert [r.revision for r in place.store.reviews() if len(r.question.labels) == 2] == [1, 2]


def test_a_readers_own_boxes_are_not_contradicted_by_an_import(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL)}, {"a.png": "red"})
    taken(place, folder)
    (image,) = place.store.images()
    place.review(image, Question(Task.BOUNDING, ("dot", "cell")), boxes(("cell", (9, 9, 20, 20))))
    (folder / "a.xml").write_text(two((1, 2, 3, 4), (5, 6, 7, 8)))
    said = taken(place, folder)[1]
    assert "Added 0 reviews" in said and "cell in a.png" in said and "dot in a.png" in said


def test_a_dry_run_tells_the_same_and_stores_nothing(place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED, PLATELET, {"image_id": 2, "bbox": [900, 2, 3, 4]}])
    dry = import_file(place.store, place.files, path, "ada", dry_run=True)
    assert place.store.images() == [] and place.store.reviews() == [] and not list(tmp_path.glob("home/**/*.png"))
    real = import_file(place.store, place.files, path, "ada")
    assert dry.table == real.table == (LabelRow("cell", 1, 1, 0, 0), LabelRow("platelet", 1, 1, 0, 0))
    assert dry.left_out == real.left_out and dry.told() == real.told().replace("Added", "Would add")


def test_the_table_counts_images_marks_nones_and_counts_of_each_label(place, tmp_path: Path):
    lines = "file,label,count,x,y", "a.png,cell,,1,1", "a.png,cell,,2,2", "b.png,cell,0,,", "b.png,dot,7,,"
    put(tmp_path, {"a.csv": "\n".join(lines)}, {"a.png": "red", "b.png": "blue"})
    table = import_file(place.store, place.files, tmp_path / "a.csv", "ada").table
    assert table == (LabelRow("cell", 2, 2, 1, 0), LabelRow("dot", 1, 0, 0, 1))


def test_strict_stores_all_or_nothing(place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED, {"image_id": 2, "bbox": [900, 2, 3, 4]}])
    with pytest.raises(BadSetting, match=r"Nothing was imported .*--strict.*1 image \(b.png\)"):
        taken(place, path, strict=True)
    assert place.store.images() == [] and place.store.reviews() == [] and not list(tmp_path.glob("home/**/*.png"))
    whole = a_coco(tmp_path, [BOXED, {**BOXED, "image_id": 2}, PLATELET])  # a label nobody used, and silence, are no loss
    assert set(taken(place, whole, strict=True)[0]) == {"a.png", "b.png"}
    assert "the same is stored already" in taken(place, whole, strict=True)[1]


def test_images_wait_nowhere_after_an_import(place, tmp_path: Path):
    taken(place, a_coco(tmp_path / "set", [BOXED, {**BOXED, "image_id": 2}]))
    assert sorted(p.suffix for p in place.files.folder.rglob("*") if p.is_file()) == [".png", ".png"]


# labels


def test_a_spelling_of_a_known_label_becomes_it_and_is_told(place, tmp_path: Path):
    texts = {"a.xml": a_voc("a.png", CELL, "RBC"), "b.xml": a_voc("b.png", CELL, "my thing")}
    folder = put(tmp_path / "set", texts, {"a.png": "red", "b.png": "blue"})
    found, said = taken(place, folder, known_names=True, known=("red blood cell",))
    assert found == {"a.png": {"red blood cell": [CELL]}, "b.png": {"my thing": [CELL]}}
    assert "Label RBC -> red blood cell." in said and "Label my thing" not in said


def test_a_label_stays_as_the_file_has_it_and_what_it_spells_is_told(place, tmp_path: Path):
    folder = put(tmp_path / "set", {"a.xml": a_voc("a.png", CELL, "RBC")}, {"a.png": "red"})
    found, said = taken(place, folder, known=("red blood cell",))
    assert found == {"a.png": {"RBC": [CELL]}} and "Label RBC stays as it is; the model is asked for it as red blood cell" in said


def test_two_spellings_of_a_label_in_one_image_are_one_answer(place, tmp_path: Path):
    first, second = a_voc("a.png", CELL, "RBC"), a_voc("a.png", (1, 2, 30, 40), "erythrocyte")
    both = first.replace("</annotation>", second[second.index("<object>") :])
    found, _ = taken(place, put(tmp_path / "set", {"a.xml": both}, {"a.png": "red"}), known_names=True, known=("red blood cell",))
    assert found == {"a.png": {"red blood cell": [CELL, (1, 2, 30, 40)]}}


def test_what_is_left_out_of_one_spelling_is_missing_in_the_other(place, tmp_path: Path):
    labels = {"a": f"{LINE}\n1{LINE[1:]} 0.93", "b": LINE}  # the second line is a prediction
    folder = a_yolo(tmp_path / "set", labels, "[RBC, erythrocyte]")
    found, said = taken(place, folder, known_names=True, known=("red blood cell",))
    assert found == {"b.png": {"red blood cell": [CELL]}} and "(red blood cell in images/a.png)" in said


@pytest.mark.parametrize("label", ["none", "0", "12"])
def test_a_label_that_names_nothing_is_left_out(place, tmp_path: Path, label: str):
    texts = {"a.xml": a_voc("a.png", CELL, label), "b.xml": a_voc("b.png", CELL)}
    found, said = taken(place, put(tmp_path / "set", texts, {"a.png": "red", "b.png": "blue"}))
    assert found == {"b.png": {"cell": [CELL]}} and f"({label} in a.png)" in said and "no kind of object" in said


def test_a_category_may_be_chosen_by_any_spelling(place, tmp_path: Path):
    texts = {"a.xml": a_voc("a.png", CELL, "RBC"), "b.xml": a_voc("b.png", CELL, "polyp")}
    folder = put(tmp_path / "set", texts, {"a.png": "red", "b.png": "blue"})
    found, _ = taken(place, folder, known_names=True, known=("red blood cell",), labels=["erythrocytes"])
    assert found == {"a.png": {"red blood cell": [CELL]}}


# images that do not count


def test_a_retired_image_stays_retired_and_is_named(place, tmp_path: Path):
    texts = {"a.xml": a_voc("a.png", CELL), "b.xml": a_voc("b.png", CELL)}
    folder = put(tmp_path / "set", texts, {"a.png": "red", "b.png": "blue"})
    taken(place, folder)
    (image,) = [i for i in place.store.images() if i.name == "a.png"]
    place.store.add_events([image.sha256], EventKind.RETIRED, by="ada", note="wrong slide")
    assert "1 image (a.png): ada retired this image" in taken(place, folder, replace=True)[1]


# photos that EXIF turns


def a_photo(path: Path, orientation: int) -> None:
    """Stored with 200 x 160 pixels."""
    photo = Pillow.new("RGB", SIZE, "red")
    exif = photo.getexif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(photo, "JPEG", exif=exif))


@pytest.mark.parametrize(("orientation", "told", "size"), [(6, SIZE, (160, 200)), (6, SIZE[::-1], (160, 200)), (3, SIZE, SIZE)])
def test_marks_on_a_turned_photo_are_as_seen_and_the_photo_is_named(place, tmp_path: Path, orientation: int, told, size):
    corners = (20, 120, 60, size[1] - 2)  # in the turned frame only
    size_tag = f"<size><width>{told[0]}</width><height>{told[1]}</height></size>"
    put(tmp_path / "voc", {"a.xml": a_voc("a.jpg", corners, size=size_tag)}, {})
    a_photo(tmp_path / "voc" / "a.jpg", orientation)
    found, said = taken(place, tmp_path / "voc")
    assert found == {"a.jpg": {"cell": [corners]}} and "Look at a.jpg: its EXIF data turns it" in said
    (stored,) = place.store.images()
    assert (stored.width, stored.height) == size


def test_shares_of_a_turned_photo_are_shares_of_what_is_seen(place, tmp_path: Path):
    put(tmp_path / "set", {"data.yaml": "names: [cell]", "labels/a.txt": "0 0.25 0.25 0.25 0.2"}, {})
    a_photo(tmp_path / "set" / "images" / "a.jpg", 6)
    found, said = taken(place, tmp_path / "set")
    assert found == {"a.jpg": {"cell": [(20, 30, 60, 70)]}} and "EXIF" in said


def test_percent_of_a_turned_photo_are_percent_of_what_is_seen(place, tmp_path: Path):
    region = a_region(value={"x": 25, "y": 25, "width": 25, "height": 20})  # Label Studio tells the stored size, 200 x 160
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "tasks.json").write_text(json.dumps([a_task("a.jpg", {"result": [region]})]))
    a_photo(tmp_path / "set" / "a.jpg", 6)
    assert taken(place, tmp_path / "set")[0] == {"a.jpg": {"cell": [(40, 50, 80, 90)]}}


def test_a_size_that_is_not_the_images_is_refused_however_it_is_turned(place, tmp_path: Path):
    size = "<size><width>300</width><height>200</height></size>"
    put(tmp_path / "set", {"a.xml": a_voc("a.jpg", CELL, size=size)}, {})
    a_photo(tmp_path / "set" / "a.jpg", 6)
    with pytest.raises(BadSetting, match="160 x 200 pixels when upright, and the annotations say 300 x 200"):
        taken(place, tmp_path / "set")


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
    path = a_coco(tmp_path / "coco", [BOXED, BOXED, {**BOXED, "category_id": 2, "score": 0.9}])
    code, line = ran(monkeypatch, capsys, tmp_path / "other", "import", str(path), "--complete")
    assert (code, line) == (
        0,
        (
            f'Added 2 reviews of 2 images from {path}: 2 marks, 2 answers "none". '
            "Left out 1 label (dog): no object that is taken over has it. "
            "Left out 1 object (platelet in a.png): it has a score, so it is a prediction."
        ),
    )


def test_an_import_that_can_store_nothing_fails_and_says_why(tmp_path: Path, monkeypatch, capsys):
    path = a_coco(tmp_path / "coco", [])
    code, line = ran(monkeypatch, capsys, tmp_path / "home", "import", str(path))
    assert code == 1 and line.startswith("pdc: Nothing of") and "2 images (a.png, b.png): nothing is drawn" in line


def test_a_long_account_names_a_few_and_counts_the_rest(place: Place, tmp_path: Path):
    path = a_coco(tmp_path, [BOXED], tuple(f"{i}.png" for i in range(9)))
    said = taken(place, path)[1]
    assert "Left out 8 images (1.png, 2.png, 3.png, 4.png, 5.png and 3 more): nothing is drawn" in said


# images inside a parquet file


def test_images_of_a_parquet_file_are_read_one_after_the_other(place, tmp_path: Path):
    rows = [(n, label) for n in ("a", "b", "c") for label in ("cell", "dot")]
    images = {n: encoded(Pillow.new("RGB", SIZE, colour)) for n, colour in zip("abc", ("red", "blue", "lime"), strict=True)}
    table = [{"image_data": images[n], "file_name": n, "label": label, "bbox": [list(CELL)], "count": 1} for n, label in rows]
    parquet.write_table(pyarrow.Table.from_pylist(table), tmp_path / "a.parquet", row_group_size=2)
    with FileIndex.of(tmp_path / "a.parquet") as index:
        inside = ParquetImages(index, "a.parquet")
        assert [inside.at(i) == images[rows[i][0]] for i in (0, 1, 5, 5, 2, 0)] == [True] * 6
        opened = len(read_index(index).pictures)
    assert opened == 3
    found, _ = taken(place, tmp_path / "a.parquet")
    assert found == {n: {"cell": [CELL], "dot": [CELL]} for n in "abc"}


def test_a_file_takes_the_place_of_what_was_accepted_unseen(place, tmp_path: Path):
    ask, found = Question(Task.BOUNDING, ("cell",)), boxes(("cell", (2, 2, 12, 12)))
    other = Place(tmp_path / "other")
    for one, verdict in ((place, Verdict.AUTO_ACCEPTED), (other, Verdict.CORRECTED)):
        one.review(one.image("a.png"), ask, found, verdict)
    export(other.store, other.files, tmp_path / "out", "coco")
    imported = import_file(place.store, place.files, tmp_path / "out", "file")
    assert [(r.author, r.revision) for r in place.store.usable_reviews()] == [("file", 2)] and not imported.left_out


# large files


def coco_of(n: int) -> dict[str, object]:
    """Images in one order, annotations in another; some of both are wrong."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 30} for i in range(n)]
    boxes = [[(7 * k) % 30, k % 20, 5.5, 6] for k in range(3 * n)]
    annotations = [{"id": k, "image_id": k * 7 % n, "category_id": k % 2, "bbox": box} for k, box in enumerate(boxes)]
    annotations += [{"id": "stray", "image_id": n + 9, "category_id": 0, "bbox": [0, 0, 1, 1]}, {"id": "bare"}]
    annotations[4] |= {"iscrowd": 1}
    annotations[5] |= {"category_id": 7}
    images[3] |= {"id": 2}
    return {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}


@pytest.mark.parametrize("written", ["plain", "with a mark", "in UTF-16", "with NaN"])
def test_a_large_coco_file_is_read_as_a_small_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str):
    value = coco_of(30)
    if written == "with NaN":
        value["annotations"][0]["area"] = float("nan")  # pyright: ignore[reportIndexIssue]
    encoding = {"with a mark": "utf-8-sig", "in UTF-16": "utf-16"}.get(written, "utf-8")
    (tmp_path / "coco.json").write_text(json.dumps(value), encoding=encoding)
    small = read(tmp_path / "coco.json")
    for name, limit in {"pdc.spool.SHORT": 7, "pdc.spool.PART": 3, "pdc.formats.sources.coco_lists.STREAMED": 1}.items():
        monkeypatch.setattr(name, limit)
    large = read(tmp_path / "coco.json")
    assert list(large.pictures) == list(small.pictures) and list(large.left_out) == list(small.left_out)
    assert len(small.pictures) > 20 and len(small.left_out) > 4


def test_an_import_of_many_stores_and_tells_the_same(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "coco.json").write_text(json.dumps(coco_of(12)))
    for i in range(12):
        Pillow.new("RGB", (40, 30), (i // 2, 9, 9)).save(tmp_path / f"{i}.png")  # each twice, with other marks
    few = import_file(place.store, place.files, tmp_path / "coco.json", "ada", dry_run=True)
    for name, limit in {"pdc.spool.SHORT": 2, "pdc.spool.PART": 2, "pdc.formats.sources.coco_lists.STREAMED": 1}.items():
        monkeypatch.setattr(name, limit)
    many = import_file(place.store, place.files, tmp_path / "coco.json", "ada", dry_run=True)
    assert many.told() == few.told() and many.table == few.table and "Left out" in few.told()
