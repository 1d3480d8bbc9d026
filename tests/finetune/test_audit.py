"""`python -m finetune audit` over a store whose images the base has answered: readers, imports, reads and confirmations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from places import Place
from store_values import url_of

from finetune.__main__ import main
from finetune.cli import suspicions
from finetune.cli.suspicions import compare_reviews, take_turns
from pdc.domain.values import Box, Findings, Image, Mark, Prediction, Question, Review, Task, Verdict
from pdc.formats.importing import import_file
from pdc.images.intake import ImageFiles
from pdc.settings import Settings
from pdc.store import EventKind, Store
from pdc.store.reading.records import ReaderChange, ReaderEvent
from pdc.training.config import TrainConfig
from pdc.training.readers import not_left_out, offered
from tests.bench.poisoning import DRAWN_MODELS, LABELS, Dice, Reader, Scene, drawn_scenes, honest, renaming, swap

ASKED = Question(Task.COUNT_AND_BOX, LABELS)
SWAPPED = renaming(swap(LABELS))


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A base model of which nothing is there but what it says about itself, so that it cannot be asked."""
    folder = tmp_path / "base"
    folder.mkdir()
    worth = {label: {name: getattr(m, name) for name in m.__slots__} for label, m in DRAWN_MODELS.items()}
    about = {"name": "base", "prompt_version": "compact-1", "labels": LABELS, "count_models": worth}
    (folder / "pdc.json").write_text(json.dumps(about))
    return Settings(home=tmp_path, model=str(folder))


@pytest.fixture
def place(tmp_path) -> Place:
    place = Place(tmp_path)
    place.store = Store.open(url_of(tmp_path))
    return place


def scenes(place: Place, n: int = 15, seed: int = 1) -> list[tuple[Image, Scene]]:
    """Images with the base's answers to them in the store."""
    drawn = list(map(shrunk, drawn_scenes(n, Dice(seed))))
    images = [place.image(f"{seed}-{i}", group=f"{seed}-{i}", size=(180, 180 + i)) for i in range(n)]
    for image, scene in zip(images, drawn, strict=True):
        place.store.add_prediction(answer(image, scene))
    return list(zip(images, drawn, strict=True))


def shrunk(scene: Scene) -> Scene:
    """A tenth as large, and off the edge."""
    answered = replace(scene.answered, marks=tuple(map(small, scene.answered.marks)))
    return replace(scene, truth=tuple(map(small, scene.truth)), answered=answered)


def small(mark: Mark) -> Mark:
    return replace(mark, shape=Box(*(5 + n / 10 for n in mark.shape.xyxy)))  # type: ignore[union-attr]


def answer(image: Image, scene: Scene) -> Prediction:
    found, now = scene.answered, datetime.now(UTC)
    return Prediction(f"p{image.sha256}", image.sha256, ASKED, found, "", "base", None, "compact-1", 1.0, now)


def review(place: Place, seen: Sequence[tuple[Image, Scene]], reader: Reader, author: str) -> None:
    for n, (image, scene) in enumerate(seen):
        findings = Findings(tuple(replace(m, id=f"h{i}") for i, m in enumerate(reader(scene, Dice(n)))))
        now, id = datetime.now(UTC), f"{author}{n}{image.sha256}"
        saved = Review(id, image.sha256, ASKED, f"p{image.sha256}", Verdict.CORRECTED, findings, author, 1, now)
        place.store.save_review(saved, key=id, base_revision=0)


def suspected(store: Store, settings: Settings, **how) -> set[str]:
    return {one["reader"] for one in compare_reviews(store, settings, **how)["found"]}


def test_a_lone_reader_is_named_with_the_images_and_the_exit_code_is_1(settings, place, capsys):
    review(place, scenes(place), SWAPPED, "eve")
    where = ["audit", "--home", str(settings.home), "--model", settings.model]
    assert main(where) == 1
    said = capsys.readouterr().out
    assert "15 reviews by 1 reader(s) were compared, 15 of them with what the model says." in said
    assert "Reader eve calls 'red blood cell' 'white blood cell'" in said
    assert main([*where, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["found"][0]["images"]) == 15


def test_of_many_reviews_few_are_in_memory(settings, place, monkeypatch):
    seen = scenes(place, 40)
    review(place, seen, SWAPPED, "eve")
    whole, most = compare_reviews(place.store, settings), []
    read = Store.predictions_by_id
    monkeypatch.setattr(suspicions, "CHUNK", 15)
    monkeypatch.setattr(Store, "predictions", lambda store, sha256=None: pytest.fail("all answers were read"))
    monkeypatch.setattr(Store, "predictions_by_id", lambda store, ids: most.append(len(ids)) or read(store, ids))
    assert {**compare_reviews(place.store, settings), "at": ""} == {**whole, "at": ""} and most == [15, 15, 10]


def test_nobody_is_named_where_all_read_honestly(settings, place, capsys):
    review(place, scenes(place), honest, "ada")
    assert main(["audit", "--home", str(settings.home), "--model", settings.model]) == 0
    assert "Nobody stands out." in capsys.readouterr().out


def test_an_import_is_a_reader_of_its_own(settings, place, tmp_path):
    seen = scenes(place)
    folder = tmp_path / "swapped"
    folder.mkdir()
    write_coco(folder, place.files, seen)
    import_file(place.store, place.files, folder, "ada")
    assert suspected(place.store, settings) == {"ada, imported from swapped"}
    assert offered(place.store) == ["ada, imported from swapped"]


def write_coco(folder: Path, files: ImageFiles, seen: Sequence[tuple[Image, Scene]]) -> None:
    """The images with the truth, its first two categories swapped, cut to what lies on them."""
    images, annotations = [], []
    for n, (image, scene) in enumerate(seen):
        (folder / f"{n}.png").write_bytes(files.path(image.sha256).read_bytes())
        images.append({"id": n, "file_name": f"{n}.png", "width": image.width, "height": image.height})
        for mark in SWAPPED(scene, Dice(n)):
            x1, y1, x2, y2 = mark.shape.xyxy  # type: ignore[union-attr]
            annotations.append({"image_id": n, "category_id": LABELS.index(mark.label), "bbox": [x1, y1, x2 - x1, y2 - y1]})
    named = [{"id": i, "name": label} for i, label in enumerate(LABELS)]
    known = [{**a, "id": i} for i, a in enumerate(annotations)]
    (folder / "annotations.json").write_text(json.dumps({"images": images, "annotations": known, "categories": named}))


def test_reads_that_are_blind_to_each_other_are_compared_before_there_is_a_consensus(settings, place):
    seen, now = scenes(place), datetime.now(UTC)
    for n, (image, scene) in enumerate(seen):
        for reader, reads in (("ada", honest), ("eve", SWAPPED)):
            place.store.add_reader_events([ReaderEvent(image.sha256, ASKED, ReaderChange.GIVEN, reader, "lead", now, now)])
            said = Review(f"{reader}{n}", image.sha256, ASKED, None, Verdict.CORRECTED, Findings(), reader, 1, now, blind=True)
            said = replace(said, findings=Findings(tuple(replace(m, id=f"h{i}") for i, m in enumerate(reads(scene, Dice(n))))))
            place.store.save_read(said, turn=1, key=said.id, base_revision=0)
    report = compare_reviews(place.store, settings)
    kinds = {(one["reader"], one["kind"]) for one in report["found"]}
    assert report["reviews"] == 30 and ("eve", "relabelled") in kinds and ("ada", "relabelled") not in kinds
    assert ("eve", "other labels in the same image") in kinds


def test_who_was_confirmed_is_not_named_again_until_they_review_anew(settings, place):
    seen = scenes(place)
    review(place, seen, SWAPPED, "eve")
    place.store.add_events([image.sha256 for image, _ in seen], EventKind.CONFIRMED, by="ada", reader="eve", note="I looked")
    assert suspected(place.store, settings) == set()
    more = scenes(place, seed=2)
    review(place, more, SWAPPED, "eve")
    assert suspected(place.store, settings) == {"eve"}


def test_reviews_that_a_fold_leaves_out_are_not_compared(settings, place):
    review(place, scenes(place), SWAPPED, "eve")
    review(place, scenes(place, seed=2), honest, "ada")
    without = TrainConfig("base", without_readers=["eve"])
    assert suspected(place.store, settings) == {"eve"}
    assert suspected(place.store, settings, wanted=not_left_out(place.store, without)) == set()


def test_a_base_that_cannot_answer_stops_nothing_and_is_not_asked_again(settings, place, caplog):
    marks = Findings((Mark("m", drawn_scenes(1, Dice(1))[0].truth[0].shape, LABELS[0]),))
    for i in range(6):
        place.review(place.image(f"{i}", size=(40, 30 + i)), ASKED, marks)
    nowhere = replace(settings, server_url="http://127.0.0.1:9")
    report = compare_reviews(place.store, nowhere, ask=3)
    assert (report["reviews"], report["compared"], report["found"]) == (6, 0, [])
    assert "could not be asked" in caplog.text
    assert report["unjudged"] == dict.fromkeys(LABELS, 6)


def test_a_limit_is_spread_over_readers():
    some = [(name, replace(REVIEW, id=f"{name}{i}")) for name, n in (("ada", 4), ("eve", 2)) for i in range(n)]
    assert [r.id for r in take_turns(some)] == ["ada0", "eve0", "ada1", "eve1", "ada2", "ada3"]


REVIEW = Review("r", "a" * 64, ASKED, None, Verdict.CORRECTED, Findings(), "ada", 1, datetime.now(UTC))
