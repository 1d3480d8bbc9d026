"""A reader retires an image that does not belong there: it leaves the list, comes back when it is wanted, and is undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk
from pictures import encoded
from PIL import Image as Pillow

from pdc.review.listing.entries import Stage, WorklistFilter


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def listed(desk: Desk, stage: str = "") -> list[str]:
    return [e.image.name for e in desk.listed("ada", stage=stage)]


def test_a_retired_image_is_listed_only_where_retired_ones_are_asked_for(desk: Desk):
    a, b = desk.image("a.png"), desk.image("b.png")
    desk.service.retire([a], "ada", "the wrong slide")
    assert listed(desk) == ["b.png"] and listed(desk, "retired") == ["a.png"] and listed(desk, "to do") == ["b.png"]
    (entry,) = desk.listed("ada", stage="retired")
    assert (entry.stage, entry.reader, entry.note) == (Stage.RETIRED, "ada", "the wrong slide")
    assert [i.sha256 for i in desk.images.following("ada", WorklistFilter(), None)] == [b]  # what is looked ahead at
    desk.service.restore([a], "bob")
    assert listed(desk) == ["a.png", "b.png"] and listed(desk, "retired") == []


def test_retiring_twice_is_retiring_once(desk: Desk):
    a = desk.image("a.png")
    for _ in range(2):
        desk.service.retire([a, a], "ada")
    desk.service.restore([a], "ada")
    desk.service.restore([a], "ada")
    assert len(desk.store.retirements()) == 2 and listed(desk) == ["a.png"]


def test_a_file_that_is_brought_again_is_back_and_the_reader_is_told(desk: Desk):
    a = desk.image("a.png")
    desk.service.retire([a], "ada", "blurred")
    data = encoded(Pillow.open(desk.service.files.path(a)))
    image, notes = desk.service.add_image(data, "again.png", owner="bob")
    assert image.sha256 == a and listed(desk) == ["a.png"]
    note = notes[-1]
    assert note.startswith("ada retired this image on 20") and note.endswith("it is back in the list.")
    assert desk.service.add_image(data, "again.png", owner="bob")[1] == notes[:-1]


def test_an_image_that_is_held_back_says_so_in_the_list_and_can_be_asked_for(desk: Desk):
    a, b = desk.image("a.png"), desk.image("b.png")
    desk.service.hold_back([a, a], "ada", "a face in it")
    assert listed(desk, "held back") == ["a.png"] and listed(desk) == ["a.png", "b.png"]
    assert [e.held for e in desk.listed("ada")] == [True, False]
    desk.service.release([a, b], "ada")
    assert listed(desk, "held back") == [] and len(desk.store.holds()) == 2
