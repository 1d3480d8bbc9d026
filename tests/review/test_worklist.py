"""The worklist: stages, filters, orders, what comes next, and pace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from desk import ASK, FOUND, Desk, a_mark
from store_values import AT

from pdc.domain.errors import NotFound
from pdc.domain.values import Findings, Review, Verdict
from pdc.review.listing.entries import Order, Stage, WorklistFilter
from pdc.review.worklist import pace

pytestmark = pytest.mark.both_databases("nightly")


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def stages(desk: Desk, reader: str = "ada") -> dict[str, Stage]:
    return {e.image.name: e.stage for e in desk.images.walk(reader, WorklistFilter())}


def save(desk: Desk, sha: str, findings: Findings = FOUND, reader: str = "ada") -> None:
    draft = desk.service.open(sha, ASK, reader)
    desk.service.save(replace(draft, findings=findings))


def names(desk: Desk, **wanted) -> list[str]:
    return [e.image.name for e in desk.listed("ada", **wanted)]


def test_what_happened_last_is_the_stage(desk: Desk):
    sha = desk.image("a.png")
    seen = [stages(desk)["a.png"]]
    desk.service.answer(desk.store.image(sha), ASK)
    seen.append(stages(desk)["a.png"])
    desk.service.edit(desk.service.open(sha, ASK, "ada"), Findings((a_mark("h1", 1),)))
    seen.append(stages(desk)["a.png"])
    save(desk, sha)
    seen.append(stages(desk)["a.png"])
    desk.images.send_back(sha, "ben", "blurred")
    seen.append(stages(desk)["a.png"])
    desk.service.skip(desk.service.open(sha, ASK, "ada"))
    seen.append(stages(desk)["a.png"])
    assert seen == [Stage.NEW, Stage.PREDICTED, Stage.IN_REVIEW, Stage.DONE, Stage.SENT_BACK, Stage.SKIPPED]


def test_orders(desk: Desk):
    shas = {name: desk.image(name) for name in ("b10.png", "b9.png", "a.png")}
    sure = Findings(tuple(replace(m, score=0.8) for m in FOUND.marks))
    desk.service.answer(desk.store.image(shas["a.png"]), ASK)
    other = desk.service.answer(desk.store.image(shas["b9.png"]), ASK)
    desk.store.add_prediction(replace(other, id="newer", findings=sure))
    save(desk, shas["b9.png"], Findings())
    save(desk, shas["a.png"])
    assert names(desk) == ["b10.png", "b9.png", "a.png"]
    assert names(desk, order=Order.NAME) == ["a.png", "b9.png", "b10.png"]
    assert names(desk, order=Order.UNCERTAIN) == ["a.png", "b9.png", "b10.png"]
    assert names(desk, order=Order.DISAGREEMENT) == ["b9.png", "a.png", "b10.png"]


def test_the_numbers_of_an_image_are_those_of_its_own_question_whatever_was_asked_last(desk: Desk):
    sha, polyp = desk.image("a.png"), replace(ASK, labels=("polyp",))
    first = desk.service.answer(desk.store.image(sha), ASK)
    desk.service.edit(desk.service.open(sha, ASK, "ada"), Findings((a_mark("h1", 1),)))
    desk.store.add_prediction(replace(first, id="later", question=polyp, findings=Findings()))
    models = {reader: [e.model.total for e in desk.listed(reader)] for reader in ("ada", "ben")}
    assert models == {"ada": [2], "ben": [0]}  # ben has said nothing: what was answered last is his question
    save(desk, sha, Findings())
    assert [(e.model.total, e.reviewed.total, e.disagreement) for e in desk.listed("ben")] == [(2, 0, 2)]


def test_names_with_figures_that_are_no_decimals_are_ordered_too(desk: Desk):
    for name in ("3²4.png", "10.png", "٣.png", "2.png", "½.png"):
        desk.image(name)
    assert [n for n in names(desk, order=Order.NAME) if n != "½.png"] == ["2.png", "٣.png", "3²4.png", "10.png"]


def test_filters(desk: Desk):
    a, b = desk.image("Smear-1.png"), desk.image("polyp.png")
    save(desk, a)
    desk.images.assign([b], "ben", by="ada")
    assert names(desk, stage="done") == names(desk, label="platelet") == names(desk, name="SMEAR") == ["Smear-1.png"]
    assert names(desk, stage="to do") == names(desk, reader="ben") == ["polyp.png"]
    assert names(desk, reader="-") == ["Smear-1.png"]
    desk.images.assign([b], None, by="ada")
    assert names(desk, reader="ben") == [] and desk.images.readers() == ["ada", "ben"]


def test_next_goes_to_the_first_image_that_needs_work_round_the_end(desk: Desk):
    a, b, c = (desk.image(f"{n}.png") for n in "abc")
    save(desk, b)
    assert desk.images.next("ada", WorklistFilter(), a).sha256 == c
    assert desk.images.next("ada", WorklistFilter(), c).sha256 == a
    assert desk.images.previous("ada", WorklistFilter(), a).sha256 == c
    assert desk.images.previous("ada", WorklistFilter(), c).sha256 == b
    save(desk, a)
    assert desk.images.next("ada", WorklistFilter(stage="to do"), a).sha256 == c


def parts(desk: Desk, **where) -> list[str]:
    return [e.image.name for e in desk.images.page("ada", where.pop("wanted", WorklistFilter()), **where).entries]


def test_pages_from_the_top_from_the_end_and_around_an_image_join_to_one_list(desk: Desk):
    shas = [desk.image(f"{n}.png") for n in "abcdefg"]
    first = desk.images.page("ada", WorklistFilter(), limit=3)
    second = desk.images.page("ada", WorklistFilter(), after=first.last, limit=3)
    last = desk.images.page("ada", WorklistFilter(), before="end", limit=3)
    assert [e.image.sha256 for e in (*first.entries, *second.entries)] == shas[:6] and first.first is None
    assert [e.image.sha256 for e in last.entries] == shas[4:] and last.last is None and last.counted.total == 7
    assert parts(desk, before=last.first, limit=3) == ["b.png", "c.png", "d.png"]
    assert parts(desk, around=shas[3], limit=3) == ["c.png", "d.png", "e.png"]
    assert parts(desk, around=shas[0], limit=3) == parts(desk, around="0" * 64, limit=3) == ["a.png", "b.png", "c.png"]
    with pytest.raises(NotFound, match="begin at the top"):
        parts(desk, after="0" * 64)


def test_a_place_in_the_list_stays_when_its_image_leaves_the_list(desk: Desk):
    shas, to_do = [desk.image(f"{n}.png") for n in "abcde"], WorklistFilter(stage="to do")
    first = desk.images.page("ada", to_do, limit=2)
    save(desk, shas[1])
    assert parts(desk, wanted=to_do, after=first.last, limit=2) == ["c.png", "d.png"]
    assert parts(desk, wanted=to_do, before=first.last, limit=2) == ["a.png"]
    assert parts(desk, wanted=to_do, around=shas[1], limit=2) == ["a.png", "c.png"]
    assert list(desk.images.shas("ada", to_do)) == [shas[0], *shas[2:]]


def test_an_empty_list_says_so(desk: Desk):
    with pytest.raises(NotFound, match="upload"):
        desk.images.next("ada", WorklistFilter(), None)


def test_progress_counts_what_is_left_out_as_done_and_tells_the_pace(desk: Desk):
    a, b, _ = (desk.image(f"{n}.png") for n in "abc")
    save(desk, a)
    desk.service.skip(desk.service.open(b, ASK, "ada"))
    progress = desk.images.progress("ada", WorklistFilter())
    assert (progress.done, progress.total, progress.per_hour) == (2, 3, None)


def test_pace_is_over_the_last_hour_and_counts_images_not_saves(desk: Desk):
    shas = [desk.image(f"{n}.png") for n in range(4)]
    for n, (image, minutes) in enumerate([(0, -90), (1, 0), (1, 1), (2, 2), (3, 3)]):
        review = Review(f"r{n}", shas[image], ASK, None, Verdict.ACCEPTED, FOUND, "ada", 1, AT + timedelta(minutes=minutes))
        desk.store.save_review(review, key=f"k{n}", base_revision=int(minutes == 1))
    read = desk.store.read_since("ada", AT - timedelta(minutes=56))
    assert set(read) == set(shas[1:]) and pace(read) == pytest.approx(60)
    assert pace(desk.store.read_since("ada", AT + timedelta(minutes=1))) is None
    assert desk.store.read_since("ben", AT - timedelta(minutes=56)) == {}
