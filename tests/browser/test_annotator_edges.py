"""Fewer ways of the hand: a press says where an edge or a corner of a box belongs; a box is drawn from its middle."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box, near, point

pytestmark = pytest.mark.browser

LEFT, RIGHT = (60.0, 60.0, 120.0, 120.0), (200.0, 60.0, 280.0, 140.0)


def opened(driver: Driver, *marks: dict) -> None:
    driver.open(*(marks or (box("left", *LEFT), box("right", *RIGHT))))
    driver.press("Shift+D")


def shown(driver: Driver) -> list[float]:
    """The box that the page says a press would make."""
    shown = driver.page.get_attribute(".pda-draft", "points").replace(",", " ").split()
    return [float(v) for v in (*shown[:2], *shown[4:6])] if shown else []


def rest(driver: Driver, at: tuple[float, float], expected: tuple[float, ...]) -> None:
    """Move there, until the page says that a press would make this box; none where nothing is expected."""
    driver.page.mouse.move(*driver.screen(*at))
    driver.until(lambda: near(shown(driver), list(expected), 1.5), f"{expected}, not {shown(driver)}")


@pytest.mark.parametrize(
    ("at", "becomes"),
    [
        ((130, 128), (60, 60, 130, 128)),  # beyond a corner
        ((66, 64), (66, 64, 120, 120)),  # within one
        ((90, 50), (60, 50, 120, 120)),  # above the middle of an edge
        ((112, 90), (60, 60, 112, 120)),  # within the box, near the middle of an edge
    ],
)
def test_a_press_brings_the_nearest_edge_or_corner_which_was_shown_before(
    driver: Driver, at: tuple[float, float], becomes: tuple[float, ...]
) -> None:
    opened(driver)
    rest(driver, at, becomes)
    assert driver.marks()["left"]["box"] == list(LEFT)
    driver.click(*at)
    marks = driver.marks()
    assert near(marks["left"]["box"], list(becomes), 1.5) and marks["left"]["origin"] == "edited"
    assert marks["right"]["box"] == list(RIGHT)
    driver.press("Control+z")
    assert driver.marks()["left"]["box"] == list(LEFT)


def test_a_drag_goes_on_from_where_the_press_brought_the_corner_and_is_one_step(driver: Driver) -> None:
    opened(driver)
    driver.drag((292, 150), (300, 160))
    assert near(driver.marks()["right"]["box"], [200, 60, 300, 160], 1.5)
    driver.press("Control+z")
    assert driver.marks()["right"]["box"] == list(RIGHT)


def test_n_turns_to_another_edge_that_may_be_meant_until_the_pointer_moves_on(driver: Driver) -> None:
    near_by = box("near", 124, 60, 190, 120)
    opened(driver, box("left", *LEFT), near_by)
    rest(driver, (122.8, 90), (122.8, 60, 190, 120))
    driver.press("n")
    driver.click(122.8, 90)
    assert near(driver.marks()["left"]["box"], [60, 60, 122.8, 120], 1.5) and driver.marks()["near"]["box"] == near_by["box"]


def test_the_edges_of_the_selected_box_go_first(driver: Driver) -> None:
    driver.open(box("left", *LEFT), box("near", 124, 60, 190, 120))
    driver.click(90, 90)
    driver.press("Shift+D")
    driver.click(122.8, 90)
    assert near(driver.marks()["left"]["box"], [60, 60, 122.8, 120], 1.5)


def test_far_from_every_box_and_on_rejected_ones_a_press_does_nothing(driver: Driver) -> None:
    opened(driver, box("left", *LEFT), {**box("right", *RIGHT), "status": "rejected"}, point("p", 300, 200))
    before = driver.value()["marks"]
    rest(driver, (100, 100), (60, 60, 100, 100))
    for nothing in ((390, 290), (282, 142)):
        rest(driver, nothing, ())
    driver.click(390, 290)
    driver.click(282, 142)
    assert driver.value()["marks"] == before


def test_the_tool_is_there_for_boxes_alone(driver: Driver) -> None:
    driver.open(point("p", 300, 200), kind="point")
    driver.press("Shift+D")
    assert driver.js("e.tool") == "select" and driver.page.locator("button[aria-label^='Edges']").is_disabled()
    opened(driver)
    driver.js("(e.setTool('edges'))")
    driver.open(point("p", 300, 200), kind="point")
    assert driver.js("e.tool") == "select"


def test_a_verdict_is_on_the_mark_under_the_pointer_while_none_is_selected(driver: Driver) -> None:
    opened(driver)
    rest(driver, (212, 72), (212, 72, 280, 140))
    driver.press("r")
    assert [m["status"] for m in driver.marks().values()] == ["open", "rejected"] and driver.selected() is None
    driver.press("Control+z", "v", "r")
    assert [m["status"] for m in driver.marks().values()] == ["open", "open"]
    driver.click(90, 90)
    driver.press("Shift+D")
    rest(driver, (212, 72), (212, 72, 280, 140))
    driver.press("r")
    assert [m["status"] for m in driver.marks().values()] == ["rejected", "open"]


def test_in_the_draw_tool_a_digit_leaves_the_label_of_a_mark_that_was_not_just_drawn(driver: Driver) -> None:
    driver.open(box("left", *LEFT), box("right", *RIGHT))
    driver.click(90, 90)
    driver.press("r", "d", "2")  # the verdict went on to the other mark
    assert driver.selected() == "right" and driver.js("e.doc.drawLabel") == LABELS[1]
    assert [m["label"] for m in driver.marks().values()] == [LABELS[0]] * 2
    driver.drag((20, 200), (60, 240))
    driver.press("3")
    assert driver.marks()["h1"]["label"] == LABELS[2]
    driver.press("b", "1")
    assert driver.marks()["h1"]["label"] == LABELS[2] and driver.js("e.doc.drawLabel") == LABELS[0]


def test_a_click_makes_a_box_as_large_as_the_last_one_that_was_drawn(driver: Driver) -> None:
    driver.open(box("left", *LEFT), box("right", *RIGHT))
    driver.press("d")
    driver.drag((20, 200), (32, 220))
    driver.click(300, 200)
    driver.until(lambda: "h2" in driver.marks(), "the box of the click")
    assert near(driver.marks()["h2"]["box"], [294, 190, 306, 210], 1.5)


def test_with_ctrl_held_a_box_is_drawn_from_its_middle(driver: Driver) -> None:
    driver.open(box("left", *LEFT))
    driver.press("d")
    driver.page.keyboard.down("Control")
    driver.drag((200, 200), (220, 230))
    driver.page.keyboard.up("Control")
    assert near(driver.marks()["h1"]["box"], [180, 170, 220, 230], 1.5)
