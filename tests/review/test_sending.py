"""Where readers are sent: never two to one image, and by hand wherever they like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk import ASK, FOUND, Desk, a_mark, who

from pdc.domain.errors import NotFound, OpenElsewhere
from pdc.domain.values import Findings
from pdc.review.listing.entries import Stage, WorklistFilter
from pdc.review.listing.sending import Sending

ALL = WorklistFilter()
pytestmark = pytest.mark.both_databases("nightly")


def test_readers_are_sent_to_images_that_nobody_has_open_and_told_when_none_is_left(tmp_path: Path):
    desk = Desk(tmp_path)
    a, b, c = (desk.image(f"{n}.png") for n in "abc")
    sending = Sending(desk.images)
    assert [sending.next(reader, ALL, None).sha256 for reader in ("ada", "ben", "carl")] == [a, b, c]
    assert [i.sha256 for i in sending.following("ada", ALL, None)] == [a]
    with pytest.raises(OpenElsewhere, match="open at other readers"):
        sending.next("dora", ALL, None)
    sending.claims.let_go(b, "ben")
    assert sending.next("dora", ALL, None).sha256 == b
    sending.claims.hold(c, "dora")  # by hand
    assert sending.claims.told("ada") == {b: "dora", c: "carl"}
    with pytest.raises(NotFound):
        sending.claims.hold("0" * 64, "ada")


def test_save_and_next_stays_at_the_saved_image_while_others_have_the_rest_open(tmp_path: Path):
    desk = Desk(tmp_path)
    mine, theirs = desk.image("mine.png"), desk.image("theirs.png")
    Sending(desk.images).claims.hold(theirs, "ben")
    draft, value, *_ = desk.choose(mine)
    marked = replace(draft, findings=Findings((a_mark("h1", 1),)))
    after, *_, said, _, _, _ = desk.tab.finish(marked, {**value, "marks": [], "stated": {"platelet": 0}, "edits": 1}, {})
    assert after.image.sha256 == mine and "open at other readers" in str(said)
    assert desk.tab.next(after, value, {}, who("ben"))[0].image.sha256 == theirs


def test_images_that_every_reader_reads_are_sent_to_all_in_the_end_and_nobody_is_told_of_the_others(tmp_path: Path):
    desk = Desk(tmp_path, blind=True)
    a, b = desk.image("a.png"), desk.image("b.png")
    sending = Sending(desk.images)
    assert sending.next("ada", ALL, None).sha256 == a and sending.next("ben", ALL, None).sha256 == b
    assert sending.next("carl", ALL, None).sha256 == a and sending.claims.told("carl") == {}


def test_where_nothing_is_left_to_do_one_goes_through_the_list(tmp_path: Path):
    desk = Desk(tmp_path)
    a, b = desk.image("a.png"), desk.image("b.png")
    for sha in (a, b):
        desk.service.save(replace(desk.service.open(sha, ASK, "ada"), findings=FOUND))
    Sending(desk.images).claims.hold(b, "ben")
    assert Sending(desk.images).next("ada", WorklistFilter(stage=Stage.DONE), a).sha256 == b
