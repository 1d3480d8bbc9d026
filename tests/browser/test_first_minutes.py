"""The first two minutes: an example is opened, answered, corrected and saved, and its counts are taken home; at five sizes."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from workbench_page import an_example, open_page, opened, press, says

pytestmark = pytest.mark.browser
SIZES = [(1440, 900), (1280, 720), (1024, 768), (820, 1180), (390, 844)]
KEYS = ("Enter", "Shift", "W", "/", "Backspace", "?")
INSIDE = """node => { const box = node.getBoundingClientRect();
  return box.top < innerHeight && box.left < innerWidth && box.width > 100 && box.height > 100; }"""


def seen(page, name: str) -> None:
    """A picture of the page for whoever wants to look: into the folder that PDC_SCREENSHOTS names."""
    if folder := os.environ.get("PDC_SCREENSHOTS"):
        width, height = page.viewport_size.values()
        page.screenshot(path=Path(folder) / f"{name}-{width}x{height}.png")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_way_in_is_on_the_first_screen_and_leads_to_an_answer(browser, workbench, width: int, height: int):
    page = open_page(browser, workbench(), viewport={"width": width, "height": height})
    first = page.locator(".pdc-card").first
    first.wait_for()
    assert first.evaluate(INSIDE) and first.inner_text().startswith("Fluorescent nuclei")
    page.locator(".pdc-card img").evaluate_all("images => Promise.all(images.map((image) => image.decode()))")
    seen(page, "welcome")
    first.click()
    says(page, "Answered by")
    assert not page.locator(".pdc-welcome").is_visible() and page.locator(".pda-mark").count() > 15
    seen(page, "answered")
    assert not page.errors
    page.close()


def test_a_visitor_corrects_saves_and_takes_the_counts_home(browser, workbench):
    bench = workbench()
    page = open_page(browser, bench)
    an_example(page, "nuclei.png")
    says(page, "Answered by")
    press(page, "n", "r", "s")
    says(page, "Saved, revision 1")
    link = page.get_by_role("link", name="Counts (CSV)")
    link.wait_for()
    seen(page, "saved")
    with page.expect_download() as coming:
        link.click()
    rows = list(csv.DictReader(coming.value.path().read_text("utf-8-sig").splitlines()))
    (review,) = bench.store.reviews()
    assert len(rows) == 1 and rows[0]["nucleus"] == str(review.findings.count(review.question.task))
    assert not page.errors
    page.close()


def test_the_keys_of_the_list_are_among_those_that_the_question_mark_shows(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    press(page, "?")
    shown = page.locator(".pda-help kbd").all_inner_texts()
    assert set(KEYS) <= set(shown)
    seen(page, "keys")
    page.close()
