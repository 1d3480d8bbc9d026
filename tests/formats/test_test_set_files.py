"""Annotation files become a named test set: kept whole beside the store, told apart from training, retired and never deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from named_sets import smears
from PIL import Image as Pillow
from places import Place

from pdc.domain.errors import BadSetting, NotFound
from pdc.files import sha256
from pdc.formats.importing import import_coco
from pdc.formats.test_set_files import Added, Wanted, add_test_set, shown_in
from pdc.training.dataset_export import likenesses_to_learn_from
from pdc.training.test_sets import ROWS, TestSets


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    yield place
    place.store.close()


@pytest.fixture
def sets(tmp_path: Path) -> TestSets:
    return TestSets(tmp_path / "home")


def add(sets: TestSets, path: Path, learnt=None, **wanted) -> Added:
    return add_test_set(sets, replace(Wanted("clinic-b", path), **wanted), learnt or {}, "ada")


def test_a_set_is_kept_with_its_images_and_says_what_is_in_it(sets: TestSets, tmp_path: Path):
    path = smears(tmp_path / "files", (1, 2))
    truth = json.loads(path.read_text())["annotations"]
    kept = add(sets, path, notes="another microscope").kept
    assert sets.all() == [kept] == [sets.get("clinic-b")]
    assert (kept.images, sum(kept.labels.values()), kept.added_by) == (2, len(truth), "ada")
    rows = [json.loads(line) for line in (sets.folder("clinic-b") / ROWS).read_text().splitlines()]
    assert sum(len(row["marks"]) for row in rows) == len(truth)
    for row in rows:
        assert sha256(sets.folder("clinic-b") / row["image"]) == Path(row["image"]).stem
    assert sorted(p.name for p in (sets.home / "sets").iterdir()) == ["clinic-b"]


def test_what_the_import_left_out_is_kept_with_the_set(sets: TestSets, tmp_path: Path):
    outside = {"id": 99, "image_id": 1, "category_id": 1, "bbox": [9000, 9000, 5, 5]}
    kept = add(sets, smears(tmp_path / "files", (1, 2), outside)).kept
    assert "outside" in kept.left_out


def test_only_the_wanted_labels_are_asked(sets: TestSets, tmp_path: Path):
    kept = add(sets, smears(tmp_path / "files", (1, 2)), labels=("platelet",)).kept
    assert set(kept.labels) == {"platelet"}


def test_a_set_of_images_that_training_is_shown_says_so_even_of_brighter_smaller_copies(
    place: Place, sets: TestSets, tmp_path: Path
):
    import_coco(place.store, place.files, smears(tmp_path / "reviewed", (1, 3)), "maria")
    path = smears(tmp_path / "files", (1, 2))
    with Pillow.open(path.parent / "1.png") as image:
        image.point(lambda v: min(255, v + 12)).save(path.parent / "1.png")
    learnt = likenesses_to_learn_from(place.store, place.files)
    added = add(sets, path, learnt)
    assert (len(added.shown), added.kept.images) == (1, 2)
    assert shown_in(added.kept.hashes(), learnt) == added.shown


def test_images_that_training_is_shown_are_left_out_where_that_was_asked(place: Place, sets: TestSets, tmp_path: Path):
    import_coco(place.store, place.files, smears(tmp_path / "reviewed", (1, 3)), "maria")
    learnt = likenesses_to_learn_from(place.store, place.files)
    added = add(sets, smears(tmp_path / "files", (1, 2)), learnt, apart=True)
    assert added.kept.images == 1 and shown_in(added.kept.hashes(), learnt) == ()
    with pytest.raises(BadSetting, match="none is left"):
        add(sets, smears(tmp_path / "same", (1, 3)), learnt, apart=True, name="same")


def test_images_that_are_held_out_are_no_images_to_learn_from(place: Place, tmp_path: Path):
    import_coco(place.store, place.files, smears(tmp_path / "reviewed", (1, 3)), "maria")
    one, other = place.store.images()
    place.store.hold_out([one.group])
    assert likenesses_to_learn_from(place.store, place.files).keys() == {other.sha256}


def test_a_retired_set_is_used_no_more_keeps_its_files_and_its_name_stays_taken(sets: TestSets, tmp_path: Path):
    path = smears(tmp_path / "files", (1,))
    add(sets, path)
    sets.retire("clinic-b", "maria", "wrongly annotated")
    assert sets.all() == [] and "maria" in sets.every()[0].retired and "wrongly annotated" in sets.every()[0].retired
    assert (sets.folder("clinic-b") / ROWS).is_file()
    with pytest.raises(NotFound, match="clinic-b"):
        sets.get("clinic-b")
    with pytest.raises(BadSetting, match="another name"):
        add(sets, path)


def test_a_set_whose_answers_were_changed_is_refused(sets: TestSets, tmp_path: Path):
    add(sets, smears(tmp_path / "files", (1,)))
    rows = sets.folder("clinic-b") / ROWS
    rows.write_text(rows.read_text().replace("platelet", "red blood cell"))
    with pytest.raises(BadSetting, match="was changed"):
        sets.get("clinic-b")


@pytest.mark.parametrize("name", ["", "../home", "a b", ".hidden"])
def test_a_name_that_could_lead_out_of_the_folder_is_refused(sets: TestSets, tmp_path: Path, name: str):
    with pytest.raises(BadSetting, match="set's name"):
        add(sets, smears(tmp_path / "files", (1,)), name=name)


def test_a_file_with_nothing_in_it_leaves_no_set_behind(sets: TestSets, tmp_path: Path):
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(BadSetting):
        add(sets, empty)
    assert sets.every() == [] and list((sets.home / "sets").iterdir()) == []
