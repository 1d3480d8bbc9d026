"""Which picture an annotation file means: the one, or none and why. Never a guess."""

from __future__ import annotations

import pytest

from pdc.domain.errors import BadSetting
from pdc.formats.sources.names import ImageNames

DECOMPOSED, COMPOSED = "Zu\u0308rich.png", "Zürich.png"


@pytest.mark.parametrize(
    ("there", "name", "beside"),
    [
        ("a.png", "a.png", "x.json"),
        ("a.png", "./a.png", "x.json"),
        ("images/default/a.png", "a.png", "annotations/instances_default.json"),
        ("val2017/a.jpg", "a.jpg", "annotations/instances_val2017.json"),
        ("JPEGImages/a.jpg", "a.jpg", "Annotations/a.xml"),
        ("JPEGImages/a.jpg", "a", "Annotations/a.xml"),
        ("JPEGImages/a.jpg", "a.png", "Annotations/a.xml"),
        ("export/train/images/a.png", "a.png", "export/train/labels/a.txt"),
        ("images/a.png", "../images/a.png", "annotations/x.json"),
        (DECOMPOSED, COMPOSED, "x.json"),
        (COMPOSED, DECOMPOSED, "x.json"),
        ("smear 1.png", "smear%201.png", "x.json"),
        ("100%25.png", "100%25.png", "x.json"),
        ("A.PNG", "a.png", "x.json"),
        ("images/3f2a9c1e-smear 1.png", "/data/upload/1/3f2a9c1e-smear%201.png", "tasks.json"),
        ("images/smear 1.png", "/data/upload/1/3f2a9c1e-smear_1.png", "tasks.json"),
        ("3f2a9c1e-a.png", "a.png", "tasks.json"),
        ("slides/a.png", "/data/local-files/?d=slides/a.png", "tasks.json"),
        ("a.png", "https://host/bucket/a.png?token=1", "tasks.json"),
        ("a.png", "C:\\Users\\me\\slides\\a.png", "a.xml"),
        ("slide.1.png", "slide.1", "a.xml"),
        ("a", "a", "x.json"),  # a picture without a suffix: only where it is named exactly
        ("p1/a.png", "a.png", "x.json"),
    ],
)
def test_a_name_finds_its_picture_however_the_tool_wrote_it(there: str, name: str, beside: str):
    assert ImageNames([there, "other/b.png", beside]).located(name, beside).path == there


@pytest.mark.parametrize(
    ("there", "name", "beside"),
    [
        (["p1/img.png"], "p2/img.png", "x.json"),  # another folder
        (["p2/img.png", "p1/x.png"], "img.png", "p1/x.json"),  # another folder's picture, and p1 has pictures of its own
        (["valid/images/a.png", "train/images/b.png"], "a.png", "train/_annotations.coco.json"),
        (["images/train/a.png"], "a.png", "annotations/instances_val.json"),
        (["a.png", "a.jpg"], "a", "a.xml"),
        (["p1/a.png", "p2/a.png"], "a.png", "x.json"),
        (["SegmentationClass/a.png"], "a.jpg", "Annotations/a.xml"),  # a mask is no picture
        (["a.png.txt"], "a.png", "x.json"),
        (["a.png"], "", "x.json"),
    ],
)
def test_a_name_that_fits_no_picture_or_several_finds_none(there: list[str], name: str, beside: str):
    with pytest.raises(BadSetting):
        ImageNames(there).located(name, beside)


@pytest.mark.parametrize(
    ("name", "beside", "found"),
    [
        ("a.png", "train/_annotations.coco.json", "train/a.png"),
        ("a.png", "valid/_annotations.coco.json", "valid/a.png"),
        ("C:\\data\\valid\\a.png", "x.json", "valid/a.png"),
        ("valid/a.png", "x.json", "valid/a.png"),
    ],
)
def test_of_pictures_of_one_name_the_folder_tells(name: str, beside: str, found: str):
    assert ImageNames(["train/a.png", "valid/a.png"]).located(name, beside).path == found


def test_two_names_never_get_one_picture():
    names = ImageNames(["img.png", "b.png"])
    told = names.matched([("p1/img.png", ""), ("p2/img.png", ""), ("b.png", "")])
    assert told["b.png", ""] == "b.png" and all(isinstance(told[f"p{i}/img.png", ""], BadSetting) for i in (1, 2))
    told = names.matched([("img.png", ""), ("p2/img.png", ""), ("img.jpg", "")])
    assert told["img.png", ""] == "img.png"
    assert isinstance(told["p2/img.png", ""], BadSetting) and isinstance(told["img.jpg", ""], BadSetting)


def test_one_name_in_two_annotation_files_is_one_picture():
    told = ImageNames(["images/a.png"]).matched([("a.png", "annotations/one.json"), ("a.png", "annotations/two.json")])
    assert set(told.values()) == {"images/a.png"}
