"""The list of images under a hand: the first click counts, and the keys are the image's again after it."""

from __future__ import annotations

import pytest
from workbench_page import Workbench, open_page, opened, press

pytestmark = pytest.mark.browser


def test_the_first_click_in_a_scrolled_list_opens_the_row_under_the_pointer(browser, shared_bench: Workbench) -> None:
    shared_bench.add(14)
    page = open_page(browser, shared_bench, viewport={"width": 1280, "height": 620})
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    listed = page.locator(".pdc-own").bounding_box()
    page.mouse.move(listed["x"] + 60, listed["y"] + 30)
    page.mouse.wheel(0, 2000)
    page.wait_for_function("document.querySelector('.pdc-own').scrollTop > 100")
    place = [listed["x"] + 80, listed["y"] + listed["height"] - 30]
    named = "([x, y]) => document.elementFromPoint(x, y).closest('.pdc-item').querySelector('.pdc-item-name').textContent"
    name = page.evaluate(named, place)
    page.focus("[data-name=name]")
    page.mouse.click(*place, delay=60)
    opened(page, name)
    assert page.evaluate("document.activeElement.getAttribute('class')") == "pda-canvas"
    assert not page.errors
    page.close()


def test_a_filter_that_was_chosen_and_a_pressed_chip_leave_the_keys_to_the_image(browser, shared_bench: Workbench) -> None:
    shared_bench.add(2)
    page = open_page(browser, shared_bench)
    press(page, "w", "Enter")
    page.wait_for_function("document.querySelector('.pdc-editor').pdc.doc.open")
    focused = "document.activeElement.getAttribute('class') === 'pda-canvas'"
    page.dispatch_event("[data-name=order]", "pointerdown")
    page.select_option("[data-name=order]", "name")
    page.wait_for_function(focused)
    page.click(".pdc-more summary")
    page.wait_for_function(focused)
    page.click('.pdc-chip[data-label="polyp"] .pdc-name')
    page.wait_for_function(focused)
    assert not page.errors
    page.close()
