"""Asked again with four looks, by key or button: the page shows the vote, and leaves alone what the reader judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from colour_finder import ColourFinder, painted
from pictures import encoded
from workbench_page import Workbench, open_page, opened, press, says

pytestmark = pytest.mark.browser


@pytest.fixture
def bench(tmp_path: Path, serve) -> Workbench:
    bench = Workbench(tmp_path, ColourFinder(), serve)
    picture = painted({"red": (40, 60, 90, 120), "white": (200, 140, 300, 200)}, (400, 260))
    bench.service.add_image(encoded(picture), "a.png")
    return bench


def listed(page) -> dict[str, str]:
    """What the list says of each mark's looks, by the mark's status."""
    rows = page.locator(".pda-row").all()
    return {row.get_attribute("data-status"): row.locator(".pda-sure").inner_text() for row in rows}


def asked(page) -> None:
    page.wait_for_function("!document.querySelector('.pdc-editor').pdc.doc.head.answering", timeout=60_000)


@pytest.mark.parametrize("by", ["key", "button"])
def test_the_open_image_is_asked_again_with_four_looks(browser, bench: Workbench, by: str):
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "a.png")
    says(page, "Answered by finder")
    asked(page)
    press(page, "n", "r")
    assert sorted(listed(page).items()) == [("open", ""), ("rejected", "")]
    if by == "key":
        press(page, "Shift+Q")
    else:
        page.get_by_role("button", name="4 looks").click()
    says(page, "Voted from 4 looks.")
    asked(page)
    assert sorted(listed(page).items()) == [("open", "4/4"), ("rejected", "")]
    assert [p.looks for p in bench.store.predictions()] == [1, 4] and page.errors == []
    page.close()
