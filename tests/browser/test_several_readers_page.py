"""Two readers and an adjudicator in three browsers: an image is given out, read blind, brought together, signed and re-opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from house import NO_MODEL, PASSWORD
from pictures import encoded
from PIL import Image

from pdc.compose import build, open_store
from pdc.images.intake import ImageFiles, accept
from pdc.settings import Settings
from pdc.store import Store
from pdc.web.auth import hash_password

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SHOTS = os.environ.get("PDC_SHOTS", "")  # a folder for pictures of the pages, for eyes


@dataclass
class Person:
    """One reader before their own browser."""

    name: str
    page: Any

    def log_in(self, url: str) -> None:
        self.page.goto(url)
        self.page.fill("[name=name]", self.name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("button")
        self.page.wait_for_selector(".pdc-own .pdc-item")

    def open(self) -> None:
        self.page.click(".pdc-own .pdc-item")
        self.page.wait_for_selector(".pdc-editor[data-open]")

    def draw(self, x: float, y: float) -> None:
        self.page.wait_for_selector(".pdc-editor[data-open]")
        self.page.focus(".pda-canvas")
        self.page.keyboard.press("d")
        box = self.page.locator(".pda-canvas").bounding_box()
        left, top = box["x"] + box["width"] * x, box["y"] + box["height"] * y
        self.page.mouse.move(left, top)
        self.page.mouse.down()
        self.page.mouse.move(left + 40, top + 40, steps=4)
        self.page.mouse.up()

    def press(self, name: str, said: str) -> None:
        self.page.click(f'.pdc-bar [data-do="{name}"]')
        self.sees(".pdc-status", said)

    def sees(self, place: str, text: str) -> None:
        self.page.wait_for_function(
            "([place, text]) => [...document.querySelectorAll(place)].some((e) => e.textContent.includes(text))",
            arg=[place, text],
        )

    def shot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


@pytest.fixture
def clinic(tmp_path: Path, serve: Callable[[object], str], browser: Any) -> Iterator[tuple[Store, list[Person]]]:
    """A store with one image, and three people who are logged in."""
    settings = Settings.from_env({"PDC_HOME": str(tmp_path), "PDC_HOST": "0.0.0.0", "PDC_SERVER_URL": NO_MODEL})
    store, names = open_store(settings), ("anna", "bert", "carl")
    for name in names:
        store.add_user(name, hash_password(PASSWORD))
    accepted = accept(encoded(Image.new("RGB", (600, 400), "#b0707a")), "smear.png", max_megapixels=50)
    ImageFiles(settings.images).put(accepted)
    store.add_image(accepted.image(None), "carl")
    app, _, stop = build(settings)
    url = serve(app)
    people = []
    for name in names:
        context = browser.new_context(viewport={"width": 1360, "height": 850})
        people.append(Person(name, context.new_page()))
        people[-1].page.set_default_timeout(60_000)
        people[-1].log_in(url)
    yield store, people
    for person in people:
        person.page.context.close()
    stop()
    store.close()


def test_an_image_is_given_to_two_read_blind_brought_together_signed_and_reopened(clinic):
    store, (anna, bert, carl) = clinic
    carl.open()
    carl.page.click(".pdc-readers summary")
    carl.page.fill('[data-readers="readers"]', "anna, bert")
    carl.page.uncheck('[data-readers="model"]')
    carl.shot("1 giving")
    carl.page.click('[data-readers="give"]')
    carl.sees(".pdc-status", "Reads given: 2, images: 1")
    carl.sees(".pdc-item-state", "being read · 0 of 2 read")

    for reader, x in ((anna, 0.3), (bert, 0.302)):
        reader.page.reload()
        reader.page.wait_for_selector(".pdc-own .pdc-item")
        reader.open()
        reader.sees(".pdc-status", "kept from you")
        assert reader.page.locator(".pda-mark").count() == 0
        reader.draw(x, 0.4)
        if reader is bert:
            reader.draw(0.6, 0.6)
        reader.press("save", "Saved, revision 1")
        reader.shot(f"2 {reader.name} has read")
        assert "of 2" not in reader.page.content()
    assert {r.review.author: len(r.review.findings.marks) for r in store.all_reads()} == {"anna": 1, "bert": 2}

    carl.page.reload()
    carl.sees(".pdc-item-state", "to adjudicate · 2 of 2 read")
    carl.open()
    carl.sees(".pdc-status", "Proposed from the reads of anna, bert")
    carl.shot("3 to adjudicate")
    carl.page.click('.pdc-bar [data-do="sign"]')
    carl.sees("body", "The readers are tied about 1 objects")
    assert store.signatures() == []
    carl.page.focus(".pda-canvas")
    carl.page.keyboard.press("f")
    carl.page.keyboard.press("a")
    carl.press("sign", "signed by carl")
    carl.sees(".pdc-signed", "adjudicated and signed")
    carl.sees(".pdc-item-state", "signed by carl")
    carl.shot("4 signed")
    (made,) = store.usable_reviews()
    assert len(made.rests_on) == 2 and made.findings.count(made.question.task) == 2 and list(store.signed()) == [made.id]

    carl.draw(0.2, 0.2)
    carl.page.click('.pdc-bar [data-do="save"]')
    carl.sees("body", "Re-open it with a reason")
    assert store.current_reviews() == [made]
    carl.page.click('.pdc-bar [data-do="reopen"]')
    carl.shot("5 re-opening")
    carl.page.fill(".pdc-signature input", "a cell was missed")
    carl.page.keyboard.press("Enter")
    carl.sees(".pdc-status", "a cell was missed")
    carl.press("save", f"Saved, revision {made.revision + 1}")
    carl.sees(".pdc-item-state", "done")
    assert [s.reason for s in store.signatures()] == ["", "a cell was missed"]
    carl.shot("6 re-opened")
