"""An answer cut by its length, in a browser: the line above the picture says so, and what is saved is not taken for all."""

from __future__ import annotations

import pytest
from workbench_page import open_page, opened, press

from pdc.domain.values import Verdict
from pdc.inference.predictors.local import LocalPredictor

pytestmark = pytest.mark.browser


def test_a_cut_answer_is_said_and_saved_as_a_part(browser, workbench, embedded):
    bench = workbench(model=LocalPredictor(embedded._load, limit=40))
    (sha,) = bench.add(1)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    page.locator(".pdc-status p", has_text="The answer was cut off after").wait_for(timeout=90_000)
    page.wait_for_function("!document.querySelector('.pdc-editor').pdc.doc.head.answering", timeout=90_000)
    assert page.locator(".pda-mark").count() > 1 and "≥" in page.locator(".pdc-editor").inner_text()
    press(page, "s")
    page.locator(".pdc-status p", has_text="revision 1").wait_for(timeout=30_000)
    (review,) = bench.store.reviews(sha)
    assert not review.complete and review.verdict is Verdict.CORRECTED and page.errors == []
