"""The list of images under a hand: the first click counts, and the keys are the image's again after it."""

from __future__ import annotations

import os

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
    listed = page.locator(".pdc-own").bounding_box()  # what stands below it may have come meanwhile
    place = [listed["x"] + 80, listed["y"] + listed["height"] / 2]
    page.wait_for_function("([x, y]) => document.elementFromPoint(x, y)?.closest('.pdc-item')", arg=place)
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


def test_the_open_image_is_held_back_and_released_by_one_button_and_the_list_says_so(browser, shared_bench: Workbench) -> None:
    shared_bench.add(2)
    page = open_page(browser, shared_bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    button, state = (
        page.locator("[data-act=hold]"),
        "document.querySelector('.pdc-item[data-current] .pdc-item-state').textContent",
    )
    button.click()
    page.wait_for_function(f"{state}.includes('held back')")
    page.wait_for_function("document.querySelector('[data-act=hold]').textContent === 'release'")
    (held,) = shared_bench.store.held_back()
    if shot := os.environ.get("PDC_SHOT"):
        page.screenshot(path=shot)
    assert shared_bench.store.image(held).name == "smear-00.png" and button.get_attribute("aria-pressed") == "true"
    button.click()
    page.wait_for_function(f"!{state}.includes('held back')")
    assert shared_bench.store.held_back() == frozenset() and not page.errors
    page.close()
