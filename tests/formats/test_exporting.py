"""Reviews out of the store and back: every format, and a COCO round trip that changes no number."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import encoded
from PIL import Image as Pillow
from places import Place, boxes

from pdc.domain.errors import BadImage, BadQuestion, BadSetting, StoreUnavailable
from pdc.domain.values import Box, Findings, Image, Mark, Point, Question, Status, Task, Verdict
from pdc.formats import coco
from pdc.formats.exporting import export
from pdc.formats.importing import import_coco
from pdc.formats.registry import FORMATS

pytestmark = pytest.mark.both_databases("nightly")

BOXES = Question(Task.COUNT_AND_BOX, ("platelet", "nucleus"))
POINTS = Question(Task.POINTING, ("polyp",))
COUNT = Question(Task.COUNTING, ("=cell",))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    yield place
    place.store.close()


@pytest.fixture
def filled(place: Place) -> tuple[Place, dict[str, Image]]:
    """boxed: two boxes and one rejected; pointed: two points; counted: 12; none: nothing there; the rest unusable."""
    images = {name: place.image(name) for name in ("boxed", "pointed", "counted", "none", "rejected", "skipped", "new")}
    rejected = Mark("m9", Box(0, 0, 1, 1), "nucleus", status=Status.REJECTED)
    found = boxes(("nucleus", (4.5, 3, 12.25, 9)), ("platelet", (20, 10, 40, 30)))
    place.review(images["boxed"], BOXES, Findings((*found.marks, rejected)))
    points = Mark("a", Point(1.5, 2), "polyp"), Mark("b", Point(3, 4), "polyp")
    place.review(images["pointed"], POINTS, Findings(points))
    place.review(images["counted"], COUNT, Findings(stated={"=cell": 12}), Verdict.ACCEPTED)
    place.review(images["none"], BOXES, boxes(("platelet", (0, 0, 3, 3))), Verdict.ACCEPTED)
    place.review(images["none"], BOXES, Findings(), Verdict.ACCEPTED, base=1)
    place.review(images["rejected"], BOXES, found, Verdict.REJECTED)
    place.review(images["skipped"], BOXES, found, Verdict.SKIPPED)
    return place, images


# formats


def test_coco_holds_boxes_of_the_current_reviews(filled, tmp_path: Path):
    place, images = filled
    written = export(place.store, place.files, tmp_path / "out", "coco")
    assert (written.images, written.reviews, written.marks, written.none) == (4, 3, 4, 2)  # COCO holds no bare count
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    point = {"keypoints": ["centre"], "skeleton": []}
    assert document["categories"] == [
        {"id": 1, "name": "platelet"},
        {"id": 2, "name": "nucleus"},
        {"id": 3, "name": "polyp", **point},
        {"id": 4, "name": "=cell"},
    ]
    names = ("boxed", "pointed", "counted", "none")
    assert [i["file_name"] for i in document["images"]] == [f"images/{n}.png" for n in names]
    counted = {"task": "counting", "label": "=cell", "count": 12, "question": ["=cell"]}
    assert document["images"][2]["asked"] == [counted] and document["images"][2]["sha256"] == images["counted"].sha256
    assert document["images"][0]["labels"] == ["platelet", "nucleus"]
    assert [(a["image_id"], a["category_id"], a["bbox"]) for a in document["annotations"]] == [
        (1, 1, [20, 10, 20, 20]),
        (1, 2, [4.5, 3, 7.75, 6]),
        (2, 3, [1.5, 2, 0, 0]),
        (2, 3, [3, 4, 0, 0]),
    ]
    assert document["annotations"][2]["keypoints"] == [1.5, 2, 2]
    copied = tmp_path / "out" / document["images"][0]["file_name"]
    assert copied.read_bytes() == place.files.path(images["boxed"].sha256).read_bytes()
    assert not copied.samefile(place.files.path(images["boxed"].sha256))


def test_of_two_reviews_of_a_label_the_newest_boxes_are_exported(place: Place, tmp_path: Path):
    image = place.image("a")
    place.review(image, BOXES, boxes(("nucleus", (1, 1, 2, 2)), ("platelet", (3, 3, 4, 4))))
    place.review(image, Question(Task.BOUNDING, ("nucleus",)), boxes(("nucleus", (5, 5, 6, 6))))
    place.review(image, Question(Task.POINTING, ("nucleus",)), Findings())
    export(place.store, place.files, tmp_path / "out", "coco")
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert sorted(a["bbox"] for a in document["annotations"]) == [[3, 3, 1, 1], [5, 5, 1, 1]]


def test_yolo_lists_its_images_and_their_boxes_as_shares(filled, tmp_path: Path):
    place, _ = filled
    export(place.store, place.files, tmp_path / "out", "yolo")
    label = tmp_path / "out" / "labels"
    lines = [line.split() for line in (label / "boxed.txt").read_text().splitlines()]
    assert [line[0] for line in lines] == ["0", "1"]
    assert [float(v) for v in lines[0][1:]] == pytest.approx([30 / 40, 20 / 30, 20 / 40, 20 / 30])
    assert (label / "none.txt").read_text() == ""
    listed = (tmp_path / "out" / "images.txt").read_text().split()
    assert listed == ["./images/boxed.png", "./images/none.png"]  # the others have no box, and are not empty
    assert sorted(p.name for p in label.iterdir()) == ["boxed.txt", "none.txt"]
    assert all((tmp_path / "out" / "images" / f"{name}.png").is_file() for name in ("boxed", "pointed", "counted", "none"))
    assert '  1: "nucleus"\n' in (tmp_path / "out" / "data.yaml").read_text()


def test_csv_has_a_line_per_mark_and_says_what_was_not_found(filled, tmp_path: Path):
    place, _ = filled
    export(place.store, place.files, tmp_path / "out", "csv")
    with (tmp_path / "out" / "marks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["name"], r["label"], r["kind"], r["count"], r["x1"], r["x"]) for r in rows] == [
        ("boxed", "platelet", "box", "1", "20", "30.0"),
        ("boxed", "nucleus", "box", "1", "4.5", "8.375"),
        ("pointed", "polyp", "point", "2", "", "1.5"),
        ("pointed", "polyp", "point", "2", "", "3"),
        ("counted", "'=cell", "count", "12", "", ""),  # no formula for a spreadsheet to run
        ("none", "platelet", "none", "0", "", ""),
        ("none", "nucleus", "none", "0", "", ""),
    ]


def test_csv_says_how_many_looks_found_a_mark_of_how_many(place: Place, tmp_path: Path):
    voted = Mark("m1", Box(1, 1, 9, 9), "platelet", score=0.7, votes=(3, 4))
    place.review(place.image("a.png"), BOXES, Findings((voted, replace(voted, id="h1", shape=Box(20, 1, 29, 9), votes=None))))
    export(place.store, place.files, tmp_path / "out", "csv")
    with (tmp_path / "out" / "marks.csv").open(newline="") as file:
        rows = [(r["kind"], r["looks_found"], r["looks"]) for r in csv.DictReader(file)]
    assert rows == [("box", "3", "4"), ("box", "", ""), ("none", "", "")]


def test_jsonl_has_the_columns_of_medmultipoints(filled, tmp_path: Path):
    place, images = filled
    export(place.store, place.files, tmp_path / "out", "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out" / "reviews.jsonl").read_text().splitlines()]
    assert rows[1] == {
        "image_sha256": images["boxed"].sha256,
        "img_size": [40, 30],
        "points": [[8.375, 6.0]],
        "bbox": [[4.5, 3, 12.25, 9]],
        "count": 1,
        "label": "nucleus",
        "file_name": "images/boxed.png",
        "name": "boxed",
        "group": "g",
        "task": "count_and_box",
        "question": ["platelet", "nucleus"],
        "complete": True,
        "shapes": None,
    }
    assert [(r["label"], r["count"], len(r["points"]), len(r["bbox"])) for r in rows[2:]] == [
        ("polyp", 2, 2, 0),
        ("=cell", 12, 0, 0),
        ("platelet", 0, 0, 0),
        ("nucleus", 0, 0, 0),
    ]


def test_exporting_again_gives_the_same_files(filled, tmp_path: Path):
    place, _ = filled
    for format in FORMATS:
        texts = []
        for _ in range(2):
            export(place.store, place.files, tmp_path / format, format)
            texts.append({p.name: p.read_bytes() for p in (tmp_path / format).rglob("*") if p.is_file()})
        assert texts[0] == texts[1]


def test_what_cannot_be_exported_is_a_sentence(place: Place, tmp_path: Path):
    with pytest.raises(BadSetting, match="no export format 'xml'; use one of coco, yolo, voc, label-studio, jsonl, csv"):
        export(place.store, place.files, tmp_path, "xml")
    with pytest.raises(BadSetting, match="no accepted or corrected reviews to export"):
        export(place.store, place.files, tmp_path, "csv")
    image = place.image("a")
    place.review(image, COUNT, Findings(stated={"=cell": 1}))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="could not be written"):
        export(place.store, place.files, tmp_path / "file" / "out", "csv")
    place.files.path(image.sha256).unlink()
    with pytest.raises(BadSetting, match=r"Left out 1 image \(a\): its file is not in PDC's image folder"):
        export(place.store, place.files, tmp_path / "out", "csv")


# COCO back in


def random_boxes(count: int, seed: int) -> list[Box]:
    """Boxes as people draw them (halves), as files state them (two decimals), and as models make them (any float)."""
    chance = random.Random(seed)
    makers = (lambda v: round(2 * v) / 2, lambda v: round(v, 2), lambda v: v)
    found = []
    for i in range(count):

        def make(maker=makers[i % 3]) -> float:
            return maker(chance.uniform(0, 500))

        (x1, x2), (y1, y2) = sorted((make(), make())), sorted((make(), make()))
        found.append(Box(x1, y1, x2, y2))
    return found


def test_a_round_trip_through_coco_changes_no_number(place: Place, tmp_path: Path):
    drawn = random_boxes(300, seed=3)
    image = place.image("a", group="patient 1", size=(501, 501))
    question = Question(Task.BOUNDING, ("platelet", "nucleus"))
    place.review(image, question, Findings(tuple(Mark(f"m{i}", b, "nucleus") for i, b in enumerate(drawn))))
    export(place.store, place.files, tmp_path / "out", "coco")

    other = Place(tmp_path / "other")
    assert import_coco(other.store, other.files, tmp_path / "out" / "coco.json", "bob") == 1
    assert [(i.sha256, i.name, i.group) for i in other.store.images()] == [(image.sha256, "a", "patient 1")]
    review = other.store.current_review(image.sha256, question)
    assert [m.shape for m in review.findings.marks] == drawn
    assert (review.author, review.prediction_id, review.revision) == ("bob", None, 1)
    export(other.store, other.files, tmp_path / "again", "coco")
    assert (tmp_path / "again" / "coco.json").read_bytes() == (tmp_path / "out" / "coco.json").read_bytes()


@pytest.mark.parametrize(("x", "width"), [(0.1, 0.7), (12.3, 45.6), (388.66, 69.9), (0, 40), (30, 1e-3), (1.1, 2.2)])
def test_a_width_that_came_from_a_file_is_written_as_it_came(x: float, width: float):
    assert coco._span(x, x + width) == width


def a_file(folder: Path, **changes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(encoded(Pillow.new("RGB", (40, 30), "red")))
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [{"id": 5, "name": "nucleus"}, {"id": 2, "name": "ring form"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4.5]},
            {"id": 2, "image_id": 7, "category_id": 5, "bbox": [30, 20, 15, 5]},
        ],
    }
    path = folder / "set.json"
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_an_import_asks_for_the_categories_of_an_image_in_the_files_order(place: Place, tmp_path: Path):
    assert import_coco(place.store, place.files, a_file(tmp_path / "in"), "ada") == 1
    (review,) = place.store.current_reviews()
    assert review.question == Question(Task.BOUNDING, ("nucleus", "ring form"))
    assert [(m.label, m.shape.xyxy) for m in review.findings.marks] == [
        ("nucleus", (30, 20, 40, 25)),
        ("ring form", (1, 2, 4, 6.5)),
    ]
    assert "ring form" in place.store.labels()
    assert place.store.images()[0].group == "a.png"


def test_an_import_may_ask_something_else(place: Place, tmp_path: Path):
    path = a_file(tmp_path / "in")
    import_coco(place.store, place.files, path, "ada", task=Task.CNT_AND_POINT, labels=["ring form"])
    import_coco(place.store, place.files, path, "ada", task=Task.COUNTING)
    pointed, counted = place.store.current_reviews()
    assert [(m.label, m.shape) for m in pointed.findings.marks] == [("ring form", Point(2.5, 4.25))]
    assert counted.findings.counts(Task.COUNTING) == {"nucleus": 1, "ring form": 1}


def test_ids_are_alike_however_a_program_writes_them(place: Place, tmp_path: Path):
    annotation = {"id": 1, "image_id": "7", "category_id": 5.0, "bbox": [1, 2, 3, 4]}
    assert import_coco(place.store, place.files, a_file(tmp_path / "in", annotations=[annotation]), "ada") == 1


def test_an_import_leaves_reviews_that_exist_alone(place: Place, tmp_path: Path):
    path = a_file(tmp_path / "in")
    assert import_coco(place.store, place.files, path, "ada") == 1
    (first,) = place.store.reviews()
    place.review(place.store.images()[0], first.question, Findings(), Verdict.CORRECTED, base=1)
    before = place.store.reviews()
    assert import_coco(place.store, place.files, path, "bob") == 0
    assert place.store.reviews() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": None}, "no list of images"),
        ({"images": [{"id": 7, "file_name": "b.png", "width": 40, "height": 30}]}, "b.png.*no image of this name is there"),
        ({"images": [{"id": 7, "file_name": "../../b.png", "width": 40, "height": 30}]}, "no image of this name is there"),
        ({"images": [{"id": 7, "file_name": "/etc/passwd", "width": 40, "height": 30}]}, "no image of this name is there"),
        ({"images": [{"id": 7, "file_name": "C:\\b.png", "width": 40, "height": 30}]}, "no image of this name is there"),
        ({"images": [{"id": 7, "file_name": "a.png", "width": 60, "height": 40}]}, "40 x 30 pixels when upright.* 60 x 40"),
        ({"images": [{"id": 7, "file_name": "b.png"}]}, "Image 7 of the COCO file has no usable width"),
        ({"images": [{"id": 7, "file_name": "a.png", "width": -4, "height": 3}]}, "Image 7 of the COCO file is -4 x 3 pixels"),
        ({"images": [{"id": 7, "file_name": "set.json", "width": 40, "height": 30}]}, "set.json.*: .*not an image"),
        ({"images": [{"id": 8, "file_name": "a.png", "width": 40, "height": 30}]}, "Annotation 1 .* about image 7"),
        ({"categories": [{"id": 6, "name": "nucleus"}]}, "Annotation 1 of the COCO file has category 2"),
        ({"categories": [{"id": 5, "name": "a"}, {"id": 5, "name": "b"}]}, "share an id"),
        ({"categories": [{"id": 5, "name": "a<b"}, {"id": 2, "name": "b>"}]}, "A label may not contain"),
        (
            {
                "categories": [{"id": i, "name": f"c{i}"} for i in range(20)],
                "annotations": [{"id": i, "image_id": 7, "category_id": i, "bbox": [1, 2, 3, 4]} for i in range(20)],
            },
            "1 to 16 labels.*Say which categories",
        ),
        ({"categories": [], "annotations": []}, "Nothing of .* can be imported"),
        (
            {"images": [{"id": i, "file_name": f"{n}.png", "width": 40, "height": 30} for i, n in ((7, "a"), ("7", "b"))]},
            "the id 7",
        ),
        ({"annotations": [{"id": 9, "image_id": 7, "category_id": 5}]}, "Annotation 9 .* no bbox of four numbers"),
        ({"annotations": [{"id": 9, "image_id": 7, "category_id": 5, "bbox": [1, 2, float("nan"), 4]}]}, "no bbox of four"),
        ({"annotations": [{"id": 9, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10**400, 4]}]}, "no bbox of four"),
        ({"annotations": [{"id": 9, "image_id": 7, "category_id": 5, "bbox": [1, 2, -3, 4]}]}, "turned inside out"),
        ({"annotations": [{"id": 9, "image_id": 7, "category_id": 5, "bbox": [90, 2, 3, 4]}]}, "outside its image"),
        ({"annotations": ["x"]}, "Annotation None"),
    ],
)
def test_a_wrong_coco_file_is_a_sentence_and_adds_no_review(place: Place, tmp_path: Path, changes: dict, words: str):
    with pytest.raises((BadSetting, BadImage, BadQuestion), match=words):
        import_coco(place.store, place.files, a_file(tmp_path / "in", **changes), "ada")
    assert place.store.reviews() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "is not COCO"),
        ("[" * 100_000, "is not JSON"),
        ("\udcff", "is not text in UTF-8"),
    ],
)
def test_a_file_that_is_no_coco_is_a_sentence(place: Place, tmp_path: Path, text: str | None, words: str):
    path = tmp_path / "set.json"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(BadSetting, match=words):
        import_coco(place.store, place.files, path, "ada")


def test_a_label_the_file_does_not_have_is_a_sentence(place: Place, tmp_path: Path):
    with pytest.raises(BadSetting, match="no category 'polyp'; it has nucleus, ring form"):
        import_coco(place.store, place.files, a_file(tmp_path / "in"), "ada", labels=["polyp"])
