"""Marks through changes of the question, on the whole app: nothing is lost, and the store holds what is on the screen."""

from __future__ import annotations

import pytest
from workbench_page import Workbench, open_page, opened, press, says

from pdc.domain.values import Status
from pdc.review.examples import KNOWN_LABELS
from pdc.review.listing.entries import Stage

pytestmark = pytest.mark.browser
RED, WHITE, PLATELET = KNOWN_LABELS[:3]
MARKS = "document.querySelector('.pdc-editor').pdc.doc.marks"
SETTLED = "!document.querySelector('.pdc-bar[data-waiting]') && document.querySelector('.pdc-editor').pdc.doc.head"


@pytest.fixture
def bench(workbench) -> Workbench:
    return workbench()


def answered(browser, bench: Workbench):
    """A page on the first image, with the model's marks and one of the reader's own."""
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    page.wait_for_selector(".pda-mark", state="attached", timeout=90_000)
    page.wait_for_function(f"{SETTLED}.answering === false", timeout=90_000)
    return page


def marks(page) -> dict[str, dict]:
    return {mark["id"]: mark for mark in page.evaluate(f"JSON.parse(JSON.stringify({MARKS}))")}


def toggle(page, label: str) -> None:
    """Press the chip of a label, until the server has answered."""
    n = len(page.evaluate("document.querySelector('.pdc-editor').pdc.doc.labels"))
    page.locator(f'.pdc-chip[data-label="{label}"] .pdc-name').click()
    page.wait_for_function(f"n => {SETTLED}.labels.length !== n", arg=n)


def as_task(page, task: str) -> None:
    page.evaluate("task => document.querySelector(`.pdc-bar [data-task='${task}']`).click()", task)
    page.wait_for_function(f"task => {SETTLED}.task === task", arg=task)


def total(page) -> str:
    return page.inner_text(".pda-total")


def test_labels_and_tasks_come_and_go_and_no_mark_is_lost_or_asked_for_again(browser, bench):
    sha = bench.add_with_platelet()
    page = answered(browser, bench)
    before, count = marks(page), total(page)
    platelets = [m for m in before.values() if m["label"] == PLATELET]
    assert platelets and count == str(sum(m["status"] == "open" for m in before.values()))
    toggle(page, PLATELET)
    assert f"{len(platelets)} of platelet." in says(page, "Kept aside")
    assert set(marks(page)) == {id for id, m in before.items() if m["label"] != PLATELET}
    page.reload()
    opened(page, "smear-00.png")
    says(page, "Kept aside")
    toggle(page, PLATELET)
    assert marks(page) == before and total(page) == count
    as_task(page, "cnt_and_point")
    assert all("point" in m and "extent" in m for m in marks(page).values()) and total(page) == count
    as_task(page, "counting")
    assert total(page) == count
    as_task(page, "count_and_box")
    assert marks(page) == before and len(bench.store.predictions()) == 1
    press(page, "s")
    says(page, "Saved, revision 1")
    (review,) = bench.store.reviews(sha)
    assert {m.id for m in review.findings.marks} == set(before) and str(review.findings.count(review.question.task)) == count
    assert not page.errors
    page.close()


def test_none_of_a_label_that_was_not_asked_is_saved_only_when_it_is_meant(browser, bench):
    (sha,) = bench.add(1)
    page = answered(browser, bench)
    press(page, "q")
    page.keyboard.type("schistocyte")
    page.locator(".pdc-found [data-made]").click()
    page.wait_for_function(f"{SETTLED}.labels.includes('schistocyte')")
    says(page, "has not been asked for schistocyte")
    press(page, "s")
    says(page, "Not saved yet: nothing is marked as schistocyte")
    assert bench.store.reviews(sha) == [] and len(bench.store.predictions()) == 1
    press(page, "s")
    says(page, "Saved, revision 1")
    assert bench.store.reviews(sha)[0].question.labels[-1] == "schistocyte"
    page.close()


def test_what_the_slider_hides_is_on_the_screen_in_the_list_and_in_the_store_not_found(browser, bench):
    (sha,) = bench.add(1)
    page = answered(browser, bench)
    scores = sorted(m["score"] for m in marks(page).values() if m["status"] == "open")
    below = round(scores[3] + 0.01, 2)
    page.evaluate("below => document.querySelector('.pdc-editor').pdc.confidence.hideBelow(below)", below)
    hidden = sum(score < below for score in scores)
    assert total(page) == str(len(scores) - hidden)
    press(page, "s")
    says(page, "Saved, revision 1")
    (review,) = bench.store.reviews(sha)
    assert review.findings.count(review.question.task) == len(scores) - hidden
    assert sum(m.status is Status.DOUBTFUL for m in review.findings.marks) >= hidden
    says(page, f"done · {len(scores) - hidden} · model {len(scores)}", ".pdc-own .pdc-item-state")
    press(page, "Shift+R", "m", "s")
    says(page, "Saved, revision 2")
    review = bench.store.reviews(sha)[-1]
    assert sum(m.status is Status.REJECTED for m in review.findings.marks) >= hidden and not review.complete
    says(page, f"done · at least {len(scores) - hidden}", ".pdc-own .pdc-item-state")
    assert bench.stages() == [Stage.DONE]
    page.close()


def test_a_closer_look_at_points_finds_the_cells_that_are_there_again(browser, bench):
    bench.add(1)
    page = answered(browser, bench)
    as_task(page, "cnt_and_point")
    count = total(page)
    whole = next(m for m in marks(page).values() if m["label"] == RED and 40 < m["point"][0] < 120 and 40 < m["point"][1] < 80)
    x, y = whole["point"]
    region = {"box": [x - 22, y - 22, x + 22, y + 22]}
    page.evaluate("region => document.querySelector('.pdc-editor').pdc.lookCloser(region)", region)
    said = says(page, "Looked closer")
    assert "0 more found" in said and total(page) == count
    assert not page.locator('.pda-hint[data-hint="duplicate"]').is_visible()
    page.close()


def test_undo_brings_a_label_back_and_pasted_marks_bring_theirs(browser, bench):
    sha = bench.add_with_platelet()
    page = answered(browser, bench)
    before = marks(page)
    platelet = next(m for m in before.values() if m["label"] == PLATELET)
    asks = f"label => {SETTLED}.labels.includes(label)"
    toggle(page, PLATELET)
    press(page, "Control+z")
    page.wait_for_function(asks, arg=PLATELET)
    assert marks(page) == before
    page.evaluate("id => document.querySelector('.pdc-editor').pdc.select(id)", platelet["id"])
    press(page, "Control+c")
    toggle(page, PLATELET)
    press(page, "Control+v")
    page.wait_for_function(asks, arg=PLATELET)
    (pasted,) = [m for m in marks(page).values() if m["origin"] == "human"]
    assert pasted["label"] == PLATELET and set(before) < set(marks(page))
    assert page.inner_text(".pda-said-line") == f"1 mark pasted. Looked for from now on: {PLATELET}."
    press(page, "s")
    says(page, "Saved, revision 1")
    assert pasted["id"] in {m.id for m in bench.store.reviews(sha)[0].findings.marks}
    assert not page.errors
    page.close()
