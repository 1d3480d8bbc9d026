"""The editor while a consensus is made: everybody's marks, votes, and the keys that decide."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver

from pdc.domain.agreement.consensus import propose
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Question, Status, Task
from pdc.web.ui.agreement.readers import readers_value
from pdc.web.ui.annotator import mark_value

pytestmark = pytest.mark.browser
QUESTION = Question(Task.COUNT_AND_BOX, tuple(LABELS))


def drawn(*places: tuple[float, str]) -> Findings:
    return Findings(tuple(Mark(f"h{i}", Box(x, 40, x + 40, 80), label, Origin.HUMAN) for i, (x, label) in enumerate(places)))


RED, PLATE = LABELS[:2]
TWO = {"ada": drawn((20, RED), (120, RED), (220, PLATE)), "bob": drawn((24, RED), (122, PLATE))}
THREE = {**TWO, "eve": drawn((22, RED), (118, RED))}


def adjudicate(driver: Driver, reads: dict[str, Findings]) -> None:
    found = propose(reads, QUESTION).findings
    driver.open(*map(mark_value, found.marks), readers=readers_value(reads, QUESTION, found))


def named(driver: Driver) -> dict[str, dict]:
    """By the names that the list shows."""
    return {name.split("-")[0]: mark for name, mark in driver.marks().items()}


def statuses(driver: Driver) -> list[str]:
    return [mark["status"] for mark in driver.value()["marks"]]


def test_everybodys_marks_are_drawn_and_each_readers_can_be_hidden(driver: Driver) -> None:
    adjudicate(driver, THREE)
    assert driver.page.locator(".pda-reader-chip").all_inner_texts() == ["ada\n3", "bob\n2", "eve\n2"]
    lines = driver.page.locator('.pda-reader[data-kind="box"]')
    assert [line.count("M") for line in lines.evaluate_all("nodes => nodes.map((n) => n.getAttribute('d'))")] == [3, 2, 2]
    assert len(set(lines.evaluate_all("nodes => nodes.map((n) => n.getAttribute('stroke-dashoffset'))"))) == 3
    driver.page.locator(".pda-reader-chip").nth(1).click()
    assert lines.count() == 2
    driver.page.locator(".pda-reader-chip").nth(1).click()
    assert lines.count() == 3


def test_points_of_readers_in_one_place_are_rings_wider_than_the_mark_itself(driver: Driver) -> None:
    at = {name: Findings((Mark("h1", Point(50, 60), RED, Origin.HUMAN),)) for name in ("ada", "bob")}
    asked = Question(Task.CNT_AND_POINT, tuple(LABELS))
    consensus = propose(at, asked).findings
    driver.open(*map(mark_value, consensus.marks), kind="point", readers=readers_value(at, asked, consensus))
    width = "nodes => nodes.map((n) => parseFloat(getComputedStyle(n).strokeWidth))"
    rings = driver.page.locator('.pda-reader[data-kind="point"]').evaluate_all(width)
    (own,) = driver.page.locator('.pda-ink .pda-line[data-kind="point"]').evaluate_all(width)
    assert rings[0] > rings[1] > own


def test_when_counting_each_readers_number_stands_beside_and_fits(driver: Driver) -> None:
    said = {name: Findings(stated={RED: n}) for name, n in (("ada", 5), ("bob", 7), ("a reader with a long name", 6))}
    asked = Question(Task.COUNTING, tuple(LABELS))
    consensus = propose(said, asked).findings
    driver.open(kind="count", stated=dict(consensus.stated), readers=readers_value(said, asked, consensus))
    line = driver.page.locator(f'.pda-label[data-label="{RED}"]')
    assert line.locator(".pda-said").inner_text() == "ada 5 · bob 7 · a reader with a long name 6"
    assert line.locator(".pda-count-input").input_value() == "6"
    ends = line.locator(".pda-said").bounding_box()
    assert ends["x"] + ends["width"] <= line.locator(".pda-step").first.bounding_box()["x"]
    assert not driver.page.locator(".pda-votes").is_visible()


def test_one_key_accepts_what_everybody_marked_alike_and_undo_takes_it_back(driver: Driver) -> None:
    adjudicate(driver, THREE)
    assert statuses(driver) == ["open", "open", "rejected"]
    driver.press("Shift+E")
    assert statuses(driver) == ["accepted", "open", "rejected"]
    driver.press("Control+z")
    assert statuses(driver) == ["open", "open", "rejected"]


def test_after_the_ties_comes_what_not_all_marked_alike(driver: Driver) -> None:
    adjudicate(driver, THREE)
    driver.press("Shift+E", "f")
    assert driver.selected().startswith("c2-")
    driver.press("a", "f")
    assert driver.selected().startswith("c2-")  # nothing is left, so the selection stays


def test_what_is_tied_is_not_counted_until_it_is_decided(driver: Driver) -> None:
    adjudicate(driver, TWO)
    assert statuses(driver) == ["open", "doubtful", "doubtful"]
    assert "to decide: 2" in driver.text(".pda-standing") and driver.text(".pda-total") == "1"
    driver.press("f", "2")
    assert named(driver)["c2"] | {"label": PLATE, "status": "open"} == named(driver)["c2"]
    driver.press("f", "r")
    assert statuses(driver) == ["open", "open", "rejected"]
    assert "to decide" not in driver.text(".pda-standing")
    driver.js("e.select(e.doc.marks[2].id)")
    driver.press("r")
    assert statuses(driver) == ["open", "open", "doubtful"]


def test_the_votes_for_the_selected_object_are_shown_and_a_readers_version_can_be_taken(driver: Driver) -> None:
    adjudicate(driver, THREE)
    driver.press("n", "n")
    assert driver.page.locator(".pda-vote").all_inner_texts() == [f"ada\n{RED}", f"bob\n{PLATE}", f"eve\n{RED}"]
    driver.page.locator(".pda-vote button").nth(1).click()
    taken = named(driver)["c2"]
    assert (taken["box"], taken["label"], taken["status"]) == ([122, 40, 162, 80], PLATE, "accepted")
    driver.press("Shift+V")
    assert named(driver)["c2"]["box"] == [118, 40, 158, 80]
    driver.press("Control+z", "Control+z")
    assert named(driver)["c2"]["label"] == RED and named(driver)["c2"]["status"] == "open"


def test_the_list_says_how_many_marked_each_object(driver: Driver) -> None:
    adjudicate(driver, THREE)
    said = [driver.text(f'.pda-row[aria-posinset="{at}"] .pda-score') for at in (1, 2, 3)]
    assert said == ["3/3\nagreed", "3/3\nby majority", "1/3\nby a minority"]


def test_deleting_a_proposed_object_rejects_it_and_what_the_adjudicator_draws_is_deleted(driver: Driver) -> None:
    adjudicate(driver, THREE)
    driver.press("n", "Delete", "0", "d")
    driver.drag((300, 200), (340, 240))
    assert statuses(driver) == ["rejected", "open", "rejected", "open"]
    driver.press("v", "Delete")
    assert statuses(driver) == ["rejected", "open", "rejected"]


def test_an_ordinary_image_shows_nothing_of_readers(driver: Driver) -> None:
    adjudicate(driver, THREE)
    driver.open(mark_value(Mark("m1", Box(10, 10, 50, 50), RED)))
    assert not driver.page.locator(".pda-panel-readers").is_visible()
    assert driver.page.locator(".pda-reader").count() == 0
    driver.press("Shift+E", "Shift+V")
    assert statuses(driver) == ["open"]
    assert {m["status"] for m in driver.marks().values()} == {str(Status.OPEN)}
