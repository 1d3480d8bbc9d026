"""What every page owes its readers: nothing serious for axe-core, their language, and a tour that is never in the way."""

from __future__ import annotations

import threading

import gradio as gr
import pytest
from fastapi import FastAPI
from workbench_page import Workbench, an_example, open_page, press, says

from pdc.web.ui.words import LINE, template_sentence

pytestmark = pytest.mark.browser
TABS = ("Review", "History", "Labels", "Data", "Reading study", "Training")


def answered_example(page) -> None:
    an_example(page)
    says(page, "Answered by")


def findings(page) -> list[str]:
    """What axe-core calls serious or critical on the page as it is."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {n['target']}" for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]]


@pytest.mark.parametrize("scheme", [pytest.param("dark", marks=pytest.mark.nightly), "light"])
def test_axe_finds_nothing_serious_on_any_tab(browser, shared_bench, scheme: str):
    page = open_page(browser, shared_bench, color_scheme=scheme)
    assert findings(page) == []
    answered_example(page)
    press(page, "n", "a", "g")
    assert findings(page) == []
    press(page, "?")
    assert findings(page) == []
    press(page, "Escape", "Shift+G")
    page.wait_for_selector(".pda-tile")
    assert findings(page) == []
    press(page, "Escape")
    for tab in TABS[1:]:
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(200)
        assert findings(page) == [], tab
    page.close()


AREAS = [".tab-wrapper", ".pdc-left", ".pdc-bar", ".pda-toolbar", ".pda-stage", ".pda-side"]
FOCUSED = """areas => {
  const { outlineStyle, outlineWidth, stroke } = getComputedStyle(document.activeElement);
  const seen = (outlineStyle !== "none" && outlineWidth !== "0px") || document.activeElement.closest(".pda-canvas");
  const { activeElement: now } = document;
  return [areas.findIndex((area) => now.closest(area)), Boolean(seen), now.outerHTML.slice(0, 120)];
}"""


def test_tab_goes_through_the_page_as_it_is_read_and_is_always_seen(browser, shared_bench):
    page = open_page(browser, shared_bench)
    answered_example(page)
    page.evaluate("document.activeElement.blur()")
    page.mouse.click(5, 5)
    steps = []
    for _ in range(150):
        page.keyboard.press("Tab")
        steps.append(page.evaluate(FOCUSED, AREAS))
        if steps[-1][0] == len(AREAS) - 1:
            break
    order = [area for area, _, _ in steps]
    assert order == sorted(order) and set(order) == set(range(len(AREAS))), steps
    assert [what for _, seen, what in steps if not seen] == []
    page.close()


SMALL = """() => [...document.querySelectorAll("button, select, input, a, summary")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 1)
  .map((e) => [e, e.matches("[type=checkbox]") && e.closest("label") || e])
  .map(([e, target]) => [target.getBoundingClientRect().height, e.outerHTML.slice(0, 120)])
  .filter(([height]) => height < 43)"""


def test_fingers_find_targets_of_44_pixels_on_a_tablet(browser, shared_bench):
    page = open_page(browser, shared_bench, viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    answered_example(page)
    assert page.evaluate(SMALL) == []
    page.close()


JUTTING = """() => [...document.querySelectorAll("button, input, select, a")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".pdc-left, .tab-wrapper"))
  .filter((e) => e.getBoundingClientRect().width > 1)
  .filter((e) => { const { left, right } = e.getBoundingClientRect(); return right > innerWidth + 1 || left < -1; })
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("language", ["en-US", "de-AT"])
def test_nothing_to_press_lies_outside_a_narrow_window(browser, shared_bench, language: str):
    page = open_page(browser, shared_bench, locale=language, viewport={"width": 820, "height": 1180})
    tabs = page.locator(".tab-container:not(.visually-hidden) [role=tab]")
    for at in range(tabs.count()):
        tabs.nth(at).click()
        page.wait_for_timeout(300)
        assert page.evaluate(JUTTING) == [], tabs.nth(at).inner_text()
    page.close()


def test_a_list_to_choose_from_shows_its_arrow(browser, shared_bench):
    page = open_page(browser, shared_bench)
    shown = "getComputedStyle(document.querySelector('.pdc-worklist select')).backgroundImage"
    assert "linear-gradient" in page.evaluate(shown)
    page.close()


def test_a_german_browser_reads_german_and_the_labels_stay(browser, workbench):
    page = open_page(browser, workbench(training=True), locale="de-AT")
    page.get_by_role("button", name="Speichern und weiter").wait_for()
    assert page.locator("html").get_attribute("lang") == "de"
    an_example(page)
    assert "Antwort von pdc-tiny" in says(page, "Antwort von")
    assert page.locator(".pda-name").first.inner_text() == "red blood cell"
    press(page, "?")
    assert "nächste / vorige Markierung" in page.inner_text(".pda-help")
    upload = "fetch('api/images', { method: 'POST', body: '' }).then((answer) => answer.json())"
    assert page.evaluate(upload) == {"error": "Die Datei ist leer; wählen Sie eine andere."}
    press(page, "Escape", "s")
    says(page, "Gespeichert, Fassung 1")
    page.get_by_role("tab", name="Verlauf").click()
    page.get_by_text("gleich: ").first.wait_for()
    assert page.get_by_label("Von", exact=True).input_value().startswith("Modell · pdc-tiny · ")
    assert page.get_by_label("Nach", exact=True).input_value().startswith("Fassung 1 · angenommen · reader · ")
    page.get_by_role("tab", name="Training").click()
    page.get_by_text("1 Durchsicht; mit 14 weiteren lohnt sich ein erstes Training").wait_for()
    assert not page.get_by_text("Protokoll").is_visible()
    page.get_by_text("Einzelheiten", exact=True).click()
    page.get_by_role("button", name="Mit diesen Einstellungen trainieren").wait_for()
    assert not page.errors
    page.close()


def test_a_template_says_any_sentence_and_takes_none_for_markup(browser, serve):
    odd = 'Don\'t say "no" to `this` \\ or ${that} or {{those}} <b>&amp;</b>'
    said = "".join(f"<p>{template_sentence(text)}</p>" for text in (odd, "Delete"))
    with gr.Blocks() as blocks:
        gr.HTML(html_template=said, elem_id="said")
        line = gr.HTML("", html_template=LINE, elem_id="line")
        blocks.load(lambda: odd, None, line)
    url = serve(gr.mount_gradio_app(FastAPI(), blocks, path="/"))
    for locale, after in (("en-GB", "Delete"), ("de-DE", "Löschen")):
        page = browser.new_page(locale=locale)
        page.goto(url)
        page.wait_for_function("document.querySelector('#line p')?.textContent")
        assert page.locator("#said p").all_inner_texts() == [odd, after]
        assert page.inner_text("#line p") == odd
        page.close()


def test_the_tour_is_walked_by_keys_and_comes_once(browser, workbench):
    bench = workbench()
    page = open_page(browser, bench)
    assert page.inner_text(".pdc-tour strong").startswith("1/3")
    answered_example(page)
    assert page.inner_text(".pdc-tour strong").startswith("2/3")
    page.locator(".pdc-tour button").first.focus()
    press(page, "Enter", "Enter")
    assert not page.locator(".pdc-tour").is_visible() and page.locator("[data-tour]").count() == 0
    assert page.evaluate("document.activeElement.classList.contains('pda-canvas')")
    shown = page.get_attribute(".pda-picture", "alt")
    page.reload()
    page.wait_for_selector(".pdc-own .pdc-item")
    assert not page.locator(".pdc-tour").is_visible() and not page.errors
    page.wait_for_function("alt => document.querySelector('.pda-picture')?.alt === alt", arg=shown, timeout=60_000)
    page.close()


class Held:
    """The embedded model, which holds on after its second step until it may go on, so that a page can be seen half answered."""

    def __init__(self, model) -> None:
        self.model, self.go = model, threading.Event()
        self.predict, self.untaught, self.labels = model.predict, model.untaught, model.labels

    def stream(self, image, question, cancelled):
        for i, step in enumerate(self.model.stream(image, question, cancelled)):
            yield step
            while i == 1 and not (cancelled() or self.go.wait(0.02)):
                pass


def test_marks_come_one_by_one_and_escape_stops_them(browser, workbench, embedded):
    model = Held(embedded)
    bench: Workbench = workbench(model=model)
    page = open_page(browser, bench)
    an_example(page)
    page.wait_for_selector(".pda-mark", state="attached")
    assert page.locator(".pda-answering").is_visible()
    press(page, "s")
    page.get_by_text("The model is still answering").wait_for()
    press(page, "Escape")
    says(page, "Stopped.")
    some = page.locator(".pda-mark").count()
    assert bench.store.predictions() == []
    model.go.set()
    page.get_by_role("button", name="Ask the model").click()
    says(page, "Answered by")
    assert page.locator(".pda-mark").count() > some > 0
    press(page, "s")
    says(page, "Saved, revision 1")
    (review,) = bench.store.reviews()
    assert review.prediction_id and str(review.verdict) == "accepted"
    page.close()


GOES_ON = """() => {
  const [tab, other] = document.querySelectorAll(".tab-container:not(.visually-hidden) [role=tab]");
  tab.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
  tab.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true }));
  other.focus();
  return new Promise((done) => setTimeout(() => done(document.activeElement === other), 50));
}"""


def test_a_press_of_the_pointer_does_not_take_the_focus_from_a_reader_who_goes_on_by_tab(browser, shared_bench):
    page = open_page(browser, shared_bench)
    answered_example(page)
    assert page.evaluate(GOES_ON)
    page.close()
