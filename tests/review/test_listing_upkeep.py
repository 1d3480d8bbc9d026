"""Rows of lists are worked out once, by whichever process is first, and lists go on meanwhile."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import product
from threading import Thread

import pytest
from desk import ASK, FOUND, Desk

from pdc.domain.values import Image, Prediction
from pdc.review import worklist
from pdc.review.listing import upkeep
from pdc.review.listing.entries import Order, Stage, WorklistFilter
from pdc.review.listing.stages import name_key
from pdc.review.listing.upkeep import Upkeep, who_of
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.store.listing import pages
from pdc.store.records import EventKind

pytestmark = pytest.mark.both_databases("nightly")


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def bring(desk: Desk, n: int) -> list[str]:
    shas = [f"{i:064x}" for i in range(n)]
    for i, sha in enumerate(shas):
        desk.store.add_image(Image(sha, f"field {i}.png", 40, 30, sha, datetime.now(UTC)))
    return shas


def answer(desk: Desk, sha: str) -> None:
    desk.store.add_prediction(Prediction(sha[-4:], sha, ASK, FOUND, "[]", "model", None, "1", 1.0, datetime.now(UTC)))


def test_a_list_goes_on_while_very_many_images_are_worked_out(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    shas = bring(desk, 12)
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    monkeypatch.setattr(upkeep, "PATIENCE", 0)
    monkeypatch.setattr(Upkeep, "_follow", lambda self: None)
    first = [e.image.sha256 for e in desk.listed("ada")]
    assert first == shas[-2:]  # what came last is worked out first
    desk.store.add_events(shas[:1], EventKind.SENT_BACK, by="ben", note="blurred")
    assert [e.note for e in desk.listed("ada")][:1] == ["blurred"]
    while desk.store.count_changes():
        desk.images.upkeep.catch_up()
    assert [e.image.sha256 for e in desk.listed("ada")] == shas
    assert desk.images.progress("ada", WorklistFilter()).total == 12


def test_two_processes_that_work_at_once_count_no_image_twice(desk: Desk):
    shas = bring(desk, 30)
    several = [Upkeep(ReviewService(desk.store, desk.service.files, desk.model)) for _ in range(2)]
    both = [Thread(target=one.catch_up) for one in several]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert desk.images.progress("ada", WorklistFilter()).total == 30 == len(shas) and desk.store.count_changes() == 0


def test_what_was_written_about_again_meanwhile_is_not_kept(desk: Desk):
    (sha,) = bring(desk, 1)
    desk.images.upkeep.catch_up()
    desk.store.add_events([sha], EventKind.SENT_BACK, by="ben", note="blurred")
    seen = desk.store.image_changes(5)
    desk.store.add_events([sha], EventKind.SENT_BACK, by="ben", note="torn")
    assert desk.store.keep_listed(who_of(desk.service), seen, [], {}) == 0
    assert [e.note for e in desk.listed("ada")] == ["torn"]


def test_a_program_in_another_mode_shows_nothing_of_what_was_kept_for_the_first(desk: Desk):
    (sha,) = bring(desk, 1)
    answer(desk, sha)
    blind = Worklist(ReviewService(desk.store, desk.service.files, desk.model, blind=True))
    private = Worklist(ReviewService(desk.store, desk.service.files, desk.model, private=True))
    for _ in range(2):
        assert [e.model.total for e in desk.listed("ada") if e.model] == [FOUND.count(ASK.task)]
        assert [e.model for e in blind.walk("ada", WorklistFilter())] == [None]
        assert list(private.walk("ada", WorklistFilter())) == []


def test_a_total_that_has_to_be_counted_goes_no_further_than_a_thousand(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    bring(desk, 5)
    for module in (pages, worklist):
        monkeypatch.setattr(module, "MOST", 3)
    page = desk.images.page("ada", WorklistFilter(name="field"), limit=2)
    assert (page.counted.total, page.counted.capped) == (3, True)
    assert not desk.images.page("ada", WorklistFilter(name="field 1"), limit=2).counted.capped
    assert desk.images.page("ada", WorklistFilter(), limit=2).counted.total == 5  # kept, not counted


def test_no_more_names_are_looked_through_for_a_total_than_can_be(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    shas = bring(desk, 5)
    desk.service.retire(shas[:1], "ada")
    answer(desk, shas[3])
    monkeypatch.setattr(pages, "few_of", lambda _: 1)
    for named, found in ((10, (4, False)), (3, (2, True))):  # of three names one is retired
        monkeypatch.setattr(pages, "NAMED", named)
        page = desk.images.page("ada", WorklistFilter(name="field"))
        assert (page.counted.total, page.counted.capped) == found and len(page.entries) == 4
    rare = desk.images.page("ada", WorklistFilter(name="field", stage=Stage.PREDICTED))  # few are in this stage
    assert (rare.counted.total, rare.counted.capped, [e.image.sha256 for e in rare.entries]) == (1, False, [shas[3]])


def test_a_filter_finds_the_same_whether_few_or_many_images_pass_it(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    a, b, c = bring(desk, 3)
    answer(desk, b)
    desk.images.assign([b, c], "ben", by="ada")
    desk.service.hold_back([c], "ada")
    asked = {
        "label": {"label": "platelet"},
        "reader": {"reader": "ben", "label": "platelet"},
        "held": {"stage": "held back"},
        "name": {"name": "LD 0"},
        "short": {"name": "2"},
    }
    for narrow, order in product((5000, -1), Order):
        monkeypatch.setattr(pages, "few_of", lambda _, few=narrow: few)
        found = {name: [e.image.sha256 for e in desk.listed("ada", order=order, **wanted)] for name, wanted in asked.items()}
        assert found == {"label": [b], "reader": [b], "held": [c], "name": [a], "short": [c]}, (narrow, order)


def test_names_are_ordered_as_people_do():
    names = ["b10.png", "b9.png", "B 9.png", "a.png", "", "9", "10", "010", "3²4", "٣", "a1b2", "a1b10", "a01b3", "ab", "a 2 b"]

    def by_parts(name: str) -> list:
        return [int(p) if i % 2 else p for i, p in enumerate(re.split(r"(\d+)", name.casefold()))]

    assert sorted(names, key=name_key) == sorted(names, key=by_parts)


@pytest.mark.parametrize("narrow", [5000, 1], ids=["few", "many"])
def test_any_part_of_a_name_is_found_as_it_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch, narrow: int):
    monkeypatch.setattr(pages, "few_of", lambda _: narrow)
    long = "long " * 20
    names = ["100%_a.png", "100x_b.png", "aaaa.png", 'say "hi"\\.png', "жук.png", f"{long}end.png", f"{long}top.png"]
    for i, name in enumerate(names):
        desk.store.add_image(Image(f"{i:064x}", name, 40, 30, str(i), datetime.now(UTC)))
    some = ["a", "aa", "%", "_", "%_", '"', "\\", '" ', "ж", "УК.", "0", "?", "png", "png.", "ng end"]
    for words in (*some, f"{long}end", "long " * 9):
        found = [e.image.name for e in desk.listed("ada", name=words)]
        assert found == [name for name in names if words.casefold() in name], words
