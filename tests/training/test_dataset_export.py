"""The folder that training reads: rows, manifest, and a split that never changes its mind."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded
from PIL import Image as Pillow
from places import Place, boxes

from finetune.data.drawings import smear
from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Box, Findings, Image, Mark, Point, Prediction, Question, Review, Status, Task, Verdict
from pdc.images.intake import accept
from pdc.store.records import EventKind
from pdc.training.dataset_export import export_held_out, export_training_set

pytestmark = pytest.mark.both_databases("nightly")

CELLS = Question(Task.COUNT_AND_BOX, ("platelet", "nucleus"))
ONE = boxes(("nucleus", (4.5, 3, 12.25, 9)))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    yield place
    place.store.close()


def reviewed(place: Place, groups: int, question: Question = CELLS, prefix: str = "patient") -> list[Image]:
    images = [place.image(f"{prefix} {i}.png", group=f"{prefix} {i}") for i in range(groups)]
    for image in images:
        place.review(image, question, ONE)
    return images


def rows_of(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def groups_of(folder: Path, name: str) -> set[str]:
    return {row["group"] for row in rows_of(folder, name)}


def test_every_usable_review_is_a_row_with_its_own_task(place: Place, tmp_path: Path):
    image = place.image("a.png", group="patient 1")
    point = Mark("p", Point(1.5, 2), "nucleus")
    rejected = Mark("q", Point(1, 1), "nucleus", status=Status.REJECTED)
    place.review(image, CELLS, ONE)
    place.review(image, Question(Task.POINTING, ("nucleus",)), Findings((point, rejected)))
    place.review(image, Question(Task.COUNTING, ("polyp", "cell")), Findings(stated={"polyp": 3}), Verdict.ACCEPTED)
    place.review(image, Question(Task.BOUNDING, ("polyp",)), ONE, Verdict.REJECTED)
    place.review(image, Question(Task.BOUNDING, ("cell",)), ONE, Verdict.SKIPPED)
    export_training_set(place.store, place.files, tmp_path / "data")
    common = {"image": f"images/{image.sha256}.png", "width": 40, "height": 30, "group": "patient 1"}
    assert rows_of(tmp_path / "data", "train") == [
        common
        | {
            "task": "count_and_box",
            "labels": ["platelet", "nucleus"],
            "marks": [{"box": [4.5, 3, 12.25, 9], "label": "nucleus"}],
            "counts": {"platelet": 0, "nucleus": 1},
        },
        common
        | {
            "task": "pointing",
            "labels": ["nucleus"],
            "marks": [{"point": [1.5, 2], "label": "nucleus"}],
            "counts": {"nucleus": 1},
        },
        common | {"task": "counting", "labels": ["polyp", "cell"], "marks": [], "counts": {"polyp": 3, "cell": 0}},
    ]
    assert rows_of(tmp_path / "data", "held_out") == []


def test_a_doubtful_mark_that_was_left_alone_is_neither_an_object_nor_background(place: Place, tmp_path: Path):
    image, doubtful = place.image("a.png"), Mark("d", Box(20, 4, 28, 12), "platelet", status=Status.DOUBTFUL, score=0.2)
    place.review(image, CELLS, Findings((*ONE.marks, doubtful)))
    export_training_set(place.store, place.files, tmp_path / "data")
    (row,) = rows_of(tmp_path / "data", "train")
    assert row["marks"] == [{"box": [4.5, 3, 12.25, 9], "label": "nucleus"}] and row["counts"] == {"platelet": 0, "nucleus": 1}
    assert row["unjudged"] == [{"box": [20, 4, 28, 12], "label": "platelet"}]


def test_a_row_says_what_the_model_had_said(place: Place, tmp_path: Path):
    image, said = place.image("a.png"), boxes(("platelet", (1, 2, 9, 8)))
    prediction = Prediction("p1", image.sha256, CELLS, said, "[]", "base", None, "compact-1", 0.1, datetime.now(UTC))
    place.store.add_prediction(prediction)
    review = Review("r1", image.sha256, CELLS, "p1", Verdict.CORRECTED, ONE, "ada", 1, datetime.now(UTC))
    place.store.save_review(review, key="r1", base_revision=0)
    export_training_set(place.store, place.files, tmp_path / "data")
    (row,) = rows_of(tmp_path / "data", "train")
    expected = {"marks": [{"box": [1, 2, 9, 8], "label": "platelet"}], "counts": {"platelet": 1, "nucleus": 0}}
    assert row["predicted"] == expected and row["marks"][0]["label"] == "nucleus"


def test_finetune_reads_the_rows(place: Place, tmp_path: Path):
    dataset = pytest.importorskip("finetune.data.dataset")
    reviewed(place, 3)
    export_training_set(place.store, place.files, tmp_path / "data")
    rows = dataset.read_rows(tmp_path / "data" / "train.jsonl", [])
    assert [row.question for row in rows] == [CELLS, CELLS]
    assert [row.findings.marks[0].shape for row in rows] == [ONE.marks[0].shape] * 2


def test_a_retired_image_is_neither_trained_nor_measured_on(place: Place, tmp_path: Path):
    images = reviewed(place, 6)
    export_training_set(place.store, place.files, tmp_path / "before", held_out_share=0.5)
    gone = [next(i for i in images if i.group in groups_of(tmp_path / "before", name)) for name in ("train", "held_out")]
    place.store.add_events([i.sha256 for i in gone], EventKind.RETIRED, by="ada")
    export_training_set(place.store, place.files, tmp_path / "run", held_out_share=0.5)
    export_held_out(place.store, place.files, tmp_path / "measured")
    told = {
        f: {r["image"] for r in rows_of(tmp_path / f, n)}
        for f, n in (("run", "train"), ("run", "held_out"), ("measured", "held_out"))
    }
    names = {f"images/{i.sha256}.png" for i in gone}
    assert all(rows and not rows & names for rows in told.values())


def test_the_manifest_explains_the_folder(place: Place, tmp_path: Path):
    images = reviewed(place, 10)
    manifest = export_training_set(place.store, place.files, tmp_path / "data")
    written = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert written["digest"] == manifest.digest and written["reviewers"] == ["ada"]
    assert written["train"] == {"rows": 8, "images": 8, "groups": 8, "labels": {"platelet": 0, "nucleus": 8}}
    assert written["held_out"]["rows"] == 2
    assert len(written["reviewed"]) == 2 and written["reviewed"][0] <= written["reviewed"][1]
    assert set(written["likeness"]) == set(written["images"]) and written["left_out"] == []
    assert len(written["images"]) == len(images)
    for name, digest in written["images"].items():
        assert hashlib.sha256((tmp_path / "data" / name).read_bytes()).hexdigest() == digest


def test_the_digest_changes_with_the_rows_only(place: Place, tmp_path: Path):
    first = reviewed(place, 4)[0]
    digests = [export_training_set(place.store, place.files, tmp_path / name).digest for name in ("a", "b")]
    place.review(first, CELLS, Findings(), base=1)
    digests.append(export_training_set(place.store, place.files, tmp_path / "c").digest)
    assert digests[0] == digests[1] != digests[2]


# the split


@pytest.mark.parametrize(("groups", "held_out"), [(1, 0), (2, 1), (3, 1), (7, 1), (8, 2), (9, 2), (10, 2), (40, 8)])
def test_a_share_of_the_groups_is_held_out(place: Place, tmp_path: Path, groups: int, held_out: int):
    reviewed(place, groups)
    export_training_set(place.store, place.files, tmp_path / "data")
    assert len(groups_of(tmp_path / "data", "held_out")) == held_out
    assert len(groups_of(tmp_path / "data", "train")) == groups - held_out
    assert groups_of(tmp_path / "data", "held_out") == place.store.held_out_groups()
    assert groups_of(tmp_path / "data", "train") == place.store.training_groups()


def test_augmented_copies_that_say_so_in_their_names_stay_together(place: Place, tmp_path: Path):
    for i in range(20):
        name = f"{i // 2}_png.rf.{i:032x}.png"
        place.review(place.image(name, group=f"{i}"), CELLS, ONE)
    export_training_set(place.store, place.files, tmp_path / "data")
    held_out, train = ({int(g) // 2 for g in groups_of(tmp_path / "data", name)} for name in ("held_out", "train"))
    assert held_out and train and not held_out & train


def test_what_tells_copies_is_made_once_and_kept(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = reviewed(place, 3)
    made = export_training_set(place.store, place.files, tmp_path / "a").likeness
    monkeypatch.setattr("pdc.training.near_copies.hash_image", lambda path: pytest.fail(f"{path} was hashed again"))
    assert export_training_set(place.store, place.files, tmp_path / "b").likeness == made
    place.store.keep_likenesses(1, {first[0].sha256: "of an older rule"})
    with pytest.raises(pytest.fail.Exception, match=first[0].sha256):
        export_training_set(place.store, place.files, tmp_path / "c")


def test_images_of_a_group_stay_together(place: Place, tmp_path: Path):
    for i in range(30):
        place.review(place.image(f"{i}.png", group=f"video {i % 6}"), CELLS, ONE)
    export_training_set(place.store, place.files, tmp_path / "data")
    held_out, train = (groups_of(tmp_path / "data", name) for name in ("held_out", "train"))
    assert not held_out & train and len(held_out | train) == 6
    assert len(rows_of(tmp_path / "data", "held_out")) == 5 * len(held_out)


def test_the_same_reviews_give_the_same_split_anywhere(tmp_path: Path):
    sides = []
    for name in ("one", "two"):
        place = Place(tmp_path / name)
        reviewed(place, 20)
        export_training_set(place.store, place.files, tmp_path / name / "data")
        sides.append(groups_of(tmp_path / name / "data", "held_out"))
        place.store.close()
    assert sides[0] == sides[1] and len(sides[0]) == 4


def test_groups_keep_their_side_for_ever_while_more_come(place: Place, tmp_path: Path):
    seen_held_out: set[str] = set()
    seen_train: set[str] = set()
    for step, share in enumerate((0.2, 0.5, 0.1, 0.2)):
        reviewed(place, 5, prefix=f"clinic {step}")
        export_training_set(place.store, place.files, tmp_path / "data", held_out_share=share)
        held_out, train = (groups_of(tmp_path / "data", name) for name in ("held_out", "train"))
        assert seen_held_out <= held_out and seen_train <= train and not held_out & train
        seen_held_out, seen_train = held_out, train
    assert len(seen_held_out | seen_train) == 20


def test_a_new_kind_of_image_is_measured_too(place: Place, tmp_path: Path):
    reviewed(place, 40)
    export_training_set(place.store, place.files, tmp_path / "first", held_out_share=0.5)
    reviewed(place, 10, Question(Task.BOUNDING, ("nucleus", "ring form")), prefix="malaria")
    export_training_set(place.store, place.files, tmp_path / "second", held_out_share=0.2)
    measured = [row for row in rows_of(tmp_path / "second", "held_out") if "ring form" in row["labels"]]
    assert len(measured) == 2  # although more than a fifth of all groups was held out already


def test_nothing_is_held_out_when_nothing_shall_be(place: Place, tmp_path: Path):
    reviewed(place, 10)
    assert export_training_set(place.store, place.files, tmp_path / "data", held_out_share=0).held_out.rows == 0


def test_one_group_is_always_left_to_train_on(place: Place, tmp_path: Path):
    reviewed(place, 3)
    assert export_training_set(place.store, place.files, tmp_path / "data", held_out_share=0.99).train.rows == 1


# near copies


def drawn(place: Place, seed: int, group: str, change=lambda pixels: pixels) -> Image:
    """A drawn blood smear, reviewed."""
    pixels = change(smear(np.random.default_rng(seed), (160, 120)).image)
    accepted = accept(encoded(Pillow.fromarray(pixels)), f"{group}.png")
    place.files.put(accepted)
    stored = Image(accepted.sha256, accepted.name, accepted.width, accepted.height, group, datetime.now(UTC))
    place.review(place.store.add_image(stored), CELLS, ONE)
    return stored


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * 0.9 + 15, 0, 255).astype(np.uint8)


def test_groups_that_show_the_same_things_go_to_the_same_side(place: Place, tmp_path: Path):
    for seed in range(8):
        drawn(place, seed, f"upload {seed}")
        drawn(place, seed, f"again {seed}", brighter)
    export_training_set(place.store, place.files, tmp_path / "data", held_out_share=0.5)
    held_out = groups_of(tmp_path / "data", "held_out")
    assert len(held_out) == 8  # half of the pairs
    assert {g.replace("upload", "again") for g in held_out} == {g.replace("upload", "again") for g in held_out if "again" in g}


def test_a_copy_of_a_held_out_image_is_held_out_whenever_it_comes(place: Place, tmp_path: Path):
    for seed in range(8):
        drawn(place, seed, f"patient {seed}")
    export_training_set(place.store, place.files, tmp_path / "first")
    held_out = sorted(groups_of(tmp_path / "first", "held_out"))[0]
    copy = drawn(place, int(held_out.split()[1]), "under another name", brighter)
    manifest = export_training_set(place.store, place.files, tmp_path / "second")
    assert "under another name" in place.store.held_out_groups()
    assert copy.sha256 not in (tmp_path / "second" / "train.jsonl").read_text() and manifest.left_out == ()


def test_a_copy_in_a_group_that_was_trained_on_is_left_out(place: Place, tmp_path: Path):
    for seed in range(8):
        drawn(place, seed, f"patient {seed}")
    export_training_set(place.store, place.files, tmp_path / "first")
    held_out = sorted(groups_of(tmp_path / "first", "held_out"))[0]
    trained = sorted(groups_of(tmp_path / "first", "train"))[0]
    copy = drawn(place, int(held_out.split()[1]), trained, brighter)
    manifest = export_training_set(place.store, place.files, tmp_path / "second")
    assert manifest.left_out == (copy.sha256,)
    assert copy.sha256 not in (tmp_path / "second" / "train.jsonl").read_text()
    assert trained in groups_of(tmp_path / "second", "train")


def test_a_held_out_image_that_is_corrected_again_stays_held_out(place: Place, tmp_path: Path):
    images = reviewed(place, 10)
    export_training_set(place.store, place.files, tmp_path / "first")
    held_out = groups_of(tmp_path / "first", "held_out")
    for image in images:
        place.review(image, CELLS, Findings(), base=1)
        place.review(image, Question(Task.POINTING, ("nucleus",)), Findings())  # and asked something else
    export_training_set(place.store, place.files, tmp_path / "second")
    assert groups_of(tmp_path / "second", "held_out") == held_out
    assert not groups_of(tmp_path / "second", "train") & held_out


# refusals


def test_what_cannot_be_trained_on_is_a_sentence(place: Place, tmp_path: Path):
    with pytest.raises(BadSetting, match="no accepted or corrected reviews to train on"):
        export_training_set(place.store, place.files, tmp_path / "data")
    image = reviewed(place, 1)[0]
    for share in (1, -0.1, float("nan")):
        with pytest.raises(BadSetting, match="held_out_share is"):
            export_training_set(place.store, place.files, tmp_path / "data", held_out_share=share)
    place.store.hold_out(["patient 0"])
    with pytest.raises(BadSetting, match="Every reviewed image is held out"):
        export_training_set(place.store, place.files, tmp_path / "data")
    place.review(place.image("b.png", group="patient 9"), CELLS, ONE)
    path = place.files.path(image.sha256)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StoreUnavailable, match="is damaged"):
        export_training_set(place.store, place.files, tmp_path / "data")
    assert not (tmp_path / "data" / "manifest.json").exists()


def test_measuring_reads_the_split_and_deals_nothing_out(place: Place, tmp_path: Path):
    reviewed(place, 6)
    assert export_held_out(place.store, place.files, tmp_path / "early") == 0
    assert not place.store.held_out_groups() and not place.store.training_groups()
    export_training_set(place.store, place.files, tmp_path / "train", held_out_share=0.5)
    dealt = place.store.held_out_groups()
    reviewed(place, 3, prefix="later")
    assert export_held_out(place.store, place.files, tmp_path / "measure") == len(rows_of(tmp_path / "train", "held_out"))
    assert rows_of(tmp_path / "measure", "held_out") == rows_of(tmp_path / "train", "held_out")
    assert place.store.held_out_groups() == dealt
    assert all((tmp_path / "measure" / r["image"]).is_file() for r in rows_of(tmp_path / "measure", "held_out"))


def test_labels_are_written_in_the_words_the_model_was_taught(place: Place, tmp_path: Path):
    reviewed(place, 4, Question(Task.BOUNDING, ("Kern", "ring form")), "mine")
    export_training_set(place.store, place.files, tmp_path / "data", taught=frozenset({"nucleus", "polyp"}))
    rows = [*rows_of(tmp_path / "data", "train"), *rows_of(tmp_path / "data", "held_out")]
    assert {tuple(row["labels"]) for row in rows} == {("nucleus", "ring form")}
    export_training_set(place.store, place.files, tmp_path / "new")
    assert {tuple(row["labels"]) for row in rows_of(tmp_path / "new", "train")} == {("Kern", "ring form")}


def test_a_prediction_is_no_answer_of_none_about_labels_that_were_not_asked(place: Place, tmp_path: Path):
    image, asked = place.image("a.png", group="mine"), Question(Task.COUNT_AND_BOX, ("nucleus",))
    place.store.add_prediction(Prediction("p1", image.sha256, asked, ONE, "[]", "tiny", None, "compact-1", 1, datetime.now(UTC)))
    wider = Question(Task.COUNT_AND_BOX, ("nucleus", "dog"))
    review = Review("r1", image.sha256, wider, "p1", Verdict.CORRECTED, ONE, "ada", 1, datetime.now(UTC))
    place.store.save_review(review, key="r1", base_revision=0)
    export_training_set(place.store, place.files, tmp_path / "data")
    (row,) = rows_of(tmp_path / "data", "train")
    assert row["counts"] == {"nucleus": 1, "dog": 0} and "predicted" not in row


def test_reviews_from_before_a_rename_are_written_under_the_new_name(place: Place, tmp_path: Path):
    reviewed(place, 2)
    place.store.change_label("nucleus", LabelChange.RENAMED, "lump", by="ada")
    export_training_set(place.store, place.files, tmp_path / "data")
    (row,) = rows_of(tmp_path / "data", "train")
    assert row["labels"] == ["platelet", "lump"] and row["marks"][0]["label"] == "lump"
