"""Several marks at once in the editor: selected, judged, moved, relabelled, deleted."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box, near, point

pytestmark = pytest.mark.browser

ROW = tuple(box(f"m{i}", 60 * i, 50, 60 * i + 40, 90) for i in range(1, 5))


def chosen(driver: Driver) -> list[str]:
    return driver.js("e.doc.chosen.map((mark) => mark.id)")


def shift_click(driver: Driver, x: float, y: float) -> None:
    driver.page.mouse.move(*driver.screen(x, y))
    driver.page.keyboard.down("Shift")
    driver.page.mouse.down()
    driver.page.mouse.up()
    driver.page.keyboard.up("Shift")


def test_ctrl_a_selects_every_mark_that_stands_and_one_of_them_is_the_first(driver: Driver) -> None:
    driver.open(*ROW[:3], {**ROW[3], "status": "rejected"})
    driver.press("Control+a")
    assert chosen(driver) == ["m1", "m2", "m3"] and driver.selected() == "m1"
    assert driver.text(".pda-note") == "3 selected"
    assert driver.page.locator(".pda-row[data-selected]").count() == 3
    driver.press("Escape")
    assert chosen(driver) == [] and driver.selected() is None
    assert driver.value()["edits"] == 0


def test_shift_click_adds_a_mark_and_takes_it_away(driver: Driver) -> None:
    driver.open(*ROW)
    driver.click(80, 70)
    shift_click(driver, 200, 70)
    assert chosen(driver) == ["m1", "m3"] and driver.selected() == "m3"
    shift_click(driver, 200, 70)
    assert chosen(driver) == ["m1"] and driver.selected() == "m1"
    shift_click(driver, 80, 70)
    assert chosen(driver) == []
    shift_click(driver, 80, 200)
    assert chosen(driver) == []


def test_a_drag_beside_the_marks_selects_what_it_touches(driver: Driver) -> None:
    driver.open(*ROW, point("p", 130, 150), box("around", 2, 2, 398, 298))
    whole = driver.screen(0, 0)
    driver.page.keyboard.down("Shift")
    driver.drag((110, 100), (230, 60))
    assert chosen(driver) == ["m2", "m3"]
    driver.drag((110, 140), (150, 160))
    driver.page.keyboard.up("Shift")
    assert chosen(driver) == ["m2", "m3", "p"]
    driver.open(*ROW)
    driver.drag((50, 120), (150, 60))
    assert chosen(driver) == ["m1", "m2"]
    driver.drag((300, 200), (320, 220))
    assert chosen(driver) == []
    assert driver.screen(0, 0) == whole and driver.value()["edits"] == 0


def test_an_enlarged_image_is_still_moved_by_its_ground_and_shift_selects_there_too(driver: Driver) -> None:
    driver.open(box("m1", 180, 130, 220, 170))
    driver.press("+", "+")
    before = driver.screen(0, 0)
    driver.drag((240, 180), (250, 185))
    after = driver.screen(0, 0)
    assert after != before
    driver.page.keyboard.down("Shift")
    driver.drag((240, 180), (210, 160))
    driver.page.keyboard.up("Shift")
    assert driver.screen(0, 0) == after and chosen(driver) == ["m1"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", {"status": "accepted"}),
        ("r", {"status": "rejected"}),
        ("Delete", {"status": "rejected"}),
        ("2", {"label": LABELS[1], "origin": "edited"}),
        ("Shift+ArrowDown", {"origin": "edited"}),
    ],
)
def test_a_key_acts_on_all_selected_marks_in_one_step(driver: Driver, key: str, expected: dict) -> None:
    driver.open(*ROW)
    before = driver.marks()
    driver.drag((50, 120), (210, 60))
    driver.press(key)
    marks = driver.marks()
    assert [name for name in marks if marks[name] != before[name]] == ["m1", "m2", "m3"]
    assert all(expected.items() <= marks[name].items() for name in ("m1", "m2", "m3"))
    assert driver.value()["edits"] == 1 and chosen(driver) == ["m1", "m2", "m3"]
    driver.press("Control+z")
    assert driver.marks() == before


def test_a_verdict_is_taken_back_only_where_all_have_it(driver: Driver) -> None:
    driver.open(*ROW[:2])
    driver.press("n", "r", "Control+a")
    assert chosen(driver) == ["m2"]
    driver.click(80, 70)
    shift_click(driver, 140, 70)
    driver.press("r")
    assert [mark["status"] for mark in driver.marks().values()] == ["rejected", "rejected"]
    driver.press("r")
    assert [mark["status"] for mark in driver.marks().values()] == ["open", "open"]


def test_selected_marks_are_dragged_together_and_stay_whole_inside_the_image(driver: Driver) -> None:
    driver.open(*ROW[:2], box("h1", 200, 200, 240, 240, origin="human"))
    driver.drag((50, 120), (150, 60))
    driver.drag((140, 70), (150, 10))
    marks = driver.marks()
    assert near(marks["m1"]["box"], [70, 0, 110, 40]) and near(marks["m2"]["box"], [130, 0, 170, 40])
    assert marks["h1"]["box"] == [200, 200, 240, 240]
    driver.press("Control+z")
    assert driver.marks()["m2"]["box"] == [120, 50, 160, 90]
    driver.click(140, 70)
    assert chosen(driver) == ["m2"]


def test_deleting_many_keeps_the_models_as_rejected_and_takes_a_persons_away(driver: Driver) -> None:
    driver.open(*ROW[:2], box("h1", 200, 200, 240, 240, origin="human"))
    driver.press("Control+a", "Delete")
    assert {name: mark["status"] for name, mark in driver.marks().items()} == {"m1": "rejected", "m2": "rejected"}
    assert chosen(driver) == ["m1", "m2"]
    driver.press("Control+z")
    assert list(driver.marks()) == ["m1", "m2", "h1"]


def test_only_a_mark_that_is_selected_alone_has_handles(driver: Driver) -> None:
    driver.open(*ROW[:2])
    driver.press("Control+a")
    assert driver.page.locator(".pda-overlay[data-handles]").count() == 0
    driver.drag((100, 90), (110, 100))
    assert near(driver.marks()["m1"]["box"], [70, 60, 110, 100])
    driver.press("Escape")
    driver.click(90, 80)
    assert driver.page.locator(".pda-overlay[data-handles]").count() == 1


def test_rows_are_selected_with_shift_up_to_here_and_with_ctrl_one_more(driver: Driver) -> None:
    driver.open(*ROW)
    row = ".pda-row[data-id={}] .pda-id"
    driver.page.locator(row.format("m1")).click()
    driver.page.locator(row.format("m3")).click(modifiers=["Shift"])
    assert chosen(driver) == ["m1", "m2", "m3"] and driver.selected() == "m1"
    driver.page.locator(row.format("m2")).click(modifiers=["Control"])
    assert chosen(driver) == ["m1", "m3"]


def test_what_the_threshold_hides_is_no_longer_selected(driver: Driver) -> None:
    driver.open({**ROW[0], "score": 0.2}, *ROW[1:3])
    driver.press("Control+a", ".", ".", ".", ".", ".")
    assert chosen(driver) == ["m2", "m3"] and driver.selected() in ("m2", "m3")
    driver.press("a")
    assert [mark["status"] for mark in driver.marks().values()] == ["doubtful", "accepted", "accepted"]
