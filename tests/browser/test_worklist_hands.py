"""The list of images under a hand: the first click counts, and the keys are the image's again after it."""

from __future__ import annotations

import os

import pytest
from workbench_page import Workbench, open_page, opened, press

from tests.bench.scale import fill

pytestmark = pytest.mark.browser


def test_the_first_click_in_a_scrolled_list_opens_the_row_under_the_pointer(browser, shared_bench: Workbench) -> None:
    shared_bench.add(14)
    page = open_page(browser, shared_bench, viewport={"width": 1280, "height": 620})
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    page.hover(".pdc-own", position={"x": 60, "y": 30})  # waits until the list stands still
    page.mouse.wheel(0, 2000)
    page.wait_for_function("document.querySelector('.pdc-own').scrollTop > 100")
    listed = page.locator(".pdc-own").bounding_box()  # what stands below it may have come meanwhile
    place = [listed["x"] + 80, listed["y"] + listed["height"] / 2]
    page.wait_for_function("([x, y]) => document.elementFromPoint(x, y)?.closest('.pdc-item')", arg=place)
    row = "e.target.closest('.pdc-item').querySelector('.pdc-item-name').textContent"  # rows may have moved until then
    page.evaluate(f"() => document.addEventListener('mousedown', (e) => {{ window.pressed = {row}; }}, true)")
    page.focus("[data-name=name]")
    page.mouse.click(*place, delay=60)
    opened(page, page.evaluate("window.pressed"))
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


def test_a_list_of_hundreds_comes_where_it_is_looked_at_by_keys_by_wheel_and_by_search(browser, shared_bench: Workbench) -> None:
    shared_bench.add(2)
    fill(shared_bench.store, 450)
    total = shared_bench.store.count_images()
    page = open_page(browser, shared_bench)
    row = "[...document.querySelectorAll('.pdc-own .pdc-item')].find((r) => r.textContent.startsWith(name))"
    there, place = f"(name) => Boolean({row})", f"(name) => {row}.getAttribute('aria-posinset')"
    active = f"(name) => {row}?.hasAttribute('data-active')"
    page.wait_for_function(there, arg="smear-00")
    assert page.locator(".pdc-own .pdc-item").count() < 40
    press(page, "w", "End")
    page.wait_for_function(active, arg="field 0000449")
    assert page.evaluate(place, "field 0000449") == str(total)
    press(page, "ArrowUp", "PageUp", "Home")
    page.wait_for_function(active, arg="smear-00")
    assert page.evaluate(place, "smear-00") == "1"
    scrolled = (
        f"([to, name]) => {{ const l = document.querySelector('.pdc-own'); l.scrollTop = to * l.scrollHeight; return {row}; }}"
    )
    for to, name, at in ((1, "field 0000449", total), (0, "smear-00", 1)):
        page.wait_for_function(scrolled, arg=[to, name])
        assert page.evaluate(place, name) == str(at)
    page.fill("[data-name=name]", "field 000044")
    page.wait_for_function("document.querySelector('.pdc-progress').textContent.includes(' of 10 done')")
    page.fill("[data-name=name]", "")
    page.wait_for_function(there, arg="smear-00")
    assert not page.errors
    page.close()


HOLD_LISTS = """
() => {
  const ask = window.fetch;
  window.held = [];
  const hold = (answer) => new Promise((go) => window.held.push(() => go(answer)));
  window.fetch = (url, ...more) => String(url).includes("api/worklist") ? ask(url, ...more).then(hold) : ask(url, ...more);
}
"""
TYPE_WHILE_A_LIST_COMES = """
() => {
  const search = document.querySelector("[data-name=name]");
  search.value = "smear-01";
  search.dispatchEvent(new Event("input"));
  window.held.shift()();
}
"""


def test_a_list_that_is_scrolled_while_an_image_opens_stays_where_it_is(browser, shared_bench: Workbench) -> None:
    shared_bench.add(14)
    page = open_page(browser, shared_bench, viewport={"width": 1280, "height": 620})
    page.wait_for_selector(".pdc-item")
    page.evaluate(HOLD_LISTS)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    page.wait_for_function("window.held.length > 0")
    page.evaluate("document.querySelector('.pdc-own').scrollTop = 300")
    page.wait_for_function("window.held.splice(0).forEach((go) => go()), document.querySelector('.pdc-item[data-current]')")
    assert page.evaluate("document.querySelector('.pdc-own').scrollTop") == 300
    assert not page.errors
    page.close()


def test_a_letter_typed_while_a_list_is_under_way_is_searched_for(browser, shared_bench: Workbench) -> None:
    shared_bench.add(2)
    page = open_page(browser, shared_bench)
    page.wait_for_selector(".pdc-item")
    page.evaluate(HOLD_LISTS)
    press(page, "/")
    page.keyboard.type("smear")
    page.wait_for_function("window.held.length === 1")
    page.evaluate(TYPE_WHILE_A_LIST_COMES)
    page.wait_for_function("window.held.length === 1", timeout=10_000)
    page.evaluate("() => window.held.shift()()")
    page.wait_for_function("document.querySelector('.pdc-progress').textContent.startsWith('0 of 1 done')", timeout=10_000)
    assert not page.errors
    page.close()
