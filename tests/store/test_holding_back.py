"""Images that are held back: in no export and no table that is taken along, still seen, learnt from, and released again."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import Place, boxes

from pdc.domain.errors import BadSetting
from pdc.domain.values import Question, Task
from pdc.formats.exporting import export, prepared
from pdc.formats.outgoing.counts import write_counts
from pdc.formats.registry import FORMATS
from pdc.store.records import EventKind

CELLS = Question(Task.BOUNDING, ("cell",))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    for name in ("a.png", "b.png"):
        place.review(place.image(name), CELLS, boxes(("cell", (1, 1, 9, 9))))
    yield place
    place.store.close()


def hold(place: Place, sha: str, kind: EventKind = EventKind.HELD_BACK, owner: str | None = None) -> None:
    place.store.add_events([sha], kind, by="ada", reader=owner, note="a face in it")


@pytest.mark.parametrize("format", FORMATS)
def test_no_export_holds_a_byte_of_an_image_that_is_held_back_and_says_that_it_is_left_out(
    place: Place, tmp_path: Path, format: str
):
    a, b = place.store.images()
    hold(place, a.sha256)
    told = export(place.store, place.files, tmp_path / "out", format)
    written = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert told.images == 1 and "held back" in told.told(tmp_path) and "a.png" in told.told(tmp_path)
    assert place.files.path(a.sha256).read_bytes() not in written and a.sha256.encode() not in written
    assert place.files.path(b.sha256).read_bytes() in written or format == "medmultipoints"  # which holds it in pieces


def test_the_table_of_counts_leaves_it_out(place: Place, tmp_path: Path):
    a, b = place.store.images()
    hold(place, a.sha256)
    table = write_counts(place.store, tmp_path).read_text("utf-8-sig")
    assert a.sha256 not in table and b.sha256 in table


def test_it_is_still_seen_and_learnt_from_and_comes_back_when_it_is_released(place: Place, tmp_path: Path):
    a = place.store.images()[0].sha256
    hold(place, a)
    assert place.store.held_back() == {a} and len(place.store.images()) == 2 and len(place.store.usable_reviews()) == 2
    hold(place, a, EventKind.RELEASED)
    assert place.store.held_back() == frozenset() and export(place.store, place.files, tmp_path / "out", "coco").images == 2
    assert next((e.kind, e.by, e.note) for e in place.store.holds()) == (EventKind.HELD_BACK, "ada", "a face in it")


def test_what_one_visitor_holds_back_is_held_back_for_them_alone(place: Place):
    a = place.store.images()[0].sha256
    hold(place, a, owner="anna")
    assert place.store.held_back("anna") == {a} and place.store.held_back("bert") == place.store.held_back() == frozenset()


def test_everything_held_back_is_nothing_to_export_and_the_reason_is_said(place: Place):
    for image in place.store.images():
        hold(place, image.sha256)
    with pytest.raises(BadSetting, match="held back"):
        prepared(place.store, place.files, "csv")
