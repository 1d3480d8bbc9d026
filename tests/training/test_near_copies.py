"""Near copies: each image is compared once with all others, whoever asks, and what was found is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from places import Place
from store_values import url_of

from pdc.domain.values import Image
from pdc.images.near_duplicates import RULE, ImageHash, near_duplicate_pairs
from pdc.store import Store
from pdc.training import near_copies as module
from pdc.training.near_copies import near_copies

FLAT = (None,) * 4  # quarters that say nothing
ONE, OTHER = 0x0123456789ABCDEF, 0x7777123400FF00FF


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.store = Store.open(url_of(tmp_path))
    return place


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many images were compared with how many, each time."""
    asked: list[tuple[int, int]] = []

    def pairs(some: Mapping[str, ImageHash], others: Mapping[str, ImageHash]):
        asked.append((len(some), len(others)))
        return near_duplicate_pairs(some, others)

    monkeypatch.setattr(module, "near_duplicate_pairs", pairs)
    return asked


def hashed(place: Place, name: str, whole: int) -> str:
    """An image that is said to look like this."""
    image: Image = place.image(name)
    place.store.keep_likenesses(RULE, {image.sha256: str(ImageHash(whole, FLAT))})
    return image.sha256


def ordered(a: str, b: str) -> tuple[str, str]:
    return min(a, b), max(a, b)


def test_only_what_is_new_is_compared_and_what_was_found_stays(place: Place, asked: list[tuple[int, int]]):
    here = [hashed(place, "one.png", ONE), hashed(place, "other.png", OTHER)]
    assert near_copies(place.store, place.files, set(here)) == {}
    copy = hashed(place, "copy.png", ONE ^ 1)
    found = {ordered(here[0], copy): True}
    for _ in range(2):
        assert near_copies(place.store, place.files, {*here, copy}) == found
    assert near_copies(place.store, place.files, {here[1], copy}) == {}  # of those that were asked about
    assert asked == [(2, 2), (1, 3)]


def test_many_are_compared_in_parts_with_all_before_them(place: Place, asked: list[tuple[int, int]], monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    shas = [hashed(place, f"{i}.png", ONE ^ (1 << i)) for i in range(5)]
    found = near_copies(place.store, place.files, set(shas))
    assert found == {ordered(a, b): True for a in shas for b in shas if a < b} and asked == [(2, 2), (2, 4), (1, 5)]


def test_what_another_process_added_meanwhile_is_compared_too(place: Place, asked: list[tuple[int, int]], monkeypatch):
    ours, theirs = hashed(place, "ours.png", ONE), hashed(place, "theirs.png", ONE)
    keep = place.store.keep_compared

    def late(*args) -> bool:
        monkeypatch.setattr(place.store, "keep_compared", keep)
        near_copies(place.store, place.files, {theirs})
        return keep(*args)

    monkeypatch.setattr(place.store, "keep_compared", late)
    near_copies(place.store, place.files, {ours})
    assert place.store.near_copies(RULE, {ours, theirs}) == {ordered(ours, theirs): True}
    assert asked == [(1, 1), (1, 1), (1, 2)]


def test_what_an_older_rule_found_is_not_used_and_a_forgotten_image_is_compared_anew(place: Place, asked: list[tuple[int, int]]):
    a, b = hashed(place, "a.png", ONE), hashed(place, "b.png", ONE)
    assert place.store.keep_compared(RULE - 1, [a], {}, 0)
    assert near_copies(place.store, place.files, {a, b}) == {ordered(a, b): True}
    place.store.forget("ada", [b])
    assert place.store.compared_images(RULE)[0] == {a} and place.store.near_copies(RULE, {a, b}) == {}
    place.store.keep_likenesses(RULE, {b: str(ImageHash(OTHER, FLAT))})
    assert near_copies(place.store, place.files, {a, b}) == {} and asked == [(2, 2), (1, 2)]
