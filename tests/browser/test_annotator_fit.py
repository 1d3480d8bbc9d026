"""Boxes that fit themselves: a click, a rough box and Shift F, in a real browser over the real route and a drawn picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from editor_page import LABELS, Driver, H, W, box, editor_app, let_through, near
from fastapi import FastAPI
from pictures import cells, encoded

from pdc.inference.fitting.fitter import Fitter
from pdc.inference.fitting.rules import Rule, Way
from pdc.review.fitting.fitting import Fitting
from pdc.web.auth import Access
from pdc.web.fit_route import add_fit_route

pytestmark = pytest.mark.browser
CELLS = {"left": [60.0, 50.0, 110.0, 100.0], "right": [200.0, 60.0, 250.0, 110.0], "low": [120.0, 180.0, 170.0, 230.0]}
RULES = {LABELS[0]: Rule(Way.COLOUR, release=True, click=True, loose=0.1)}
TOLD = ".pda-fitted"
Open = Callable[..., Driver]


@pytest.fixture(scope="module")
def fitted(browser: Any, serve: Callable[[object], str], tmp_path_factory: Any) -> Iterator[Open]:
    """fitted(marks) opens the picture of three cells with these marks."""
    folder: Path = tmp_path_factory.mktemp("fit")
    desk, received = Desk(folder), []
    sha = desk.service.add_image(encoded(cells((W, H), CELLS.values())), "cells.png")[0].sha256
    routes, app = FastAPI(), editor_app(received, [])
    add_fit_route(routes, Access(desk.store, folder, login=False), Fitting(desk.service, Fitter(RULES)))
    app.router.routes.insert(0, routes.router.routes[-1])  # before Gradio's, which take every path
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    driver = Driver(page, received, [])
    driver.intercept("**/api/fit/**")
    page.goto(serve(app))
    page.wait_for_selector(".pda-toolbar")

    def open_cells(*marks: dict, **kw: Any) -> Driver:
        driver.js("e.fit.wait = 60000")  # however busy the machine
        driver.open(*marks, image={"url": f"/images/{sha}.png", "width": W, "height": H, "name": "cells.png"}, **kw)
        return driver

    yield open_cells
    page.close()


def until_boxes(driver: Driver, *expected: list[float]) -> None:
    def there() -> bool:
        boxes = sorted(mark["box"] for mark in driver.marks().values() if mark["status"] != "rejected")
        return len(boxes) == len(expected) and all(near(a, b, 2.5) for a, b in zip(boxes, sorted(expected), strict=True))

    driver.until(there, f"boxes near {expected}")


def test_a_click_in_the_draw_tool_makes_the_box_of_the_cell_under_it_with_its_outline(fitted: Open) -> None:
    driver = fitted(box("m1", *CELLS["right"]))
    driver.press("d")
    driver.click(80, 70)
    until_boxes(driver, CELLS["left"], CELLS["right"])
    mark = driver.marks()["h1"]
    assert (mark["label"], mark["origin"], mark["status"]) == (LABELS[0], "human", "open")
    (ring,) = mark["outline"]
    assert len(ring) >= 6 and near([min(x for x, _ in ring), max(y for _, y in ring)], [60, 100], 2.5)
    driver.press("Control+z")
    until_boxes(driver, CELLS["right"])


def _shown(driver: Driver) -> list[float]:
    points = driver.page.get_attribute(".pda-draft", "points").replace(",", " ").split()
    return [float(v) for v in (*points[:2], *points[4:6])] if points else []


def test_where_the_pointer_rests_the_box_of_a_click_is_shown_and_the_click_makes_just_that_without_asking_again(
    fitted: Open,
) -> None:
    driver, asked = fitted(box("m1", *CELLS["right"])), []
    driver.press("d")
    driver.page.on("request", lambda request: asked.append(request.post_data or ""))
    driver.page.mouse.move(*driver.screen(80, 70))
    driver.until(lambda: _shown(driver), "the box that a click would make")
    shown = _shown(driver)
    assert near(shown, CELLS["left"], 2.5) and "h1" not in driver.marks()
    driver.click(80, 70)
    driver.until(lambda: "h1" in driver.marks(), "the box")
    assert driver.marks()["h1"]["box"] == shown and _shown(driver) == []
    assert sum('"point"' in told for told in asked) == 1
    driver.press("Control+z")
    until_boxes(driver, CELLS["right"])


def test_over_a_good_box_nothing_is_shown_and_what_was_shown_goes_with_the_tool(fitted: Open) -> None:
    driver = fitted(box("m1", *CELLS["right"]))
    driver.press("d")
    with driver.page.expect_response("**/api/fit/**"):
        driver.page.mouse.move(*driver.screen(225, 85))
    driver.page.mouse.move(*driver.screen(330, 250))
    driver.until(lambda: near(_shown(driver), [305, 225, 355, 275], 2.5), "the box of the usual size")
    with driver.page.expect_response("**/api/fit/**"):
        driver.page.mouse.move(*driver.screen(225, 85))
    driver.js("e.ghost.asked && e.ghost.asked.found")
    assert _shown(driver) == []
    driver.page.mouse.move(*driver.screen(330, 250))
    driver.until(lambda: _shown(driver), "the box of the usual size")
    driver.press("v")
    assert _shown(driver) == []


def test_a_click_on_an_object_that_has_a_loose_box_puts_that_box_right(fitted: Open) -> None:
    x1, y1, x2, y2 = CELLS["left"]
    driver = fitted(box("m1", x1 + 8, y1 - 6, x2 + 8, y2 - 6))
    driver.press("d")
    driver.click(80, 70)
    until_boxes(driver, CELLS["left"])
    assert [m["origin"] for m in driver.marks().values()] == ["edited"]
    driver.press("Control+z")
    until_boxes(driver, (x1 + 8, y1 - 6, x2 + 8, y2 - 6))


def test_a_click_on_an_object_whose_box_is_good_changes_nothing(fitted: Open) -> None:
    driver = fitted(box("m1", *CELLS["left"]), box("m2", *CELLS["right"]))
    driver.press("d")
    before = driver.value()["marks"]
    with driver.page.expect_response("**/api/fit/**"):
        driver.click(80, 70)
    driver.page.wait_for_timeout(200)
    assert driver.value()["marks"] == before


def test_a_click_where_nothing_is_makes_the_box_of_the_usual_size(fitted: Open) -> None:
    driver = fitted(box("m1", *CELLS["right"]))
    driver.press("d")
    driver.click(330, 250)
    until_boxes(driver, CELLS["right"], [305, 225, 355, 275])


def test_a_rough_box_fits_itself_and_one_undo_gives_it_back(fitted: Open) -> None:
    driver, rough = fitted(), [54.0, 55.0, 114.0, 96.0]
    driver.press("d")
    driver.drag((54, 55), (114, 96))
    until_boxes(driver, CELLS["left"])
    assert "Ctrl Z gives your box back" in driver.text(TOLD)
    driver.press("Control+z")
    assert near(driver.marks()["h1"]["box"], rough) and "outline" not in driver.marks()["h1"]
    assert "Ctrl Z" not in driver.text(TOLD)
    driver.press("Control+z")
    assert driver.marks() == {}


def test_boxes_stay_as_drawn_while_fitting_is_off_and_that_outlives_a_reload(fitted: Open) -> None:
    driver = fitted()
    driver.press("d")
    driver.page.locator(".pda-fit input").uncheck()
    driver.drag((54, 55), (114, 96))
    driver.page.wait_for_timeout(300)
    assert near(driver.marks()["h1"]["box"], [54, 55, 114, 96])
    driver.page.reload()
    driver.page.wait_for_selector(".pda-toolbar")
    fitted()
    driver.press("d")
    assert not driver.page.locator(".pda-fit input").is_checked()
    driver.page.locator(".pda-fit input").check()


@contextmanager
def _slow(driver: Driver) -> Iterator[Callable[[], None]]:
    """Fits that wait: the server answers when the yielded function is called. `told` holds what was sent, with how many marks."""
    held: list[Any] = []
    driver.answer_calls = lambda route: held.append(route) if '"marks":[]' not in route.request.post_data else route.continue_()
    driver.js(
        "(window.told = [], window.send = e.link.send, "
        "e.link.send = (name) => { told.push([name, e.link.last.marks.length]); send(name); })"
    )

    def answer() -> None:
        driver.until(lambda: held, "the question for a fit")
        with driver.page.expect_response("**/api/fit/**"):
            held.pop().continue_()
        driver.page.wait_for_timeout(100)

    try:
        yield answer
    finally:
        driver.answer_calls = let_through
        driver.js("e.link.send = window.send")


def _told(driver: Driver) -> list[list]:
    return [one for one in driver.js("window.told") if one[0] != "edit"]


def test_a_box_that_was_saved_as_drawn_is_not_fitted_afterwards(fitted: Open) -> None:
    driver = fitted()
    driver.press("d")
    with _slow(driver) as answer:
        driver.drag((54, 55), (114, 96))
        driver.press("s")
        assert _told(driver) == [["save", 1]]
        answer()
        assert near(driver.marks()["h1"]["box"], [54, 55, 114, 96]) and "outline" not in driver.marks()["h1"]


def test_a_click_that_is_still_answered_is_saved_with_its_box(fitted: Open) -> None:
    driver = fitted(box("m1", *CELLS["right"]))
    driver.press("d")
    with _slow(driver) as answer:
        driver.click(80, 70)
        driver.press("s")
        assert _told(driver) == []
        answer()
        until_boxes(driver, CELLS["left"], CELLS["right"])
        driver.until(lambda: _told(driver) == [["save", 2]], "the save with the box")


def test_boxes_that_were_saved_while_they_were_fitted_stay_and_the_reader_is_told(fitted: Open) -> None:
    loose = [50.0, 58.0, 104.0, 96.0]
    driver = fitted(box("m1", *loose))
    with _slow(driver) as answer:
        driver.press("Shift+F", "s")
        answer()
        driver.until(lambda: "stay as they were" in driver.text(TOLD), "the line")
    until_boxes(driver, loose)


def test_shift_f_fits_all_loose_boxes_in_one_step_and_leaves_judged_ones_alone(fitted: Open) -> None:
    loose, judged = [50.0, 58.0, 104.0, 96.0], [208.0, 66.0, 262.0, 120.0]
    tight = [120.5, 181.0, 171.0, 230.0]
    driver = fitted(box("m1", *loose), {**box("m2", *judged), "status": "accepted"}, box("m3", *tight))
    driver.press("Shift+F")
    until_boxes(driver, CELLS["left"], judged, tight)
    marks = driver.marks()
    assert (marks["m1"]["origin"], marks["m3"]["origin"]) == ("edited", "model") and marks["m3"]["box"] == tight
    assert "1 box fitted" in driver.text(TOLD)
    driver.press("Control+z")
    until_boxes(driver, loose, judged, tight)


def test_shift_f_fits_the_selected_box_however_little_it_moves(fitted: Open) -> None:
    tight = [122.0, 182.0, 171.0, 230.0]
    driver = fitted(box("m1", 50, 58, 104, 96), box("m2", *tight))
    driver.press("n", "n", "Shift+F")
    driver.until(lambda: driver.marks()["m2"]["box"] != tight, "the fit")
    assert driver.marks()["m1"]["box"] == [50, 58, 104, 96]


def test_a_box_that_was_moved_while_its_fit_was_on_the_way_stays_where_it_was_put(fitted: Open) -> None:
    driver = fitted(box("m1", 50, 58, 104, 96))
    driver.press("n")
    driver.js("(e.fit.key(), e.nudge(30, 0))")
    driver.until(lambda: not driver.js("e.fit.busy"), "the answer")
    assert driver.marks()["m1"]["box"] == [80, 58, 134, 96]
