"""The contact sheet: every mark as a picture, walked and judged by clicks and keys, all through the document."""

from __future__ import annotations

import time

import pytest
from editor_page import LABELS, Driver, box, point

pytestmark = pytest.mark.browser
SCORES = (0.9, 0.2, 0.5, 0.35)


def spread(driver: Driver, **kw: object) -> None:
    marks = [box(f"m{i}", 60 * i, 60, 60 * i + 24, 84, score=score) for i, score in enumerate(SCORES, 1)]
    marks[2] = {**marks[2], "label": LABELS[1]}
    low = {**box("m5", 20, 150, 44, 174, score=0.6), "status": "doubtful"}
    driver.open(*marks, low, box("h1", 200, 150, 230, 180, origin="human", score=None), **kw)


def tiles(driver: Driver) -> list[str]:
    shown = driver.page.locator(".pda-tile").all()
    return [t.get_attribute("data-id") for t in sorted(shown, key=lambda t: int(t.get_attribute("aria-posinset")))]


def statuses(driver: Driver) -> dict[str, str]:
    return {name: mark["status"] for name, mark in driver.marks().items() if mark["status"] != "open"}


def tile(driver: Driver, name: str):
    return driver.page.locator(f".pda-tile[data-id={name}]")


def colour(driver: Driver, name: str) -> list[int]:
    """The middle of a tile's picture, red, green, blue."""
    script = "(c) => [...c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 1, 1).data].slice(0, 3)"
    return tile(driver, name).locator("canvas").evaluate(script)


def test_the_doubtful_come_first_and_each_tile_shows_its_own_piece_of_the_picture(driver: Driver) -> None:
    spread(driver)
    driver.press("Shift+G")
    assert tiles(driver) == ["m5", "m2", "m4", "m3", "m1", "h1"]
    assert tile(driver, "m3").get_attribute("aria-label") == f"{LABELS[1]}, 0.50, open"
    driver.until(lambda: colour(driver, "m1") != [0, 0, 0], "the picture")
    for name, x, y in (("m1", 72, 72), ("m4", 252, 72), ("m5", 32, 162)):
        red, green, _ = colour(driver, name)
        assert abs(red - x * 255 // 400) <= 4 and abs(green - y * 255 // 300) <= 4, name
    driver.press("Escape")
    assert not driver.page.locator(".pda-sheet").is_visible()
    driver.page.get_by_role("button", name="Contact sheet").click()
    assert driver.page.locator(".pda-sheet").is_visible()
    driver.press("Enter")


def test_a_click_says_that_a_mark_is_wrong_and_a_second_takes_it_back(driver: Driver) -> None:
    spread(driver)
    driver.press("Shift+G")
    tile(driver, "m4").click()
    tile(driver, "m5").click()
    assert statuses(driver) == {"m4": "rejected", "m5": "rejected"} and driver.text(".pda-total") == "4"
    tile(driver, "m4").click()
    tile(driver, "m5").click()
    assert statuses(driver) == {"m5": "doubtful"}
    tile(driver, "m2").click()
    driver.press("Control+z")
    assert statuses(driver) == {"m5": "doubtful"} and tiles(driver)[0] == "m5"
    driver.press("Escape")


def test_keys_walk_judge_and_relabel_and_nothing_reaches_the_stage_behind(driver: Driver) -> None:
    spread(driver)
    driver.press("Shift+G")
    driver.press("r", "r", "a", "ArrowLeft", "a", "Home", "ArrowRight", "3", "d", "n", "Delete")
    assert statuses(driver) == {"m5": "rejected", "m2": "rejected"}  # the second A took the first one back
    assert driver.marks()["m2"]["label"] == LABELS[2] and driver.js("e.tool") == "select"
    driver.press("Enter")
    assert not driver.page.locator(".pda-sheet").is_visible() and driver.selected() == "m2"


def test_the_rest_is_accepted_in_one_step_of_one_label_or_of_all(driver: Driver) -> None:
    spread(driver)
    driver.press("Shift+G")
    tile(driver, "m4").click()
    driver.page.get_by_label("Only this label").select_option(LABELS[1])
    assert tiles(driver) == ["m3"]
    driver.page.get_by_role("button", name="Accept the rest").click()
    assert statuses(driver) == {"m4": "rejected", "m5": "doubtful", "m3": "accepted"}
    driver.page.get_by_label("Only this label").select_option("")
    driver.press("Shift+A")
    assert statuses(driver) == {"m4": "rejected", "m5": "doubtful"} | dict.fromkeys(("m1", "m2", "m3", "h1"), "accepted")
    driver.press("Control+z")
    assert statuses(driver) == {"m4": "rejected", "m5": "doubtful", "m3": "accepted"}
    driver.press("Escape")


def test_two_thousand_marks_cost_as_much_as_those_in_sight_and_the_sheet_stays_on_for_the_next_image(driver: Driver) -> None:
    many = [box(f"m{i}", i % 60 * 6, i // 60 * 8, i % 60 * 6 + 6, i // 60 * 8 + 8, score=i % 97 / 100) for i in range(2000)]
    driver.open(*many)
    started = time.monotonic()
    driver.press("Shift+G", "End")
    driver.until(lambda: tile(driver, tiles(driver)[-1]).get_attribute("aria-posinset") == "2000", "the last tile")
    assert time.monotonic() - started < 20 and driver.page.locator(".pda-tile").count() < 150
    driver.js("(e.link.put(arg), e.receive(arg))", {**driver.value(), "case": "another", "marks": [box("m1", 9, 9, 40, 40)]})
    assert tiles(driver) == ["m1"]
    driver.press("Escape")
    driver.open(point("p1", 100, 100), point("p2", 300, 200), kind="point")
    driver.press("Shift+G", "r")
    assert statuses(driver) == {"p1": "rejected"}
    driver.press("Escape")
