"""What looks wrong among the marks: each rule says it where it is so, and says nothing of an ordinary image."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box

pytestmark = pytest.mark.browser

RED, PLATELET, WHITE = LABELS


def hinted(driver: Driver) -> dict[str, str]:
    driver.until(lambda: driver.js("e.hints.timer === null && e.hints.checked === e.doc.marks"), "the check")
    return driver.js("Object.fromEntries([...e.hints.found].map(([id, hint]) => [id, hint.kind]))")


def cells(n: int, side: float, label: str = RED, top: float = 10, **kw: object) -> list[dict]:
    """Boxes beside each other, with sides a little unlike."""
    return [
        {**box(f"{label[0]}{i}", 10 + 36 * i, top, 10 + 36 * i + side + i % 3, top + side + i % 2, label=label), **kw}
        for i in range(n)
    ]


SMEAR = [*cells(10, 26), *cells(9, 28, top=50), *cells(4, 8, PLATELET, top=120), box("white", 200, 150, 270, 230, label=WHITE)]
SMEAR = [{**mark, "id": f"m{i}"} for i, mark in enumerate(SMEAR)]


def test_a_normal_smear_with_white_cells_and_platelets_beside_red_ones_has_no_hint(driver: Driver) -> None:
    driver.open(*SMEAR)
    assert hinted(driver) == {}
    driver.press("f")
    assert driver.selected() is None


def test_what_the_edge_cuts_is_noted_and_neither_warned_of_nor_walked(driver: Driver) -> None:
    driver.open(box("m1", 0, 50, 30, 80), box("m2", 380, 50, 400, 80), box("m3", 100, 50, 130, 80))
    assert hinted(driver) == {}
    assert driver.text(".pda-hints") == "2 cut by the edge"
    assert driver.page.locator(".pda-row-hint:visible").count() == 0
    driver.press("f")
    assert driver.selected() is None


@pytest.mark.parametrize(("side", "said"), [(7, "Much smaller than the other marks of red cell"), (95, "Much larger than")])
def test_a_size_that_no_other_mark_of_the_label_comes_near_is_pointed_out(driver: Driver, side: float, said: str) -> None:
    driver.open(*cells(9, 26), box("odd", 100, 100, 100 + side, 100 + side))
    assert hinted(driver) == {"odd": "size"}
    driver.press("f")
    assert driver.selected() == "odd"
    assert driver.page.locator('.pda-row[data-id="odd"] .pda-row-hint').get_attribute("title").startswith(said)
    driver.press("r")
    assert hinted(driver) == {}


def test_few_marks_make_no_size_usual(driver: Driver) -> None:
    driver.open(*cells(5, 26), box("odd", 100, 100, 195, 195))
    assert hinted(driver) == {}


def test_accepted_marks_say_what_is_usual(driver: Driver) -> None:
    large = cells(6, 26, status="accepted")
    small = [{**mark, "id": f"s{mark['id']}"} for mark in cells(10, 6, top=100)]
    driver.open(*large, *small)
    assert set(hinted(driver)) == {mark["id"] for mark in small}


def test_one_object_under_two_labels_is_pointed_out_at_both(driver: Driver) -> None:
    driver.open(
        box("m1", 100, 100, 140, 140), box("m2", 102, 101, 141, 142, label=WHITE), box("m3", 130, 130, 170, 170, label=WHITE)
    )
    assert hinted(driver) == {"m1": "labels", "m2": "labels"}
    title = driver.page.locator('.pda-row[data-id="m1"] .pda-row-hint').get_attribute("title")
    assert title == "Maybe the same object as m2, which is a white cell"
    driver.press("f", "r")
    assert hinted(driver) == {}


def test_a_thing_inside_another_is_pointed_out_only_where_its_kind_lies_outside(driver: Driver) -> None:
    platelets = cells(10, 8, PLATELET, top=10)
    white = box("w", 200, 100, 270, 180, label=WHITE)
    driver.open(*platelets, white, box("in", 220, 130, 229, 139, label=PLATELET))
    assert hinted(driver) == {"in": "inside"}
    driver.open(*platelets[:3], white, *(box(f"in{i}", 205 + 12 * i, 130, 213 + 12 * i, 138, label=PLATELET) for i in range(4)))
    assert hinted(driver) == {}
