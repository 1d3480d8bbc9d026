"""A technician counts a sample in the browser: from the protocol over the fields on the Review page to a signed sheet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from house import NO_MODEL
from pictures import encoded
from PIL import Image

from pdc.compose import build, open_store
from pdc.images.intake import ImageFiles, accept
from pdc.settings import Settings
from pdc.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SHOTS = os.environ.get("PDC_SHOTS", "")  # a folder for pictures of the pages, for eyes


class Technician:
    """Hands and eyes on the app's page."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def sees(self, text: str, place: str = ".pdc-count") -> None:
        self.page.wait_for_function(
            "([place, text]) => [...document.querySelectorAll(place)].some((e) => e.textContent.includes(text))",
            arg=[place, text],
        )

    def field(self, name: str, text: str) -> None:
        """Fill in a field of the form, and leave it."""
        self.page.fill(f".pdc-count [name='{name}']", text)
        self.page.press(f".pdc-count [name='{name}']", "Tab")

    def open(self, name: str) -> None:
        self.page.wait_for_function("name => document.querySelector('.pda-picture')?.alt.endsWith(name)", arg=name)
        self.page.wait_for_selector(".pdc-editor[data-open]")

    def draw(self, places: list[float]) -> None:
        """Boxes of 30 pixels at these places across the image."""
        self.page.focus(".pda-canvas")
        self.page.keyboard.press("d")
        area = self.page.locator(".pda-canvas").bounding_box()
        for n, place in enumerate(places, 1):
            x, y = area["x"] + area["width"] * place, area["y"] + area["height"] * 0.5
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + 30, y + 30, steps=3)
            self.page.mouse.up()
            self.page.wait_for_function("n => document.querySelectorAll('.pda-mark').length === n", arg=n)

    def shot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.fixture
def lab(tmp_path: Path, serve: Callable[[object], str], browser: Any) -> Iterator[tuple[Store, Technician]]:
    """The app over four images: two sides of a chamber."""
    settings = Settings.from_env({"PDC_HOME": str(tmp_path), "PDC_SERVER_URL": NO_MODEL})
    store, files = open_store(settings), ImageFiles(settings.images)
    for side in "ab":
        for n in (1, 2):
            colour = (150 + 20 * n, 90 + 50 * (side == "a"), 120)
            accepted = accept(encoded(Image.new("RGB", (600, 400), colour)), f"{side}{n}.png", max_megapixels=50)
            files.put(accepted)
            store.add_image(accepted.image(f"side {side}"), "local")
    app, _, stop = build(settings)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(serve(app))
    page.wait_for_selector(".pdc-own .pdc-item")
    yield store, Technician(page)
    page.close()
    stop()
    store.close()


def test_a_sample_is_begun_read_filled_in_and_signed(lab):
    store, hand = lab
    hand.tab("Count")
    hand.sees("No sample has been counted yet.")
    hand.page.select_option(".pdc-count [name=protocol]", "haemocytometer")
    hand.sees("Code of the sample, never a name")
    hand.field("sample", "Anna Meier")
    hand.sees("This looks like a person's name.")
    hand.field("sample", "S-17")
    hand.page.check("[name='r1 group:side a']")
    hand.page.check("[name='r2 group:side b']")
    hand.page.fill("[name=squares]", "1")
    hand.shot("count 1 begin")
    hand.page.click(".pdc-count [data-do=begin]")
    hand.sees("0 of 100, replicate 1 of 2")
    hand.shot("count 2 begun")

    hand.page.click(".pdc-count [data-do=next]")
    hand.open("a1.png")
    assert hand.page.locator('.pdc-bar :text("live cell")').count() > 0
    hand.draw([0.2, 0.4, 0.6])
    hand.page.keyboard.press("s")
    hand.sees("Saved, revision 1", ".pdc-status")
    hand.tab("Count")
    hand.sees("3 of 100, replicate 1 of 2")
    hand.sees("1 of 2 fields read")

    hand.page.get_by_label("dilution factor").fill("2")
    hand.page.get_by_label("dilution factor").press("Tab")
    hand.sees("60\u202f000 cells/mL")
    hand.page.locator("tr[data-kind=open] summary").first.click()
    hand.page.locator("tr[data-kind=open] [name=why]").first.fill("torn")
    hand.page.locator("tr[data-kind=open] [name=why]").first.press("Enter")
    hand.sees("torn (")
    hand.shot("count 3 filled in")
    hand.page.click(".pdc-count [data-do=sign]")
    hand.sees("Version 1, final")
    hand.sees("Open it again")
    hand.shot("count 4 signed")
    (session,) = store.count_sessions()
    (sheet,) = store.count_sheets(session.id)
    assert sheet.status == "final" and '"dilution factor": 2' in sheet.text and "torn" in sheet.text


REBUILT = """async () => {
  const address = document.querySelector('link[href$="forms.js"]').href, { mountForms } = await import(address);
  const element = document.createElement("div"), sent = [];
  element.innerHTML = '<div class="pdc-count"></div>';
  document.body.append(element);
  const host = element.firstChild;
  const input = ["input", { type: "text", name: "value", value: "", "data-change": "fill" }];
  const line = (name) => ["div", { "data-form": name }, input];
  const page = ["section", {}, line("lot"), line("passage")];
  const props = { value: { page, stamp: "1" } };
  let changed;
  const trigger = (name) => sent.push([name, props.value.asked.fields.value, props.value.asked.turn]);
  mountForms({ element, props, trigger, watch: (name, run) => { changed = run; } });
  const lines = () => element.querySelectorAll("input");
  lines()[0].focus();
  lines()[0].value = "17";
  props.value = { page, stamp: "2" };
  changed();
  const kept = [document.activeElement === lines()[0], lines()[0].value, sent.length];
  lines()[1].focus();
  lines()[0].focus();
  lines()[1].focus();
  const show = (said, turn, stamp) => { props.value = { page: ["p", {}, said], turn, stamp }; changed(); };
  show("answered", 1, "3");
  show("made before", 0, "4");
  const shown = element.textContent;
  show("made after", 1, "5");
  const told = [shown, host.textContent];
  const answer = (turn, stamp) => { props.value = { page, turn, stamp }; changed(); };
  answer(1, "6");
  lines()[0].focus();
  lines()[0].value = "18";
  lines()[1].focus();
  lines()[0].value = "19";
  answer(2, "7");
  const meanwhile = lines()[0].value;
  element.remove();
  return [kept, sent, told, meanwhile];
}"""


def test_what_is_being_typed_stays_when_the_page_comes_anew_and_is_sent_once_it_is_left(lab):
    _, hand = lab
    kept, sent, shown, meanwhile = hand.page.evaluate(REBUILT)
    assert kept == [True, "17", 0] and sent == [["act", "17", 1], ["act", "18", 2]] and meanwhile == "19"
    assert shown == ["answered", "made after"]
