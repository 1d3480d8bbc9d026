"""Doubtful marks in the editor: dashed, not counted, said so, and ordinary once a person has touched them."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box

pytestmark = pytest.mark.browser
ONE = "1 doubtful mark is dashed and not counted: accept it (A) if it is right"


def doubtful(name: str, *xyxy: float) -> dict:
    return {**box(name, *xyxy, score=0.21), "status": "doubtful"}


def shown(driver: Driver, **kw: object) -> None:
    driver.js("(e.doc.look({ below: 0, uncertain: false }), e.render())")
    driver.open(box("m1", 20, 20, 60, 60, score=0.9), doubtful("m2", 120, 100, 200, 180), **kw)


def test_a_doubtful_mark_is_dashed_not_counted_and_said_so(driver: Driver) -> None:
    shown(driver)
    assert driver.text(".pda-total") == "1" and driver.text(".pda-doubt") == ONE
    assert driver.text(f'.pda-label[data-label="{LABELS[0]}"] .pda-number') == "1"
    dashes = "getComputedStyle(document.querySelector('.pda-ink .pda-line[data-status=\"{}\"]')).strokeDasharray"
    assert driver.page.evaluate(dashes.format("doubtful")) == "5px, 4px"
    assert driver.page.evaluate(dashes.format("open")) == "none"
    assert "doubtful" in driver.page.locator('.pda-mark[data-id="m2"]').get_attribute("aria-label")


def test_the_next_mark_may_be_a_doubtful_one_and_accepting_it_counts_it(driver: Driver) -> None:
    shown(driver)
    driver.press("n", "n")
    assert driver.selected() == "m2"
    driver.press("a")
    assert driver.marks()["m2"]["status"] == "accepted" and driver.text(".pda-total") == "2"
    assert not driver.page.locator(".pda-doubt").is_visible()


def test_accepting_all_in_sight_leaves_doubtful_marks_alone(driver: Driver) -> None:
    shown(driver)
    driver.press("Shift+A")
    assert {name: m["status"] for name, m in driver.marks().items()} == {"m1": "accepted", "m2": "doubtful"}


@pytest.mark.parametrize("key", ["a", "r"])
def test_a_verdict_that_is_taken_back_leaves_the_mark_doubtful(driver: Driver, key: str) -> None:
    shown(driver)
    driver.press("n", "n", key)
    driver.js("e.select('m2')")
    driver.press(key)
    assert driver.marks()["m2"]["status"] == "doubtful" and driver.text(".pda-total") == "1"


@pytest.mark.parametrize("touch", ["ArrowRight", "2"])
def test_moving_or_relabelling_a_doubtful_mark_makes_it_an_ordinary_one(driver: Driver, touch: str) -> None:
    shown(driver)
    driver.press("n", "n", touch)
    mark = driver.marks()["m2"]
    assert (mark["status"], mark["origin"]) == ("open", "edited") and driver.text(".pda-total") == "2"
    driver.press("Control+z")
    assert driver.marks()["m2"]["status"] == "doubtful"


def test_pressing_the_line_goes_from_one_doubtful_mark_to_the_next(driver: Driver) -> None:
    shown(driver)
    driver.open(doubtful("m1", 20, 20, 60, 60), box("m2", 70, 20, 90, 60), doubtful("m3", 120, 100, 200, 180))
    line = driver.page.locator(".pda-doubt")
    assert line.inner_text() == "2 doubtful marks are dashed and not counted: accept (A) those that are right"
    walked = []
    for _ in range(3):
        line.click()
        walked.append(driver.selected())
    assert walked == ["m1", "m3", "m1"]


def test_a_new_answer_takes_doubtful_marks_that_it_does_not_hold_with_it(driver: Driver) -> None:
    shown(driver)
    value = driver.value()
    later = {**value, "rev": value["rev"] + 1, "merge": True, "marks": [box("m9", 300, 200, 340, 240)]}
    driver.js("e.receive(arg)", later)
    assert list(driver.marks()) == ["m9"]


def test_a_verdict_that_is_taken_back_after_a_reload_leaves_the_mark_doubtful(driver: Driver) -> None:
    """Undo steps are gone by then; the server says which marks the answer counts."""
    shown(driver)
    accepted = {**doubtful("m2", 120, 100, 200, 180), "status": "accepted"}
    driver.open({**box("m1", 20, 20, 60, 60), "status": "accepted"}, accepted, found=["m1"])
    driver.js("e.select('m2')")
    driver.press("a")
    assert driver.marks()["m2"]["status"] == "doubtful" and driver.text(".pda-total") == "1"
    driver.js("e.select('m1')")
    driver.press("a")
    assert driver.marks()["m1"]["status"] == "open" and driver.text(".pda-total") == "1"
