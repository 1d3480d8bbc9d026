"""A blood differential read in the app with the differential keyboard, from the first cell to the sheet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from counted import Silent
from workbench_page import Workbench, open_page, opened, press

from pdc.domain.values import Box, Findings, Mark
from pdc.inference.predictors.base import Answer

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("PDC_SHOTS", "")  # a folder for pictures of the page, for eyes
WHITE = "white blood cell"


class Smears(Silent):
    """A model that finds four white cells in every image, one of them at the left side."""

    def predict(self, image: Any, question: Any) -> Answer:
        places = [(0, 5), (10, 5), (20, 5), (10, 20)]
        marks = tuple(Mark(f"m{i}", Box(x, y, x + 6, y + 6), WHITE, score=0.9) for i, (x, y) in enumerate(places))
        return Answer(Findings(marks), "[]", "drawn", None, "compact-1", 0.1)


@pytest.fixture
def bench(tmp_path: Path, serve: Callable[[object], str]) -> Iterator[Workbench]:
    made = Workbench(tmp_path, Smears(), serve)
    yield made
    made.prefetcher.stop()


def says(page: Any, where: str, words: str) -> None:
    page.wait_for_function("([at, words]) => document.querySelector(at)?.textContent.includes(words)", arg=[where, words])


def waiting(page: Any, image: str, read: int) -> None:
    """The image is open, three of its cells wait for a key, and so many were read before."""
    opened(page, image)
    says(page, '.pda-keyed-row[data-class="unclassified"]', "+3")
    says(page, ".pda-keyed-total", str(read))


def test_one_key_a_cell_reads_a_sample_and_the_sheet_has_the_pads_numbers(browser: Any, bench: Workbench):
    images = bench.add(3)
    session = bench.counts.start("blood-differential", "S-9", [images], "named", reader="reader")
    bench.counts.fill(session.id, "white cells by the analyser", "12", reader="reader")
    page = open_page(browser, bench)
    page.set_default_timeout(90_000)
    page.locator(".pdc-own .pdc-item", has_text="smear-00").click()
    opened(page, "smear-00.png")
    page.locator(".pdc-fields button:visible", has_text="Ask as the count does").click()
    says(page, ".pda-running-said", "3 of 100 cells")
    page.locator(".pda-running button", has_text="Differential keyboard").click()
    waiting(page, "smear-00.png", 0)
    press(page, *"jkn")
    says(page, ".pda-keyed-said", "All cells of this image are read.")
    page.get_by_label("Next image by itself").click()
    press(page, "Enter")
    waiting(page, "smear-01.png", 2)
    press(page, *"jjj")
    waiting(page, "smear-02.png", 5)
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/differential.png")
    press(page, "r", *"ll")
    page.wait_for_function("document.querySelector('.pdc-fields').textContent.includes('3 of 3 fields read')")
    sheet = bench.counts.sheet(session.id)
    classes = ("neutrophil", "lymphocyte", "monocyte", "unclassified", "nucleated red cell")
    assert [sheet.sample.of([name]) for name in classes] == [4, 1, 2, 0, 1]
    corrected = sheet.lines[-1]
    assert (corrected.k, corrected.n, corrected.value) == (1, 7, 10.5)  # 12 x 7 / 8
    assert page.errors == []
    page.close()
