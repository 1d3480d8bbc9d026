"""A count session on the Review page: its fields are the list, Enter saves and goes to the next, and there is a way out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from counted import ROW, Silent
from workbench_page import Workbench, open_page, opened, press

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("PDC_SHOTS", "")  # a folder for pictures of the page, for eyes


def names(page: Any) -> list[str]:
    """In the order in which they are seen."""
    rows = page.locator(".pdc-own .pdc-item").all()
    place = {row.locator(".pdc-item-name").inner_text(): int(row.get_attribute("aria-posinset")) for row in rows}
    return sorted(place, key=place.__getitem__)


def says(page: Any, where: str, words: str) -> None:
    page.wait_for_function("([at, words]) => document.querySelector(at)?.textContent.includes(words)", arg=[where, words])


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.fixture
def bench(tmp_path: Path, serve: Callable[[object], str]) -> Iterator[Workbench]:
    made = Workbench(tmp_path, Silent(), serve)
    yield made
    made.prefetcher.stop()


def test_a_sample_is_read_field_by_field(browser, bench):
    images = bench.add(5)
    session = bench.counts.start("sperm-concentration", "S-17", [[images[3], images[1]], [images[4]]], "named", reader="reader")
    bench.counts.set_area(session.id, None, ROW, "reader")
    page = open_page(browser, bench)
    page.locator(".pdc-own .pdc-item", has_text="smear-03").click()
    opened(page, "smear-03.png")
    says(page, ".pdc-fields", "S-17")
    page.locator(".pdc-fields button:visible", has_text="Ask as the count does").click()
    says(page, ".pda-running-said", "7 of 200 sperm, replicate 1 of 2:")
    says(page, ".pdc-fields", "0 of 3 fields read")
    assert names(page) == ["smear-03.png", "smear-01.png", "smear-04.png"]
    shot(page, "session")

    page.locator(".pda-canvas").focus()
    press(page, "Enter")
    opened(page, "smear-01.png")
    says(page, ".pda-running-said", "14 of 200 sperm")
    says(page, ".pdc-fields", "1 of 3 fields read")
    press(page, "Enter")
    opened(page, "smear-04.png")
    says(page, ".pda-running-said", "0 of 200 sperm, replicate 2 of 2:")  # read without the model in sight
    assert page.locator(".pda-row").count() == 0
    shot(page, "blind")
    page.locator(".pda-canvas").focus()
    press(page, "Enter")
    says(page, ".pdc-status", "nothing is marked in this field")

    page.locator(".pdc-fields button:visible", has_text="Leave the session").click()
    page.wait_for_function("document.querySelectorAll('.pdc-own .pdc-item').length === 5")
    assert page.locator(".pda-running").is_hidden()
    shot(page, "left")
    page.locator(".pdc-fields button:visible", has_text="Back to its fields").click()
    page.wait_for_function("document.querySelectorAll('.pdc-own .pdc-item').length === 3")
    says(page, ".pda-running-said", "0 of 200 sperm, replicate 2 of 2:")
    assert [f.state for f in bench.counts.fields(session.id)] == ["read", "read", "open"]
    page.locator(".pda-canvas").focus()
    press(page, "Enter")
    says(page, ".pdc-status", "nothing is marked in this field")
    press(page, "Enter")
    says(page, ".pdc-status", "it is not complete yet")
    says(page, ".pdc-fields", "3 of 3 fields read")
    assert page.errors == []
    page.close()
