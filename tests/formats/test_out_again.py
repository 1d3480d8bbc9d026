"""What was imported goes out in every format and comes in again as it was; what a format cannot hold is named."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from annotations import LINE, a_region, a_task, put
from places import Place, boxes

from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Image, Mark, Point, Question, Status, Task, Verdict
from pdc.formats.contents import UNSEEN, What
from pdc.formats.exporting import export, prepared
from pdc.formats.importing import import_file
from pdc.formats.outgoing.file_names import FileNames
from pdc.formats.outgoing.folder import MANIFEST
from pdc.formats.outgoing.zips import zipped
from pdc.formats.registry import FORMATS

OTHERS = ("coco", "yolo", "voc", "label-studio")
CELLS = Question(Task.BOUNDING, ("cell",))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def filled(place: Place, folder: Path) -> None:
    """A store of imports: boxes, points beside boxes of one label, counts, "none", one name twice, two questions of a label."""
    points = [
        {**a_region("keypointlabels", label="cell"), "value": {"x": x, "y": 75, "keypointlabels": ["cell"]}} for x in (5, 15)
    ]
    tasks = (
        a_task("smear.png", {"result": [a_region(label="platelet"), a_region(x=33.3)]}),
        a_task("dots.png", {"result": points}),
    )
    put(folder / "ls", {"tasks.json": json.dumps(tasks)}, {"smear.png": "red", "dots.png": "blue"})
    rows = (
        "file,name,group,task,label,count,x1,y1,x2,y2,x,y",
        "smear.png,smear.png,p1,pointing,cell,2,,,,,1.25,7",
        "smear.png,smear.png,p1,pointing,cell,2,,,,,3,9.5",
        "smear.png,smear.png,p1,counting,cell,31,,,,,,",
        "smear.png,smear.png,p1,counting,ghost,0,,,,,,",
        "two.png,smear.png,p2,bounding,polyp,2,0.1,0.2,7.3,9.7,,",
        "two.png,smear.png,p2,bounding,polyp,2,5,5,5,5,,",
        "two.png,smear.png,p2,bounding,ring form,0,,,,,,",
        "none.png,CON.tif,p2,cnt_and_point,cell,0,,,,,,",
        "none.png,CON.tif,p2,bounding,polyp,0,,,,,,",
        "counted.png,=1+1.png,p2,counting,cell,7,,,,,,",
    )
    colours = {"smear.png": "red", "two.png": "lime", "none.png": "white", "counted.png": "navy"}
    put(folder / "csv", {"a.csv": "\n".join(rows)}, colours)
    put(folder / "yolo", {"data.yaml": "names: [cell, platelet]", "labels/x.txt": LINE}, {"images/x.png": "red"})
    for path in (folder / "ls" / "tasks.json", folder / "csv" / "a.csv"):
        import_file(place.store, place.files, path, "ada")
    import_file(place.store, place.files, folder / "yolo", "ada", task=Task.COUNT_AND_BOX)


def told(place: Place) -> dict:
    """All that the store says about what is in which image."""
    images = {i.sha256: (i.name, i.group) for i in place.store.images()}
    found: dict = {sha256: (*about, {}) for sha256, about in images.items()}
    for review in place.store.current_reviews():
        marks = [(m.label, m.shape, m.origin, m.status) for m in review.findings.marks]
        found[review.image_sha256][2][review.question] = (marks, dict(review.findings.stated), review.verdict)
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_a_store_filled_by_import_comes_back_the_same(place: Place, tmp_path: Path, format: str):
    filled(place, tmp_path)
    before = told(place)
    assert sum(len(questions) for *_, questions in before.values()) == 9
    written = export(place.store, place.files, tmp_path / "out", format)
    there = Place(tmp_path / "there")
    import_file(there.store, there.files, tmp_path / "out", "ada")
    assert told(there) == before
    again = export(there.store, there.files, tmp_path / "again", format)
    assert (again.marks, again.none, again.reviews) == (written.marks, written.none, written.reviews)
    there.store.close()


@pytest.mark.parametrize("format", FORMATS)
def test_two_questions_about_one_label_both_come_back(place: Place, tmp_path: Path, format: str):
    image, there = place.image("a", size=(200, 160)), Place(tmp_path / "there")
    place.review(image, Question(Task.BOUNDING, ("cell", "polyp")), boxes(("cell", (1, 1, 9, 9)), ("polyp", (3, 3, 30, 30))))
    place.review(image, CELLS, boxes(("cell", (1, 1, 9, 9)), ("cell", (20, 20, 29, 29))))
    place.review(image, Question(Task.POINTING, ("cell",)), Findings((Mark("p", Point(4, 4), "cell"),)))
    place.review(image, Question(Task.CNT_AND_POINT, ("cell", "polyp")), Findings())
    written = export(place.store, place.files, tmp_path / "out", format)
    import_file(there.store, there.files, tmp_path / "out", "bob")
    shapes = [
        {r.question: [(m.label, m.shape) for m in r.findings.marks] for r in p.store.current_reviews()} for p in (place, there)
    ]
    assert shapes[0] == shapes[1] and len(shapes[1]) == 4
    older = [(e.file, e.label) for e in written.left_out if "a newer answer" in e.reason]
    assert older == ([("a", "cell"), ("a", "cell")] if format in OTHERS else [])
    there.store.close()


@pytest.mark.parametrize("format", FORMATS)
def test_a_point_among_boxes_stays_in_its_review_and_what_is_not_complete_stays_so(place: Place, tmp_path: Path, format: str):
    image, empty, there = place.image("a", size=(200, 160)), place.image("b"), Place(tmp_path / "there")
    points = [Mark(f"p{x}", Point(x, 9.5), "cell") for x in (3, 4)]
    box, other = boxes(("cell", (1, 1, 9, 9)), ("polyp", (30, 3, 40.5, 30))).marks
    mixed = Findings((points[0], box, points[1], other), complete=False)
    place.review(image, Question(Task.COUNT_AND_BOX, ("cell", "polyp", "ghost")), mixed)
    place.review(image, Question(Task.POINTING, ("cell",)), Findings(tuple(points)))
    place.review(empty, CELLS, Findings(complete=False))
    written = export(place.store, place.files, tmp_path / "out", format)
    import_file(there.store, there.files, tmp_path / "out", "bob")
    found = [
        {(r.image_sha256, r.question): ([(m.label, m.shape) for m in r.findings.marks], r.findings.complete) for r in reviews}
        for reviews in (place.store.current_reviews(), there.store.current_reviews())
    ]
    assert found[0] == found[1] and written.none == 0
    unfinished = [(e.file, e.label) for e in written.left_out if "more of it may be there" in e.reason]
    assert unfinished == ([("a", "cell"), ("a", "polyp"), ("a", "ghost"), ("b", "cell")] if format in OTHERS else [])
    there.store.close()


@pytest.mark.parametrize("format", FORMATS)
def test_an_outline_comes_back_or_is_named(place: Place, tmp_path: Path, format: str):
    image, there = place.image("a", size=(200, 160)), Place(tmp_path / "there")
    outline = (((1.5, 1), (9, 1), (9, 9)), ((1, 5), (3, 9), (1, 9)))
    older, newer = (Mark(f"m{x}", Box(1, 1, 9, 9), "cell", outline=outline) for x in (1, 2))
    place.review(image, Question(Task.COUNT_AND_BOX, ("cell",)), Findings((older,)))
    place.review(image, CELLS, Findings((newer,)))
    written = export(place.store, place.files, tmp_path / "out", format)
    import_file(there.store, there.files, tmp_path / "out", "bob")
    (old,), (new,) = (r.findings.marks for r in there.store.current_reviews())
    lost = sum(e.what is What.OUTLINE for e in written.left_out)
    assert old.shape == new.shape == Box(1, 1, 9, 9) and lost == (2 if format in ("yolo", "voc", "csv") else 0)
    assert new.outline == (() if lost else outline) and old.outline in (outline, new.outline)
    there.store.close()


@pytest.mark.parametrize("format", FORMATS)
def test_names_that_are_taken_get_a_number(place: Place, tmp_path: Path, format: str):
    filled(place, tmp_path)
    planned = prepared(place.store, place.files, format)
    names = [case.file for case in planned.cases]
    assert names == ["images/smear.png", "images/dots.png", "images/smear-2.png", "images/CON_.png", "images/=1+1.png"]
    written = {name for name, pieces in planned.entries() if b"".join(pieces)}
    assert set(names) <= written or written == {"medmultipoints.parquet"}


def named(*names: str) -> list[str]:
    images = [Image(str(i), name, 1, 1, "g", None) for i, name in enumerate(names)]  # type: ignore[arg-type]
    return [name.removeprefix("images/").removesuffix(".png") for name in map(FileNames().of, images)]


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("a.png", "a.png", "a.jpg", "a-2.png"), ["a", "a-2", "a-3", "a-2-2"]),
        (("A.png", "a.png"), ["A", "a-2"]),
        (("é.png", "e\u0301.png"), ["é", "é-2"]),
        (("dir/x.png", "other/x.png"), ["x", "x-2"]),
        (("con.png", "com1.tif", "Aux", "console.png"), ["con_", "com1_", "Aux_", "console"]),
        (("a:b?.png", 'c"<>|*.png', "..", " .hidden. ", "-rf.png", ""), ["a_b_", "c_____", "image", "hidden", "rf", "image-2"]),
        (("slide.v2.png", "slide.v2.svs"), ["slide.v2", "slide.v2.svs"]),
    ],
)
def test_file_names_are_safe_on_every_file_system(names: tuple[str, ...], files: list[str]):
    assert named(*names) == files


def test_a_long_name_is_cut_between_letters():
    (name,) = named("Ä" * 400 + ".png")
    assert name == "Ä" * 60 and len(name.encode()) == 120


@pytest.mark.parametrize(
    ("format", "objects", "answers"), [("coco", 1, 1), ("label-studio", 1, 1), ("yolo", 3, 1), ("voc", 3, 1)]
)
def test_what_a_format_cannot_hold_is_named_and_not_counted(
    place: Place, tmp_path: Path, format: str, objects: int, answers: int
):
    image = place.image("a.png", size=(200, 160))
    place.review(image, CELLS, boxes(("cell", (1, 1, 9, 9)), ("cell", (5, 5, 5, 5))))
    place.review(image, Question(Task.POINTING, ("dot",)), Findings(tuple(Mark(f"{x}", Point(x, 4), "dot") for x in (1, 2))))
    place.review(image, Question(Task.COUNTING, ("cell",)), Findings(stated={"cell": 7}))
    written = export(place.store, place.files, tmp_path / "out", format)
    gone = [(e.what, e.file, e.label) for e in written.left_out]
    assert gone.count((What.OBJECT, "a.png", "cell")) == 1 and gone.count((What.ANSWER, "a.png", "cell")) == answers
    assert sum(what is What.OBJECT for what, *_ in gone) == objects and written.marks == 4 - objects
    assert "a box of no size; only PDC reads it back" in written.told(tmp_path)


def test_marks_that_do_not_count_are_named(place: Place, tmp_path: Path):
    image = place.image("a.png")
    marks = boxes(("cell", (1, 1, 9, 9))).marks
    doubtful, rejected = (Mark(str(s), Box(2, 2, 4, 4), "cell", status=s) for s in (Status.DOUBTFUL, Status.REJECTED))
    place.review(image, CELLS, Findings((*marks, doubtful, rejected)))
    for name, verdict in (("b.png", Verdict.REJECTED), ("c.png", Verdict.SKIPPED)):
        place.review(place.image(name), CELLS, Findings(marks), verdict)
    for format in FORMATS:
        written = export(place.store, place.files, tmp_path / format, format)
        assert (written.images, written.reviews, written.marks) == (1, 1, 1)
        assert {(e.file, e.reason) for e in written.left_out} == {
            ("a.png", "nobody has said that it is there"),
            ("a.png", "the reader rejected it"),
            ("b.png", "the reader rejected the whole answer"),
            ("c.png", "the reader skipped it"),
        }


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_image_is_a_line_of_the_report(place: Place, tmp_path: Path, format: str):
    for name in ("a.png", "b.png"):
        image = place.image(name)
        place.review(image, CELLS, boxes(("cell", (1, 1, 9, 9))))
    place.files.path(image.sha256).unlink()
    written = export(place.store, place.files, tmp_path / "out", format)
    assert (written.images, written.reviews, written.marks) == (1, 1, 1)
    assert "Left out 1 image (b.png): its file is not in PDC's image folder" in written.told(tmp_path)
    there = Place(tmp_path / "there")
    assert [r.image_sha256 for r in import_file(there.store, there.files, tmp_path / "out", "bob").reviews] == [
        place.store.images()[0].sha256
    ]
    there.store.close()


def test_closed_formats_name_what_nobody_was_asked(place: Place, tmp_path: Path):
    place.review(place.image("a.png"), CELLS, boxes(("cell", (1, 1, 9, 9))))
    place.review(place.image("b.png"), Question(Task.BOUNDING, ("polyp",)), boxes(("polyp", (1, 1, 9, 9))))
    unasked = {f: export(place.store, place.files, tmp_path / f, f).left_out for f in ("yolo", "voc", "coco")}
    assert unasked["coco"] == ()
    for format in ("yolo", "voc"):
        assert [(e.file, e.label) for e in unasked[format]] == [("a.png", "polyp"), ("b.png", "cell")]


# folders and zips


def test_a_folder_that_holds_something_else_is_left_alone(place: Place, tmp_path: Path):
    place.review(place.image("a.png"), CELLS, Findings())
    put(tmp_path / "mine", {}, {"images/a.png": "red"})
    before = (tmp_path / "mine" / "images" / "a.png").read_bytes()
    with pytest.raises(BadSetting, match="holds other files already; name a new or an empty folder"):
        export(place.store, place.files, tmp_path / "mine", "yolo")
    assert (tmp_path / "mine" / "images" / "a.png").read_bytes() == before


def test_an_export_takes_the_place_of_an_earlier_one(place: Place, tmp_path: Path):
    out = tmp_path / "out"
    place.review(place.image("a.png"), CELLS, Findings())
    export(place.store, place.files, out, "yolo")
    (out / "mine.txt").write_text("kept")
    manifest = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps({**manifest, "files": [*manifest["files"], "../home/keep", "/etc/keep"]}))
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "keep").write_text("")
    export(place.store, place.files, out, "voc")
    assert not (out / "data.yaml").exists() and not (out / "labels" / "a.txt").exists()
    assert (out / "Annotations" / "a.xml").is_file() and (out / "mine.txt").read_text() == "kept"
    assert (tmp_path / "home" / "keep").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_the_zip_holds_what_the_folder_holds(place: Place, tmp_path: Path, format: str):
    filled(place, tmp_path)
    export(place.store, place.files, tmp_path / "out", format)
    data = b"".join(zipped(prepared(place.store, place.files, format).entries()))
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    folder = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert held == {name: data for name, data in folder.items() if name != MANIFEST}
    assert data == b"".join(zipped(prepared(place.store, place.files, format).entries()))


def test_a_zip_starts_before_all_of_it_is_read(place: Place):
    for name in ("a.png", "b.png", "c.png"):
        place.review(place.image(name), CELLS, boxes(("cell", (1, 1, 9, 9))))
    taken: list[str] = []

    def entries():
        for name, pieces in prepared(place.store, place.files, "coco").entries():
            taken.append(name)
            yield name, pieces

    stream = zipped(entries())
    assert next(stream) and taken == ["images/a.png"]
    assert next(stream) and taken == ["images/a.png", "images/b.png"]


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "label-studio", "csv"])
def test_what_was_auto_accepted_goes_out_only_when_asked_for_named_as_such_and_comes_back_as_nobodys_word(
    place, tmp_path, format: str
):
    there, ask, found = Place(tmp_path / "there"), CELLS, boxes(("cell", (2, 2, 12, 12)))
    place.review(place.image("seen.png"), ask, found)
    place.review(place.image("unseen.png"), ask, found, Verdict.AUTO_ACCEPTED)
    silent = export(place.store, place.files, tmp_path / "plain", format)
    assert silent.images == 1 and any("nobody has looked at it" in str(e.reason) for e in silent.left_out)
    told = export(place.store, place.files, tmp_path / "out", format, auto_accepted=True)
    assert told.images == 2 and any("looks reviewed" in str(e.reason) for e in told.left_out)
    written = [p.read_text("utf-8") for p in (tmp_path / "out").rglob("*") if p.is_file() and p.suffix != ".png"]
    assert any("auto-accepted" in text for text in written)
    imported = import_file(there.store, there.files, tmp_path / "out", "file")
    assert [i.name for i in there.store.images()] == ["seen.png"]
    assert [(e.label, str(e.reason)) for e in imported.left_out] == [("cell", UNSEEN)]
    there.store.close()


def test_a_format_without_room_for_a_verdict_refuses_what_nobody_has_looked_at(place, tmp_path):
    place.review(place.image("a.png"), CELLS, boxes(("cell", (2, 2, 12, 12))), Verdict.AUTO_ACCEPTED)
    with pytest.raises(BadSetting, match="no place to say that nobody has looked"):
        export(place.store, place.files, tmp_path / "out", "jsonl", auto_accepted=True)
