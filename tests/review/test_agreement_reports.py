"""The report over a store: whom it compares, and what each user may see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place
from several_readers import ASK, found, read_by, save_read

from pdc.domain.agreement.rows import Kind, Measure
from pdc.review.agreement.reports import Reports
from pdc.review.reading.reads import Reads

ONE, TWO = found((0, "cell"), (100, "cell")), found((2, "cell"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


def settle(place: Place, sha256: str) -> None:
    Reads(place.store).adjudicate(sha256, ASK, ONE, "boss")


def compared(place: Place, user: str | None) -> list[tuple[str, ...]]:
    return [c.readers for c in Reports(Reads(place.store)).of(user).comparisons]


def test_every_pair_and_all_together_are_compared(place: Place):
    for name in ("a.png", "b.png"):
        read_by(place.store, place.image(name).sha256, {"ada": ONE, "bob": TWO, "eve": ONE})
    read_by(place.store, place.image("c.png").sha256, {"ada": ONE, "bob": ONE})
    report = Reports(Reads(place.store)).of(None)
    assert [c.readers for c in report.comparisons] == [("ada", "bob"), ("ada", "eve"), ("bob", "eve"), ("ada", "bob", "eve")]
    images = {(r.readers, r.measure): r.images for r in report.rows if r.label is None}
    assert images[("ada", "bob"), Measure.F1] == 3 and images[("ada", "eve"), Measure.F1] == 2
    assert images[("ada", "bob", "eve"), Measure.ALPHA] == 3 and images[("ada", "bob", "eve"), Measure.ICC] == 2


def test_a_reader_who_was_given_an_image_again_is_compared_with_themselves(place: Place):
    sha = place.image("a.png").sha256
    read_by(place.store, sha, {"ada": ONE, "bob": ONE})
    Reads(place.store).repeat([sha], ASK, "boss")
    save_read(place.store, sha, "ada", TWO, turn=2)
    (again,) = [c for c in Reports(Reads(place.store)).of(None).comparisons if c.kind is Kind.INTRA]
    f1 = next(r for r in again.rows() if r.measure is Measure.F1 and r.label is None)
    assert again.readers == ("ada", "ada, again") and f1.estimate.value == pytest.approx(2 / 3)


def test_a_reader_sees_the_numbers_they_are_one_side_of_and_no_others(place: Place):
    sha = place.image("a.png").sha256
    read_by(place.store, sha, {"ada": ONE, "bob": TWO, "eve": ONE})
    settle(place, sha)
    assert compared(place, "ada") == [("ada", "bob"), ("ada", "eve"), ("ada", "bob", "eve")]
    assert compared(place, "kim") == []
    assert len(Reports(Reads(place.store), lambda user: user == "kim").of("kim").comparisons) == 4


def test_nobody_sees_numbers_of_an_image_that_they_still_read(place: Place):
    sha = place.image("a.png").sha256
    read_by(place.store, sha, {"ada": ONE, "bob": TWO})
    assert compared(place, "ada") == []
    assert Reports(Reads(place.store), lambda user: True).of("ada").comparisons == ()
    settle(place, sha)
    assert compared(place, "ada") == [("ada", "bob")]


def test_a_reader_is_not_told_of_images_given_again_while_more_are_to_come(place: Place):
    shas = [place.image(name).sha256 for name in ("a.png", "b.png")]
    for sha in shas:
        read_by(place.store, sha, {"ada": ONE, "bob": TWO})
        settle(place, sha)
    Reads(place.store).repeat(shas, ASK, "boss")
    save_read(place.store, shas[0], "ada", TWO, turn=2)
    assert compared(place, "ada") == [("ada", "bob")]
    save_read(place.store, shas[1], "ada", TWO, turn=2)
    assert compared(place, "ada") == [("ada", "bob"), ("ada", "ada, again")]


def test_a_new_read_is_in_the_next_report(place: Place):
    reports = Reports(Reads(place.store))
    read_by(place.store, place.image("a.png").sha256, {"ada": ONE, "bob": TWO})
    first = reports.of(None)
    assert reports.of(None) is first
    read_by(place.store, place.image("b.png").sha256, {"ada": ONE, "bob": TWO})
    assert [len(c.cases) for c in reports.of(None).comparisons] == [2]
