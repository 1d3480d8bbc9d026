"""What leaves no doubt is accepted unseen with one press, looked over on the contact sheet, and confirmed by saving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from desk import Scripted
from sure_answers import DOUBTED, SURE, an_answer
from workbench_page import Workbench, open_page, opened, press, says

from pdc.domain.values import Verdict
from pdc.review.listing.entries import Stage

pytestmark = pytest.mark.browser


def answered(bench: Workbench) -> list[str]:
    """Four images: the second has a doubtful mark, and each its own marks."""
    shas = bench.add(4)
    for i, sha in enumerate(shas):
        found = DOUBTED if i == 1 else replace(SURE, marks=tuple(replace(m, score=0.6 + 0.1 * i) for m in SURE.marks))
        bench.store.add_prediction(an_answer(sha, findings=found))
    return shas


def tell(page, words: str) -> None:
    says(page, words, ".pdc-accept")


def test_images_without_doubt_are_accepted_at_once_taken_back_and_confirmed_on_the_contact_sheet(
    browser, workbench: Callable[..., Workbench]
) -> None:
    bench = workbench(model=Scripted())
    shas = answered(bench)
    page = open_page(browser, bench)
    page.get_by_role("button", name="Accept what leaves no doubt").click()
    tell(page, "3 of 4 images leave no doubt")
    tell(page, "1 with doubtful marks")
    assert bench.store.reviews(unseen=True) == []
    page.get_by_role("button", name="Accept 3").click()
    page.get_by_role("button", name="Take these 3 back").click()
    tell(page, "Taken back: 3.")
    assert bench.stages() == [Stage.PREDICTED] * 4

    page.get_by_role("button", name="Accept what leaves no doubt").click()
    page.get_by_role("button", name="Accept 3").click()
    tell(page, "Auto-accepted: 3.")
    says(page, "0 of 4 done, 3 auto-accepted", ".pdc-progress")
    page.get_by_role("button", name="Look them over").click()
    for i, name in enumerate(("smear-00.png", "smear-02.png", "smear-03.png")):
        opened(page, name)
        says(page, "nobody has looked at it")
        page.wait_for_function("document.querySelectorAll('.pda-tile').length === 2")
        if i == 1:
            page.locator(".pda-tile").first.click()
        press(page, "Control+Enter")
        page.wait_for_function("n => document.querySelectorAll('.pdc-own .pdc-item').length === n", arg=max(2 - i, 0))
    verdicts = [bench.store.reviews(sha)[-1].verdict for sha in (shas[0], shas[2], shas[3])]
    assert verdicts == [Verdict.ACCEPTED, Verdict.CORRECTED, Verdict.ACCEPTED]
    assert bench.stages() == [Stage.DONE, Stage.PREDICTED, Stage.DONE, Stage.DONE] and not page.errors
    page.close()


def test_a_blind_reader_is_offered_nothing_unseen(browser, workbench: Callable[..., Workbench]) -> None:
    bench = workbench(model=Scripted(), blind=True)
    answered(bench)
    page = open_page(browser, bench)
    assert not page.get_by_role("button", name="Accept what leaves no doubt").is_visible()
    page.close()


def test_a_key_pressed_in_the_list_or_on_the_image_reaches_the_sheet_that_lies_over_it(
    browser, workbench: Callable[..., Workbench]
) -> None:
    bench = workbench(model=Scripted())
    answered(bench)
    page = open_page(browser, bench)
    page.locator(".pdc-own .pdc-item").first.click()
    opened(page, "smear-00.png")
    press(page, "Shift+G")
    page.evaluate("document.querySelector('.pda-canvas').focus()")
    assert page.evaluate("document.activeElement.className") == "pda-sheet-grid"
    press(page, "Enter")
    assert not page.locator(".pda-sheet").is_visible() and bench.store.reviews() == []
    page.close()
