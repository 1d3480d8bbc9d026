"""What images look like, kept: a vector an image and model, and which images have a usable review."""

from __future__ import annotations

from pathlib import Path

import pytest
from databases import url_of
from places import Place, boxes

from pdc.domain.values import Findings, Question, Task, Verdict
from pdc.store import Store

pytestmark = pytest.mark.both_databases("nightly")

ASK = Question(Task.COUNT_AND_BOX, ("nucleus",))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_first_vector_of_an_image_stays_and_other_weights_have_their_own(place: Place):
    a, b = place.image("a"), place.image("b")
    for sha, model, vector in (
        (a.sha256, "one", b"aa"),
        (b.sha256, "one", b"bb"),
        (a.sha256, "one", b"zz"),
        (a.sha256, "two", b"cc"),
    ):
        place.store.keep_vector(sha, model, vector)
    kept = place.store.vectors_after("one")
    assert [(sha, vector) for _, sha, vector in kept] == [(a.sha256, b"aa"), (b.sha256, b"bb")]
    assert [sha for _, sha, _ in place.store.vectors_after("one", kept[0][0])] == [b.sha256]
    assert place.store.without_vector("two") == [b.sha256]


def test_only_accepted_and_corrected_reviews_are_told_and_each_once(place: Place):
    good, skipped, _ = place.image("good"), place.image("skipped"), place.image("new")
    place.review(good, ASK, boxes(("nucleus", (1, 1, 5, 5))))
    place.review(skipped, ASK, Findings(), Verdict.SKIPPED)
    ((seq, sha, author),) = place.store.usable_since()
    assert (sha, author) == (good.sha256, "ada") and place.store.usable_since(seq) == []


def test_vectors_are_there_again_when_the_database_is_opened_again(tmp_path: Path):
    place, url = Place(tmp_path), url_of(tmp_path)
    store = Store.open(url)
    image = place.image("a")
    store.add_image(image)
    store.keep_vector(image.sha256, "one", b"\x00\x3c")
    store.close()
    assert Store.open(url).vectors_after("one") == [(1, image.sha256, b"\x00\x3c")]
