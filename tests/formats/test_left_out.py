"""What the readers of annotation files leave out and name: never a box out of something else, never "none" out of silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotations import BOXED, CELL, LINE, PLATELET, a_coco, a_label_studio, a_region, a_task, a_voc, a_yolo, put, taken
from places import Place

from pdc.domain.errors import BadSetting


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


# COCO


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ({**BOXED, "iscrowd": 1}, "marked as a crowd"),
        ({"keypoints": [1, 2, 2, 3, 4, 2], "num_keypoints": 2}, "keypoints without a bbox"),
        ({**BOXED, "score": 0.93}, "it is a prediction"),
    ],
)
def test_a_coco_object_that_is_not_read_takes_its_label_out_of_its_image(place, tmp_path: Path, left_out: dict, reason: str):
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
    assert found == {
        "a.png": {"cell": [CELL], "platelet": [CELL]},
        "b.png": {"cell": [], "platelet": []},
        "c.png": {"cell": [CELL], "platelet": []},
    }
    assert '3 answers "none"' in said and "nothing is drawn" not in said
    other.store.close()


def test_complete_denies_no_label_that_an_object_was_left_out_of(place, tmp_path: Path):
    found, _ = taken(place, a_coco(tmp_path, [{**BOXED, "score": 0.9}, PLATELET, {**BOXED, "image_id": 2}]), complete=True)
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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{LINE} 0.93", "it is a prediction"),
        ("0 0.1 0.2 0.3 0.2 0.3 0.4 0.93", "it is a prediction"),  # an outline with a confidence
        ("0 0.1 0.2 0.3", "3 numbers, which is no box"),
        ("0 0.7 0.7 0 0", "no size among boxes"),
    ],
)
def test_a_yolo_line_that_is_no_box_takes_its_label_out_of_its_image(place, tmp_path: Path, line: str, reason: str):
    found, said = taken(place, a_yolo(tmp_path, {"a": f"{LINE}\n{line}\n1{LINE[1:]}\n", "b": LINE}))
    assert found == {"a.png": {"platelet": [CELL]}, "b.png": {"cell": [CELL]}} and reason in said


def test_an_empty_yolo_file_says_none_and_a_missing_one_says_nothing(place, tmp_path: Path):
    folder = a_yolo(tmp_path, {"a": LINE, "b": "", "stray": LINE}, images=("a", "b", "c"))
    found, said = taken(place, folder)
    assert found == {"a.png": {"cell": [CELL]}, "b.png": {"cell": []}}
    for words in ('1 answer "none"', "(images/c.png): no .txt of labels", "(labels/stray.txt): no image", "1 label (platelet)"):
        assert words in said
    assert taken(place, folder, complete=True)[0]["c.png"] == {"cell": []}


def test_label_files_in_an_unusual_place_go_by_their_name_and_make_no_image_negative(place, tmp_path: Path):
    folder = put(tmp_path, {"classes.txt": "cell\n", "a.txt": LINE}, {"images/a.png": "red", "images/b.png": "blue"})
    found, said = taken(place, folder)
    assert found == {"a.png": {"cell": [CELL]}} and "(images/b.png): no .txt" in said


@pytest.mark.parametrize("names", ["{1: platelet, 2: leukocyte, 5: erythrocyte}", '{"1": platelet, "2": leukocyte}'])
def test_yolo_classes_go_by_their_number(place, tmp_path: Path, names: str):
    found, said = taken(place, a_yolo(tmp_path, {"a": f"1{LINE[1:]}\n2{LINE[1:]}\n", "b": f"2{LINE[1:]}\n0{LINE[1:]}"}, names))
    assert found == {"a.png": {"platelet": [CELL], "leukocyte": [CELL]}, "b.png": {"leukocyte": [CELL]}}
    assert "(class number 0 in images/b.png): its class number has no name" in said


def test_a_blank_line_in_classes_txt_keeps_the_numbers_below_it(place, tmp_path: Path):
    folder = a_yolo(tmp_path, {"a": f"2{LINE[1:]}", "b": LINE})
    (folder / "data.yaml").unlink()
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfrbc\n\nplatelet\nwbc\n")
    assert taken(place, folder)[0] == {"a.png": {"platelet": [CELL]}, "b.png": {"rbc": [CELL]}}


# Label Studio


def test_only_a_submitted_annotation_says_none(place, tmp_path: Path):
    path = a_label_studio(
        tmp_path,
        a_task("done.png", {"result": [a_region()]}),
        a_task("empty.png", {"result": [], "was_cancelled": False}),
        a_task("skipped.png", {"result": [], "was_cancelled": True}),
        a_task("untouched.png"),
        a_task("predicted.png", predictions=[{"result": [a_region()]}]),
    )
    for complete in (False, True):
        found, said = taken(place, path, complete=complete)
        assert found == {"done.png": {"cell": [CELL]}, "empty.png": {"cell": []}}
        for words in ("(skipped.png): its task was skipped", "(untouched.png): nobody", "(predicted.png): its task has only"):
            assert words in said


@pytest.mark.parametrize(
    "region",
    [
        a_region("polygonlabels"),  # without its corners
        a_region("brushlabels"),
        a_region("bitmasklabels"),
        a_region(image_rotation=90),
        a_region(item_index=1),
        a_region("newlabels"),
    ],
    ids=lambda r: r["type"],
)
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


def test_a_voc_file_without_objects_says_none_and_a_mask_is_no_box(place, tmp_path: Path):
    empty = "<annotation><filename>b.png</filename></annotation>"
    outline = a_voc("c.png", CELL).replace("bndbox>", "mask>")
    turned = a_voc("d.png", CELL).replace("<bndbox>", "<bndbox><angle>0.5</angle>")
    texts = {"a.xml": a_voc("a.png", CELL), "b.xml": empty, "c.xml": outline, "d.xml": turned}
    images = dict(zip(("a.png", "b.png", "c.png", "d.png"), ("red", "blue", "lime", "navy"), strict=True))
    found, said = taken(place, put(tmp_path, texts, images))
    assert found == {"a.png": {"cell": [CELL]}, "b.png": {"cell": []}}
    assert "(cell in c.png): it is a mask" in said and "(cell in d.png): its bndbox has an angle" in said
