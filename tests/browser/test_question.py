"""The question bar in a browser: it shows what the image is asked, a press changes that, and nothing else does."""

from __future__ import annotations

import pytest
from workbench_page import Workbench, open_page, opened, press, says

from pdc.domain.values import Question, Task
from pdc.review.examples import KNOWN_LABELS

pytestmark = pytest.mark.browser
FIRST = Question(Task.COUNT_AND_BOX, KNOWN_LABELS)
BLOOD, POLYP = KNOWN_LABELS[:3], ("polyp",)
SIZES = [{"width": 1440, "height": 900}, {"width": 1280, "height": 720}, {"width": 1024, "height": 768}]
LONG = ("Plattenepithelkarzinomzelle", "segmentkerniger neutrophiler Granulozyt", "Becherzellhyperplasie", "Mastzelle")


def first_image(browser, bench: Workbench, **options):
    """A page on the first of the bench's images, answered."""
    page = open_page(browser, bench, **options)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    page.wait_for_selector(".pda-mark", state="attached", timeout=90_000)
    page.wait_for_function("!document.querySelector('.pdc-editor').pdc.doc.head.answering", timeout=90_000)
    return page


def bar(page) -> list[str]:
    """What the bar asks."""
    return page.evaluate("[...document.querySelectorAll('.pdc-chip[data-on]')].map((node) => node.dataset.label)")


def asks(page, *labels: str) -> None:
    """Bar and editor both show these labels, and nothing is on its way."""
    named = "(where) => [...document.querySelectorAll(where)].map((node) => node.dataset.label).join()"
    script = f"""labels => ['.pda-labels [data-label]', '.pdc-chip[data-on]'].every((where) => ({named})(where) === labels)
      && !document.querySelector('.pdc-bar[data-waiting]')"""
    page.wait_for_function(script, arg=",".join(labels), timeout=30_000)


def chip(page, label: str):
    return page.locator(f'.pdc-chip[data-label="{label}"] .pdc-name')


def ask_only(page, *labels: str) -> None:
    for label in [one for one in bar(page) if one not in labels]:
        chip(page, label).click()
    asks(page, *labels)


def has_the_keys(page) -> bool:
    return page.evaluate("document.activeElement.classList.contains('pda-canvas')")


def draw(page) -> None:
    """A box in the middle of the picture, kept on the server."""
    before = page.locator(".pda-mark").count()
    press(page, "d")
    box = page.locator(".pda-stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 20, y - 20)
    page.mouse.down()
    page.mouse.move(x + 20, y + 20, steps=3)
    page.mouse.up()
    page.wait_for_function("n => document.querySelectorAll('.pda-mark').length === n", arg=before + 1)


def rows(page) -> list[str]:
    return page.locator(".pdc-own .pdc-item-state").all_inner_texts()


# What is typed ------------------------------------------------------------------------------------------------------------


def test_a_typed_label_is_asked_at_once_and_what_is_saved_is_what_the_bar_says(browser, workbench):
    bench = workbench()
    (sha,) = bench.add(1)
    page = first_image(browser, bench)
    asks(page, *KNOWN_LABELS)
    for taken_by in ("Enter", "Tab", "click"):
        chip(page, "polyp").click()
        asks(page, *KNOWN_LABELS[:4])
        assert has_the_keys(page)
        press(page, "q")
        page.keyboard.type("pol")
        page.wait_for_selector(".pdc-found li[aria-selected=true]")
        assert page.get_by_role("combobox", name="Another label").input_value() == "pol"  # and not the key that opened it
        if taken_by == "click":
            page.get_by_role("option", name="polyp the model knows it").click()
        else:
            press(page, taken_by)
        asks(page, *KNOWN_LABELS)
        assert has_the_keys(page) and len(bench.store.predictions()) == 1, taken_by
    ask_only(page, "polyp")
    press(page, "s")
    says(page, "Saved, revision 1")
    assert [r.question.labels for r in bench.store.reviews(sha)] == [POLYP] and bar(page) == ["polyp"]
    assert "pol" not in bench.store.labels() and not page.errors
    page.close()


def test_another_word_for_a_label_asks_for_the_label(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    known = bench.store.labels()
    for typed in ("Polypen", "POLYPS"):
        ask_only(page, *BLOOD)
        press(page, "q")
        page.keyboard.type(typed)
        press(page, "Enter")
        asks(page, *BLOOD, "polyp")
    assert bench.store.labels() == known and not page.errors
    page.close()


def test_a_label_that_nobody_made_is_made_only_by_choosing_to(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    known = bench.store.labels()
    press(page, "q")
    page.keyboard.type("schistocyte")
    press(page, "Enter", "Enter", "Tab")
    page.wait_for_timeout(300)
    assert bar(page) == list(KNOWN_LABELS) and bench.store.labels() == known
    press(page, "q")
    page.keyboard.type("schistocyte")
    page.get_by_role("option", name="make a new label “schistocyte”").wait_for()
    press(page, "ArrowDown", "Enter")
    asks(page, *KNOWN_LABELS, "schistocyte")
    assert bench.store.labels() == sorted([*known, "schistocyte"])
    page.get_by_role("button", name="Remove schistocyte").click()
    asks(page, *KNOWN_LABELS)
    assert has_the_keys(page) and not page.errors
    page.close()


def test_the_last_label_stays_and_the_page_says_why(browser, workbench):
    bench = workbench()
    (sha,) = bench.add(1)
    page = first_image(browser, bench)
    ask_only(page, "red blood cell")
    chip(page, "red blood cell").click()
    says(page, "Ask for 1 to 16 labels; this question has 0.")
    asks(page, "red blood cell")
    press(page, "s")
    says(page, "Saved, revision 1")
    assert [r.question.labels for r in bench.store.reviews(sha)] == [("red blood cell",)] and not page.errors
    page.close()


def test_the_keys_always_go_back_to_the_image(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    selected = "document.querySelector('.pdc-editor').pdc.doc.selected"
    for leave in ("Escape", "click"):
        press(page, "q")
        page.keyboard.type("n")
        if leave == "click":
            page.locator(".pdc-status p").click()
        else:
            press(page, "Escape")
        before = page.evaluate(selected)
        press(page, "n")
        assert page.evaluate(selected) != before and not page.get_by_role("combobox", name="Another label").is_visible()
    chip(page, "polyp").focus()
    press(page, "Space")
    asks(page, *KNOWN_LABELS[:4])
    assert page.evaluate("document.activeElement.closest('.pdc-chip')?.dataset.label") == "polyp"
    press(page, "Escape")
    assert has_the_keys(page)
    page.get_by_role("radio", name="Count and box").focus()
    press(page, "ArrowRight")
    page.wait_for_function("document.querySelector('.pdc-editor').dataset.kind === 'point'")
    assert page.get_by_role("radio", name="Count and point").get_attribute("aria-checked") == "true"
    press(page, "Escape", "?")
    assert "look for another label" in page.inner_text(".pda-help")
    assert has_the_keys(page) and not page.errors
    page.close()


# Whose question it is -----------------------------------------------------------------------------------------------------


def test_work_under_a_question_of_its_own_is_back_after_a_reload_and_after_the_back_button(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    ask_only(page, "polyp")
    draw(page)
    says(page, "Draft saved", ".pdc-autosave p")
    marks, asked = page.locator(".pda-mark").count(), len(bench.store.predictions())

    def back() -> None:
        page.goto("about:blank")
        page.go_back()

    for comes_back in (page.reload, back):
        comes_back()
        says(page, "Your unsaved work of")
        asks(page, "polyp")
        assert page.locator(".pda-mark").count() == marks
    assert len(bench.store.predictions()) == asked and not page.errors
    page.close()


def test_work_done_without_the_server_is_offered_under_its_question_when_it_is_back(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    ask_only(page, "polyp")
    page.context.set_offline(True)
    draw(page)
    page.get_by_text("Not saved. A copy is kept in this browser.").wait_for()
    page.context.set_offline(False)
    page.reload()
    says(page, "Your unsaved work of")
    asks(page, "polyp")
    page.get_by_role("button", name="Restore").click()
    assert page.locator(".pda-mark").count() > 0 and not page.errors
    page.close()


def test_an_image_opened_after_another_kind_comes_with_its_own_question_and_marks(browser, workbench):
    bench = workbench()
    bench.add(2)
    page = first_image(browser, bench)
    ask_only(page, *BLOOD)
    draw(page)
    says(page, "Draft saved", ".pdc-autosave p")
    marks = page.locator(".pda-mark").count()
    page.locator(".pdc-own .pdc-item", has_text="smear-01").click()
    opened(page, "smear-01.png")
    asks(page, *KNOWN_LABELS)
    ask_only(page, "polyp")
    page.locator(".pdc-own .pdc-item", has_text="smear-00").click()
    opened(page, "smear-00.png")
    asks(page, *BLOOD)
    assert page.locator(".pda-mark").count() == marks
    page.locator(".pdc-own .pdc-item", has_text="smear-01").click()
    opened(page, "smear-01.png")
    asks(page, "polyp")
    assert not page.errors
    page.close()


def test_looking_ahead_asks_each_image_its_own_question_and_the_list_keeps_its_numbers(browser, workbench):
    bench = workbench()
    shas = bench.add(3)
    page = first_image(browser, bench)
    assert bench.prefetcher.wait(90)
    page.wait_for_function(
        "[...document.querySelectorAll('.pdc-item-state')].every((n) => n.textContent.startsWith('predicted'))"
    )
    before = rows(page)
    ask_only(page, "polyp")
    page.get_by_role("button", name="Ask the model").click()
    while len(bench.store.predictions()) < 4:
        page.wait_for_timeout(50)
    page.wait_for_function("!document.querySelector('.pdc-editor').pdc.doc.head.answering")
    press(page, "PageDown")
    opened(page, "smear-01.png")
    asks(page, *KNOWN_LABELS)
    assert bench.prefetcher.wait(90)
    page.wait_for_timeout(300)
    assert rows(page)[1:] == before[1:] and rows(page)[0].startswith("in review")
    asked = [(p.image_sha256, p.question.labels) for p in bench.store.predictions()]
    assert sorted(asked) == sorted([(shas[0], POLYP), *((sha, KNOWN_LABELS) for sha in shas)]) and not page.errors
    page.close()


def test_a_pinned_question_goes_to_the_next_images_and_a_none_under_it_is_asked_about(browser, workbench):
    bench = workbench()
    first, second = bench.add(2)
    bench.prefetcher.stop()
    page = first_image(browser, bench)
    ask_only(page, "polyp")
    pin = page.get_by_role("button", name="Same for the next")
    pin.click()
    page.wait_for_function("document.querySelector('[data-do=pin]').getAttribute('aria-pressed') === 'true'")
    assert has_the_keys(page)
    reject_all(page)
    press(page, "Enter")
    opened(page, "smear-01.png")
    asks(page, "polyp")
    assert "No polyp found." in says(page, "Answered by")
    press(page, "Enter")
    says(page, "you did not choose polyp as the question for this image")
    assert [r.image_sha256 for r in bench.store.reviews()] == [first]
    press(page, "Enter")
    says(page, "Saved by")
    assert [r.question.labels for r in bench.store.reviews(second)] == [POLYP]
    assert pin.get_attribute("aria-pressed") == "true" and not page.errors
    page.close()


def reject_all(page) -> None:
    for _ in range(page.locator(".pda-mark").count()):
        press(page, "n", "r")


def test_going_fast_through_images_with_questions_of_their_own_keeps_bar_and_marks_together(browser, workbench):
    bench = workbench()
    shas = bench.add(4)
    for i, sha in enumerate(shas):
        question = Question(Task.COUNT_AND_BOX, (KNOWN_LABELS[i],))
        bench.service.save(bench.service.open(sha, question, "reader"))
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    for _ in range(3):
        press(page, "PageDown", "PageDown", "PageUp", "PageDown")
    page.wait_for_timeout(1500)
    at = int(page.get_attribute(".pda-picture", "alt").split("-")[1][:2])
    asks(page, KNOWN_LABELS[at])
    page.close()


def test_quick_presses_end_in_the_question_they_made(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = first_image(browser, bench)
    for label in (*BLOOD, "red blood cell", "nucleus", "nucleus"):
        page.evaluate("label => document.querySelector(`.pdc-chip[data-label='${label}'] .pdc-name`).click()", label)
    asks(page, "red blood cell", "nucleus", "polyp")
    assert not page.errors
    page.close()


# How it looks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [KNOWN_LABELS, (*KNOWN_LABELS, *LONG)], ids=["five", "nine"])
def test_every_label_that_is_asked_is_in_sight_and_the_page_needs_no_scrolling(browser, workbench, labels):
    bench = workbench()
    (sha,) = bench.add(1)
    bench.service.save(bench.service.open(sha, Question(Task.COUNT_AND_BOX, labels), "reader"))
    page = open_page(browser, bench, locale="de-DE")
    press(page, "w", "Enter")
    asks(page, *labels)
    shown = """[
      ...document.querySelectorAll('.pdc-chip[data-on] .pdc-off, .pdc-task, .pdc-do:not([hidden], .pdc-drawer)'),
    ].every((node) => {
      const box = node.getBoundingClientRect();
      return node.contains(document.elementFromPoint(box.right - 6, box.top + box.height / 2));
    })"""
    for size in SIZES:
        page.set_viewport_size(size)
        page.wait_for_function("([width, height]) => innerWidth === width && innerHeight === height", arg=[*size.values()])
        page.wait_for_timeout(200)  # until it is laid out
        assert page.evaluate(shown) and bar(page) == list(labels), size
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), size
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), size
    page.close()


def test_fingers_have_room_for_every_part_of_the_bar(browser, workbench):
    bench = workbench()
    bench.add(1)
    page = open_page(browser, bench, has_touch=True, is_mobile=True, viewport={"width": 1180, "height": 820})
    page.locator(".pdc-own .pdc-item").first.click()
    asks(page, *KNOWN_LABELS)
    small = """[...document.querySelectorAll('.pdc-bar button:not([hidden])')].map((node) => node.getBoundingClientRect())
      .filter(({ width, height }) => width && (height < 43 || width < 43)).map(({ width, height }) => [width, height])"""
    assert page.evaluate(small) == []
    page.close()
