"""Retired images: out of everything that counts, with who, when and why, and never erased."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from places import Place, boxes

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import Question, Task
from pdc.formats.exporting import export
from pdc.formats.importing import import_file
from pdc.store.records import EventKind

pytestmark = pytest.mark.both_databases("nightly")

CELLS = Question(Task.BOUNDING, ("cell",))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    for name in ("a.png", "b.png"):
        place.review(place.image(name), CELLS, boxes(("cell", (1, 1, 9, 9))))
    yield place
    place.store.close()


def retire(place: Place, sha: str, kind: EventKind = EventKind.RETIRED, owner: str | None = None) -> None:
    place.store.add_events([sha], kind, by="ada", reader=owner, note="wrong patient")


def test_a_retired_image_counts_nowhere_and_is_still_there(place: Place, tmp_path: Path):
    store, (a, b) = place.store, place.store.images()
    retire(place, a.sha256)
    assert store.images() == [b] and store.every_image() == [a, b]
    for reviews in (store.current_reviews(), store.usable_reviews(), store.reviews(), store.review_lines()):
        assert [r.image_sha256 for r in reviews] == [b.sha256]
    assert list(store.current_ids()) == [b.sha256]
    assert export(store, place.files, tmp_path / "out", "coco").images == 1
    assert store.image(a.sha256) == a and len(store.reviews(a.sha256)) == 1 and place.files.has(a.sha256)


def test_its_history_says_who_when_and_why(place: Place):
    a = place.store.images()[0].sha256
    retire(place, a)
    (event,) = place.store.retired().values()
    assert (event.image_sha256, event.by, event.note) == (a, "ada", "wrong patient") and event.at.tzinfo
    retire(place, a, EventKind.RESTORED)
    assert place.store.retired() == {} and len(place.store.images()) == 2
    retire(place, a)
    assert [e.kind for e in place.store.retirements()] == [EventKind.RETIRED, EventKind.RESTORED, EventKind.RETIRED]


def test_what_one_visitor_retires_the_others_keep(place: Place):
    a = place.store.images()[0]
    for owner in ("anna", "bert"):
        place.store.add_image(a, owner)
    retire(place, a.sha256, owner="anna")
    assert place.store.images_of("anna") == [] and place.store.images_of("bert") == [a]
    assert a in place.store.images() and place.store.images_of("anna", a.sha256) == [a]


def test_everything_retired_is_nothing_to_export(place: Place, tmp_path: Path):
    for image in place.store.images():
        retire(place, image.sha256)
    with pytest.raises(BadSetting, match="no accepted or corrected reviews"):
        export(place.store, place.files, tmp_path / "out", "csv")


def test_an_import_does_not_bring_back_what_was_retired(place: Place, tmp_path: Path):
    a, b = place.store.images()
    for format in ("coco", "csv"):
        export(place.store, place.files, tmp_path / format, format)
    retire(place, a.sha256)
    imported = import_file(place.store, place.files, tmp_path / "coco", "bob")
    (gone,) = [e for e in imported.left_out if e.file == "images/a.png"]
    assert gone.reason.startswith("ada retired this image on 20") and place.store.images() == [b]
    retire(place, b.sha256)
    with pytest.raises(BadSetting, match="retired this image"):
        import_file(place.store, place.files, tmp_path / "csv", "bob")


def test_an_image_that_is_not_there_cannot_be_retired(place: Place):
    with pytest.raises(NotFound):
        retire(place, "0" * 64)


def test_images_are_read_some_at_a_time_without_the_retired_ones_and_a_visitor_reads_their_own(place: Place):
    a, b = place.store.images()
    for owner, name in (("anna", "100%_of hers.png"), ("bert", "his.png")):
        place.store.add_image(replace(a, name=name), owner)
    first, last = place.store.image_page(0, 1)
    assert first == [a] and last is not None and place.store.image_page(last, 1) == ([b], None)
    assert [i.name for i in place.store.image_page(0, 9, "anna")[0]] == ["100%_of hers.png"]
    assert place.store.image_page(0, 9, "anna", "00%_OF")[0] and not place.store.image_page(0, 9, "anna", "100__")[0]
    retire(place, a.sha256, owner="anna")
    assert place.store.image_page(0, 9, "anna") == ([], None) and place.store.image_page(0, 9, "bert")[0]
    retire(place, a.sha256)
    assert place.store.image_page(0, 9) == ([b], None)
