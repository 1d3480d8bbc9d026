"""Marks that their score hides are not counted, on the screen or in the store, and go with one key; what is not all says so."""

from __future__ import annotations

import pytest
from editor_page import Driver, box

pytestmark = pytest.mark.browser


def hidden(driver: Driver) -> None:
    """Two marks in sight, and two that the slider hides: a found one and a doubtful one."""
    driver.js("(e.doc.look({ below: 0, uncertain: false }), e.render())")
    driver.open(
        box("m1", 20, 20, 60, 60, score=0.9),
        box("m2", 100, 20, 140, 60, score=0.3),
        {**box("m3", 200, 20, 240, 60, score=0.1), "status": "doubtful"},
        box("h1", 300, 20, 340, 60, score=None, origin="human"),
    )
    driver.js("e.confidence.hideBelow(0.5)")


def test_what_is_hidden_is_not_counted_and_is_sent_as_doubtful(driver: Driver) -> None:
    hidden(driver)
    assert driver.text(".pda-total") == "2" and driver.text(".pda-hidden-count") == "2 hidden below 0.50, not counted"
    assert {name: m["status"] for name, m in driver.marks().items()} == {
        "m1": "open",
        "m2": "doubtful",
        "m3": "doubtful",
        "h1": "open",
    }
    told = lambda: [m["id"] for m in driver.received[-1]["marks"] if m["status"] == "open"] if driver.received else None  # noqa: E731
    driver.until(lambda: told() == ["m1", "h1"], "the server to be told")
    driver.js("e.confidence.hideBelow(0)")
    assert driver.text(".pda-total") == "3" and driver.marks()["m2"]["status"] == "open"


def test_moving_the_slider_past_no_mark_is_no_edit(driver: Driver) -> None:
    hidden(driver)
    edits = driver.value()["edits"]
    driver.js("e.confidence.hideBelow(0.6)")
    assert driver.value()["edits"] == edits


def test_shift_r_rejects_what_is_hidden_and_nothing_else_as_one_step(driver: Driver) -> None:
    hidden(driver)
    driver.press("Shift+R")
    statuses = {name: m["status"] for name, m in driver.marks().items()}
    assert statuses == {"m1": "open", "m2": "rejected", "m3": "rejected", "h1": "open"} and driver.text(".pda-total") == "2"
    driver.press("Control+z")
    assert driver.js("e.doc.marks.map((mark) => mark.status)") == ["open", "open", "doubtful", "open"]
    driver.press("Shift+A")
    assert driver.js("e.doc.marks.map((mark) => mark.status)") == ["accepted", "open", "doubtful", "accepted"]


def test_the_button_does_the_same_and_is_there_only_while_something_is_hidden(driver: Driver) -> None:
    hidden(driver)
    button = driver.page.get_by_role("button", name="Reject hidden")
    button.click()
    assert driver.marks()["m2"]["status"] == "rejected" and not button.is_visible()


def test_an_image_that_opens_under_the_slider_is_counted_and_saved_without_what_it_hides(driver: Driver) -> None:
    hidden(driver)
    driver.open(box("m1", 20, 20, 60, 60, score=0.9), box("m2", 100, 20, 140, 60, score=0.3))
    assert driver.text(".pda-total") == "1"
    kept = driver.js("e.link.last.marks.map((mark) => mark.status)")
    driver.js("e.confidence.hideBelow(0)")
    assert kept == ["open", "doubtful"]


def test_an_image_that_may_show_more_says_at_least(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 60, 60), box("m2", 100, 20, 140, 60))
    toggle = driver.page.locator(".pda-complete")
    assert toggle.get_attribute("aria-pressed") == "true" and driver.value()["complete"]
    driver.press("m")
    assert driver.text(".pda-total") == "≥ 2" and not driver.value()["complete"] and toggle.inner_text() == "Not complete"
    driver.press("Control+z")
    assert driver.text(".pda-total") == "2" and driver.value()["complete"]
    toggle.click()
    driver.until(lambda: driver.received and not driver.received[-1]["complete"], "the server to be told")


def test_points_on_one_cell_may_be_one_object_however_large_the_cell_is(driver: Driver) -> None:
    """Of the size of the boxes that the points were made from, not of a few pixels."""
    ends = [(50, 50), (66, 54), (200, 50), (240, 50)]
    marks = [
        {**box(f"m{i}", x - 20, y - 20, x + 20, y + 20), "point": [x, y], "extent": [x - 20, y - 20, x + 20, y + 20]}
        for i, (x, y) in enumerate(ends)
    ]
    driver.open(*({k: v for k, v in m.items() if k != "box"} for m in marks), kind="point")
    driver.until(lambda: driver.page.locator('.pda-hint[data-hint="duplicate"]').is_visible(), "the hint")
    assert sorted(driver.js("[...e.hints.found.keys()]")) == ["m0", "m1"]


def test_a_threshold_that_changes_the_count_is_undone_as_one_step(driver: Driver) -> None:
    hidden(driver)
    assert driver.text(".pda-total") == "2"
    driver.press("Control+z")
    assert driver.text(".pda-total") == "3" and driver.page.locator(".pda-threshold").input_value() == "0"
    driver.press("Control+y")
    assert driver.text(".pda-total") == "2" and driver.page.locator(".pda-threshold").input_value() == "0.5"
    driver.press("n", "r", "Control+z")
    assert driver.marks()["m1"]["status"] == "open" and driver.page.locator(".pda-threshold").input_value() == "0.5"
