"""The Count tab: what its page says of a count, and what its buttons do. Handlers are called as the page calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, who

from pdc.domain.errors import PdcError
from pdc.domain.values import Box, Findings, Mark, Origin, Question, Review, Task, Verdict
from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.sessions import CountSessions
from pdc.web.ui.counting import collecting, tab
from pdc.web.ui.counting.outcome import number
from pdc.web.ui.counting.tab import CountTab
from pdc.web.ui.review_tab import ReviewTab

ADA = who("ada")
KEYS = count()
ASK = Question(Task.COUNT_AND_BOX, ("live cell", "dead cell"))
BEGIN = {"protocol": "haemocytometer", "sample": "S-17", "way": "all", "squares": "1", "n": "10", "chamber": ""}


class Bench:
    """A Count tab over images of two chamber sides, three of each."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        counts = CountSessions(self.desk.store, folder, self.desk.service)
        desk = self.desk
        self.tab = CountTab(counts, ReviewTab(desk.service, desk.images, desk.prefetcher, fields=FieldDesk(counts)))
        self.value: dict[str, Any] = {}
        self.sides = {side: [self.image(side, n) for n in range(3)] for side in "ab"}

    def image(self, side: str, n: int) -> str:
        return self.desk.image(f"side {side} field {n}.png", (200, 100))

    def do(self, act: str, about: dict[str, str] | None = None, **fields: str) -> str:
        """Press something on the page; what the page says then."""
        self.value["asked"] = {"do": act, "about": about or {}, "fields": fields}
        self.value = self.tab.act(self.value, ADA)
        return said(self.value["page"])

    def begin(self, **changes: str) -> str:
        ticks = {"r1 name:side a field": "on", "r2 name:side b field": "on"}
        return self.do("begin", **{**BEGIN, **ticks, **changes})

    def read(self, sha256: str, live: int, dead: int = 0) -> None:
        """The image reviewed, with so many cells in it, none of them at a side."""
        labels = ["live cell"] * live + ["dead cell"] * dead
        marks = tuple(Mark(f"m{i}", Box(5 + 2 * i, 5, 8 + 2 * i, 9), name, Origin.HUMAN) for i, name in enumerate(labels))
        key = f"k{next(KEYS)}"
        review = Review(key, sha256, ASK, None, Verdict.CORRECTED, Findings(marks), "ada", 1, datetime.now(UTC))
        self.desk.store.save_review(review, key=key, base_revision=0)

    @property
    def open(self) -> str:
        return self.value["open"]


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path)
    yield bench
    bench.desk.store.close()


def said(node: Any) -> str:
    return " ".join(map(said, node[2:])) if isinstance(node, list) else str(node)


def chosen(node: Any, name: str, within: bool = False) -> list[str]:
    """The values of the options that are selected in the field of this name."""
    if not isinstance(node, list):
        return []
    own = [node[1]["value"]] if within and "selected" in node[1] else []
    return own + [v for child in node[2:] for v in chosen(child, name, within or node[1].get("name") == name)]


def rows(node: Any, kind: str) -> list[list[str]]:
    """The texts of every table row with this data-kind."""
    if not isinstance(node, list):
        return []
    own = [[said(cell) for cell in node[2:]]] if node[1].get("data-kind") == kind and node[0] == "tr" else []
    return own + [row for child in node[2:] for row in rows(child, kind)]


def test_without_counts_the_page_offers_every_protocol_and_says_there_are_none(bench: Bench):
    text = said(bench.tab.show({}, ADA)["page"])
    assert "No sample has been counted yet." in text and "Sperm concentration" in text
    assert "Squares that each image shows" not in text


def test_a_chosen_protocol_says_what_the_lab_sets_and_asks_only_for_what_it_needs(bench: Bench):
    text = bench.do("form", protocol="sperm-concentration", sample="Anna Meier")
    assert "At least 200 in each of 2 replicates." in text and "Your lab has to set these before use" in text
    assert "Squares that each image shows" in text and "This looks like a person's name." in text
    text = bench.do("form", protocol="reticulocytes", sample="R-1")
    assert "Squares that each image shows" not in text and "person's name" not in text


def test_another_protocol_brings_its_own_chamber(bench: Bench):
    centre, large = "improved Neubauer, centre grid", "improved Neubauer, large squares"
    bench.do("protocol", protocol="sperm-concentration")
    assert chosen(bench.value["page"], "chamber") == [centre]
    bench.do("protocol", protocol="haemocytometer", chamber=centre, way="named", sample="S-17")
    assert chosen(bench.value["page"], "chamber") == [large]
    bench.do("form", protocol="haemocytometer", chamber="Makler, grid", sample="S-17")
    assert chosen(bench.value["page"], "chamber") == ["Makler, grid"]


def test_while_numbers_are_kept_from_the_reader_no_sum_and_no_draft_is_shown(bench: Bench):
    bench.begin()
    assert "Sum" in said(bench.value["page"])
    for sha in bench.sides["a"]:
        bench.read(sha, 40)
    text = said(bench.tab.show(bench.value, who("ben"))["page"])
    assert "kept from you" in text and "Sum" not in text and "draft" not in text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"protocol": ""}, "Choose a protocol"),
        ({"sample": " "}, "a code"),
        ({"squares": "many"}, "whole number"),
        ({"way": "systematic random", "n": "0"}, "whole number"),
        ({"r2 name:side a field": "on"}, "two replicates"),
        ({"way": "by doubt"}, "not chosen|one of these ways"),
    ],
)
def test_what_cannot_be_begun_is_refused_with_a_reason_and_nothing_is_kept(bench: Bench, changes, why):
    with pytest.raises(PdcError, match=why):
        bench.begin(**changes)
    assert bench.tab.counts.sessions("ada") == []


def test_a_count_goes_from_its_images_to_a_signed_sheet_that_is_amended(bench: Bench):
    text = bench.begin()
    assert "0 of 100, replicate 1 of 2" in text and "Replicate 2:  0 of 3 fields read".replace("  ", " ") in text
    for side in "ab":
        for sha in bench.sides[side]:
            bench.read(sha, 18, 2)
    text = said(bench.tab.show(bench.value, ADA)["page"])
    assert "dilution factor is not filled in." in text and "Not yet: dilution factor must be filled in first." in text
    text = bench.do("fill", {"name": "dilution factor"}, value="2")
    assert "360\u202f000 cells/mL" in text and "(54 + 54) / 0.6 µL" in text
    assert "Replicates 60 and 60 agree (difference 0, allowed" in text and "Sampling alone, 95 %" in text
    text = bench.do("sign")
    assert (
        "Version 1, final" in text
        and "This count is finished." in text
        and not bench.tab.counts.session(bench.open).fields[0].why
    )
    assert "Sign as" not in text and "dilution factor : 2".replace(" :", ":") in text.replace("  ", " ").replace(" :", ":")
    with pytest.raises(PdcError, match="re-opened"):
        bench.do("reopen", why="")
    bench.do("reopen", why="a cell was missed")
    text = bench.do("amend", why="a cell was missed")
    assert "Version 2, amended" in text and "a cell was missed" in text and "Version 1, final" in text


def test_a_field_is_withdrawn_with_a_reason_that_stays_in_its_row(bench: Bench):
    bench.begin()
    first, second, _ = bench.sides["a"]
    bench.read(first, 5)
    bench.read(second, 7)
    bench.do("withdraw", {"sha256": first}, why="torn")
    (row,) = rows(bench.value["page"], "withdrawn")
    assert "torn (ada)" in row[1] and rows(bench.value["page"], "read")[0][3] == "7"
    with pytest.raises(PdcError, match="Say why"):
        bench.do("withdraw", {"sha256": second}, why=" ")


def test_a_protocol_file_that_cannot_be_used_is_named_and_counts_that_were_begun_stay(bench: Bench, tmp_path: Path):
    bench.begin()
    (tmp_path / "protocols").mkdir()
    (tmp_path / "protocols" / "ours.json").write_text('{"name": "ours"}')
    assert "The protocol ours.json cannot be used." in bench.do("new") and "S-17" in said(bench.value["page"])


def test_what_is_noted_of_a_field_is_noted_and_taken_back(bench: Bench):
    bench.begin()
    about = {"sha256": bench.sides["a"][0], "name": "clumps"}
    bench.do("note", about, noted="clumps")
    assert bench.tab.counts.fields(bench.open)[0].noted == {"clumps"}
    bench.do("note", about)
    assert bench.tab.counts.fields(bench.open)[0].noted == frozenset()


def test_the_next_field_opens_on_the_review_page_under_the_protocols_question(bench: Bench):
    bench.begin()
    shown = bench.tab.read({**bench.value, "asked": {"do": "next"}}, None, ADA)
    draft = shown[0]
    assert draft.image.sha256 == bench.tab.counts.next_field(bench.open, "ada").sha256
    assert draft.question.labels == ASK.labels and shown[-1]["selected"] == "review"


def test_when_all_is_read_there_is_no_next_field_and_images_can_be_added(bench: Bench):
    bench.begin(**{"r2 name:side b field": "on"})
    extra = bench.image("c", 1)
    text = bench.do("add", **{"r3 name:side c field": "on"})
    assert "Replicate 3: 0 of 1 fields read" in text
    assert extra in {f.sha256 for f in bench.tab.counts.fields(bench.open)}
    for field in bench.tab.counts.fields(bench.open):
        bench.read(field.sha256, 9)
    text = said(bench.tab.show(bench.value, ADA)["page"])
    assert "Every field has been read." in text and "Read the next field" not in text


def test_open_counts_stand_before_finished_ones_and_one_is_chosen(bench: Bench):
    bench.begin(sample="first")
    first = bench.open
    bench.do("new")
    bench.begin(sample="second")
    bench.tab.counts.close(bench.open, "ada")
    text = said(bench.tab.show({}, ADA)["page"])
    assert text.index("Open") < text.index("first") < text.index("Finished") < text.index("second")
    assert bench.do("choose", {"session": first}) and bench.open == first


def test_the_newest_counts_are_listed_and_an_older_one_is_found_by_its_sample(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collecting, "MOST", 2)
    for n in range(4):
        bench.begin(sample=f"S-{n}")
        bench.tab.counts.close(bench.open, "ada")
    bench.begin(sample="S-open")
    for n in range(4, 7):
        bench.begin(sample=f"S-{n}")
        bench.tab.counts.close(bench.open, "ada")
    text = said(bench.tab.show({}, ADA)["page"])
    assert "Shown are the newest." in text and "S-open" in text  # an open one is always there
    assert [f"S-{n}" in text for n in range(7)] == [False] * 5 + [True] * 2
    text = bench.do("look", look="s-0")
    assert "S-0" in text and "S-5" not in text and "Shown are the newest." not in text


def test_of_a_run_of_names_that_began_before_the_newest_images_the_page_says_that_there_may_be_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    asked = {"protocol": "haemocytometer", "sample": "S-1"}
    assert "may be more" not in bench.do("form", **asked)
    monkeypatch.setattr(tab, "MOST", 5)
    bench.desk.images.upkeep.catch_up()  # side a has an image beyond the newest five, side b has not
    text = bench.do("form", **asked)
    assert text.count("2, there may be more") == 1 and "Shown are the newest images" in text


def test_a_result_that_failed_is_shown_as_failed(bench: Bench):
    bench.begin()
    for side, n in (("a", 40), ("b", 8)):
        for sha in bench.sides[side]:
            bench.read(sha, n)
    text = bench.do("fill", {"name": "dilution factor"}, value="2")
    assert "do not agree" in text and "not valid: repeat the count" in text and "cells/mL" in text


@pytest.mark.parametrize("odd", [None, 3, {"asked": 4}, {"asked": {"do": None, "fields": [1]}}, {"open": "nothing"}])
def test_whatever_the_browser_sends_the_page_is_shown(bench: Bench, odd):
    assert json.dumps(bench.tab.show(odd, ADA)["page"], default=str)


def test_numbers_have_thin_spaces_between_thousands_and_no_more_digits_than_there_are():
    assert [number(n) for n in (None, 0.5, 1234.5, 2_060_000)] == ["–", "0.5", "1\u202f234.5", "2\u202f060\u202f000"]
