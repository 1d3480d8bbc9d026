"""A verdict goes on to the next mark that waits for one."""

from __future__ import annotations

import pytest
from editor_page import Driver, box

pytestmark = pytest.mark.browser

ROW = tuple(box(f"m{i}", 60 * i, 50, 60 * i + 40, 90) for i in range(1, 5))


def status(driver: Driver) -> list[str]:
    return [mark["status"] for mark in driver.marks().values()]


def said(driver: Driver) -> str:
    line = driver.page.locator(".pda-said-line")
    return line.inner_text() if line.is_visible() else ""


def test_each_verdict_is_one_key(driver: Driver) -> None:
    driver.open(*ROW)
    whole = driver.screen(0, 0)
    driver.press("n", "a", "r", "a")
    assert status(driver) == ["accepted", "rejected", "accepted", "open"] and driver.selected() == "m4"
    assert driver.screen(0, 0) == whole and said(driver) == ""
    driver.press("a")
    assert driver.selected() == "m4" and said(driver) == "All marks are judged."


def test_marks_that_were_judged_or_drawn_by_a_person_are_passed_over(driver: Driver) -> None:
    judged = {**ROW[1], "status": "accepted"}
    driver.open(ROW[0], judged, {**ROW[2], "origin": "human", "score": None}, {**ROW[3], "status": "doubtful"})
    driver.press("n", "r")
    assert driver.selected() == "m4"
    driver.press("a")
    assert said(driver) == "All marks are judged."


def test_after_the_last_mark_comes_the_first_that_was_left_open(driver: Driver) -> None:
    driver.open(*ROW)
    driver.click(140, 70)
    driver.press("a", "a", "a")
    assert driver.selected() == "m1"


def test_n_after_a_verdict_comes_to_the_next_mark_and_passes_none_over(driver: Driver) -> None:
    driver.open(*ROW)
    driver.press("n", "a", "n", "r", "n", "n", "a")
    assert status(driver) == ["accepted", "rejected", "open", "accepted"]


def test_a_verdict_that_is_taken_back_stays_at_its_mark(driver: Driver) -> None:
    driver.open({**ROW[0], "status": "rejected"}, *ROW[1:])
    driver.press("n", "r")
    assert driver.selected() == "m1" and status(driver)[0] == "doubtful"


def test_a_mark_out_of_sight_is_brought_into_sight(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 40, 40), box("m2", 360, 260, 380, 280))
    driver.click(30, 30)
    driver.press("z", "a")
    assert driver.selected() == "m2"
    stage = driver.page.locator(".pda-stage").bounding_box()
    x, y = driver.screen(370, 270)
    assert stage["x"] < x < stage["x"] + stage["width"] and stage["y"] < y < stage["y"] + stage["height"]
