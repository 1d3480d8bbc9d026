"""The question bar against a real dropdown: what is typed there counts at once, and nothing is saved under another question."""

from __future__ import annotations

import pytest
from workbench_page import Workbench, open_page, opened, press, says

from pdc.domain.values import Question, Task
from pdc.review.examples import KNOWN_LABELS
from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser
FIRST = Question(Task.COUNT_AND_BOX, KNOWN_LABELS)


def first_image(browser, bench: Workbench, **options):
    """A page on the first of the bench's images, answered."""
    page = open_page(browser, bench, **options)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    return page


def bar(page) -> list[str]:
    return [token.inner_text().strip() for token in page.locator(".pdc-question .token").all()]


def asks(page, *labels: str) -> None:
    """The editor shows these labels."""
    shown = "[...document.querySelectorAll('.pda-labels [data-label]')].map((node) => node.dataset.label)"
    page.wait_for_function(f"labels => JSON.stringify({shown}) === JSON.stringify(labels)", arg=list(labels), timeout=30_000)


def clear_bar(page) -> None:
    """By keys, as a reader does it, until the bar is empty."""
    page.get_by_label("Look for").click()
    while bar(page):
        n = len(bar(page))
        press(page, "Backspace")
        page.wait_for_function("n => document.querySelectorAll('.pdc-question .token').length < n", arg=n)


def on_image(page) -> None:
    page.evaluate(f"{import_expression('rows.js')}.then(({{ toImage }}) => toImage())")


@pytest.mark.parametrize("taken_by", ["Enter", "Tab", "click"])
def test_a_typed_label_is_the_question_at_once_and_what_is_saved_is_what_the_bar_says(browser, workbench, taken_by: str):
    bench = workbench()
    (sha,) = bench.add(1)
    page = first_image(browser, bench)
    says(page, "Answered by")
    assert bar(page) == list(KNOWN_LABELS)
    clear_bar(page)
    page.keyboard.type("polyp")
    if taken_by == "click":
        page.locator(".pda-total").click()
    else:
        press(page, taken_by)
    asks(page, "polyp")
    says(page, "The model has not been asked yet")
    on_image(page)
    press(page, "s")
    says(page, "Saved, revision 1")
    assert [r.question.labels for r in bench.store.reviews(sha)] == [("polyp",)] and bar(page) == ["polyp"]
    assert not page.errors
    page.close()


def test_an_empty_bar_is_refused_until_it_asks_something_again(browser, workbench):
    bench = workbench()
    (sha,) = bench.add(1)
    page = first_image(browser, bench)
    says(page, "Answered by")
    clear_bar(page)
    asks(page, "red blood cell")  # the last one that was left
    on_image(page)
    press(page, "s")
    page.get_by_text("Ask for 1 to 16 labels; this question has 0.").wait_for()
    assert bench.store.reviews(sha) == []
    page.close()


def test_a_none_carried_to_a_smear_is_asked_about_and_a_fresh_image_is_asked_for_everything(browser, workbench):
    bench = workbench()
    first, second = bench.add(2)
    page = first_image(browser, bench)
    says(page, "Answered by")
    clear_bar(page)
    page.keyboard.type("polyp")
    press(page, "Enter")
    asks(page, "polyp")
    on_image(page)
    press(page, "Enter")
    opened(page, "smear-01.png")
    assert "No polyp found." in says(page, "Answered by")
    press(page, "Enter")
    says(page, "polyp is a question you chose for another image")
    assert [r.image_sha256 for r in bench.store.reviews()] == [first]
    press(page, "Enter")
    says(page, "Saved by")
    assert [r.question.labels for r in bench.store.reviews(second)] == [("polyp",)]
    page.close()

    bench.add(3)
    page = open_page(browser, bench)
    page.locator(".pdc-own .pdc-item", has_text="smear-02").click()
    opened(page, "smear-02.png")
    says(page, "Answered by")
    assert bar(page) == list(KNOWN_LABELS) and bench.store.predictions()[-1].question == FIRST
    assert not page.errors
    page.close()


def test_going_fast_through_images_with_questions_of_their_own_keeps_bar_and_marks_together(browser, workbench):
    bench = workbench()
    shas = bench.add(4)
    for i, sha in enumerate(shas):
        question = Question(Task.COUNT_AND_BOX, (KNOWN_LABELS[i],))
        bench.service.save(bench.service.open(sha, question, "reader"))
    page = first_image(browser, bench)
    for _ in range(3):
        press(page, "PageDown", "PageDown", "PageUp", "PageDown")
    page.wait_for_timeout(1500)
    at = int(page.get_attribute(".pda-picture", "alt").split("-")[1][:2])
    asks(page, KNOWN_LABELS[at])
    assert bar(page) == [KNOWN_LABELS[at]]
    page.close()


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (1024, 768)])
def test_every_label_that_is_asked_is_in_sight_and_the_page_needs_no_scrolling(browser, workbench, size):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench, viewport=dict(zip(("width", "height"), size, strict=True)))
    shown = """[...document.querySelectorAll('.pdc-question .token')].every((node) => {
      const box = node.getBoundingClientRect();
      return node.contains(document.elementFromPoint(box.right - 6, box.top + box.height / 2));
    })"""
    assert page.evaluate(shown) and len(bar(page)) == len(KNOWN_LABELS)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.close()
