"""Similar cases below the image: opened by a key, looked over larger, and left without a mark being touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from desk import ASK, Desk, drawn
from workbench_page import open_page, opened, press

from pdc.domain.values import Findings
from pdc.review.similar.cases import SimilarCases
from pdc.review.similar.describing import Describer
from pdc.review.similar.matrix import pack
from pdc.web.app import build_server
from pdc.web.auth import Access
from pdc.web.ui.annotator import findings_from
from pdc.web.ui.app import build_ui, gradio_options

pytestmark = pytest.mark.browser
CARD, LOOK = ".pda-card", ".pda-look"


class Place(Desk):
    """Three images of which two are reviewed, in an app that finds similar cases."""

    def __init__(self, folder: Path, serve) -> None:
        super().__init__(folder)
        self.shas = [self.image(name) for name in ("own.png", "near.png", "far.png")]
        for sha, angle in zip(self.shas, (0.0, 0.2, 0.8), strict=True):
            self.store.keep_vector(sha, "weights", pack(np.array([np.cos(angle), np.sin(angle)])))
        for sha in self.shas[1:]:
            draft, _ = self.choose(sha)[:2]
            found: Findings = findings_from({"marks": [drawn()], "image": {"width": 40, "height": 30}})
            self.service.save(self.service.edit(draft, found))
        similar = SimilarCases(self.service, Describer(self.store, self.service.files, lambda image: None, "weights"))
        access = Access(self.store, folder, login=False)
        options = {"prefetcher": self.prefetcher, "similar": similar, "gradio_options": gradio_options()}
        self.url = serve(build_server(self.service, access, build_ui({"Review": self.tab}), **options))


@pytest.fixture
def place(tmp_path: Path, serve) -> Iterator[Place]:
    place = Place(tmp_path, serve)
    yield place
    place.prefetcher.stop()


def shown(page, script: str) -> None:
    page.wait_for_function(script, timeout=60_000)


def test_the_likest_cases_are_looked_over_and_nothing_of_the_open_image_changes(browser, place: Place):
    page = open_page(browser, place)
    page.click(f"#pdc-row-{place.shas[0]}")
    opened(page, "own.png")
    shown(page, "document.querySelectorAll('.pda-row').length === 2")
    press(page, "Shift+S")
    page.wait_for_selector(CARD)
    assert [text.split("\n")[:2] for text in page.locator(CARD).all_inner_texts()] == [
        ["1", "very similar"],
        ["1", "a little similar"],
    ]
    page.click(CARD)
    assert "near.png" in page.inner_text(LOOK)
    press(page, "r", "Delete", "ArrowRight")
    assert "far.png" in page.inner_text(LOOK)
    press(page, "Escape")
    assert page.is_hidden(LOOK) and page.is_visible(CARD)
    press(page, "Escape")
    assert page.is_hidden(".pda-similar")
    assert page.evaluate("document.querySelector('.pdc-editor').pdc.doc.marks.every((mark) => mark.status === 'open')")
    page.close()


def test_opening_a_case_keeps_the_draft_of_the_image_that_is_left(browser, place: Place):
    page = open_page(browser, place)
    page.click(f"#pdc-row-{place.shas[0]}")
    opened(page, "own.png")
    shown(page, "document.querySelectorAll('.pda-row').length === 2")
    press(page, "n", "r")
    page.click(".pda-similar-open")
    page.click(CARD)
    page.click(f"{LOOK} >> text=Open this image")
    opened(page, "near.png")
    assert page.is_hidden(".pda-similar")
    kept = place.store.drafts(place.shas[0], ASK)[-1]
    assert [str(m.status) for m in kept.findings.marks].count("rejected") == 1
    page.close()
