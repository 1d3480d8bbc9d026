"""The login ends, the network goes, the tab is closed, all in the middle of an edit: what was drawn is on the screen again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from house import NO_MODEL, PASSWORD
from pictures import encoded
from PIL import Image

from pdc.compose import build, open_store
from pdc.images.intake import ImageFiles, accept
from pdc.settings import Settings
from pdc.web.auth import COOKIE, hash_password

pytestmark = [pytest.mark.slow, pytest.mark.browser]
MARKS = "document.querySelector('.pdc-editor').pdc.doc.state.marks.map((mark) => mark.id)"


class Ward:
    """A browser that stays, with its copies and cookies, while pages come and go."""

    def __init__(self, url: str, browser: Any) -> None:
        self.url, self.context = url, browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self.context.new_page()
        self.log_in()

    def log_in(self) -> None:
        self.page.goto(self.url)
        if self.page.locator("[name=password]").count():
            self.page.fill("[name=name]", "anna")
            self.page.fill("[name=password]", PASSWORD)
            self.page.click("button")
        self.page.wait_for_selector(".pdc-own .pdc-item", timeout=120_000)

    def open(self) -> None:
        """The image, with what this browser kept of it, where it offers any."""
        self.page.click(".pdc-own .pdc-item")
        self.page.wait_for_selector(".pdc-editor[data-open]", timeout=120_000)
        offered = self.page.get_by_role("button", name="Restore your unsaved changes")
        if offered.is_visible():
            offered.click()

    def draw(self, chance: random.Random) -> str:
        """A box somewhere; its id."""
        before = set(self.page.evaluate(MARKS))
        self.page.focus(".pda-canvas")
        self.page.keyboard.press("d")
        box = self.page.locator(".pda-canvas").bounding_box()
        x, y = box["x"] + box["width"] * chance.uniform(0.3, 0.6), box["y"] + box["height"] * chance.uniform(0.3, 0.6)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 40, y + 30, steps=2)
        self.page.mouse.up()
        self.page.wait_for_function(f"n => {MARKS}.length > n", arg=len(before))
        return next(id for id in self.page.evaluate(MARKS) if id not in before)

    def again(self) -> list[str]:
        """A new page, logged in, with the image open: the ids of its marks."""
        self.page.close()
        self.context.set_offline(False)
        self.page = self.context.new_page()
        self.log_in()
        self.open()
        return self.page.evaluate(MARKS)


def the_login_ends(ward: Ward) -> None:
    ward.context.clear_cookies(name=COOKIE)


def the_network_goes(ward: Ward) -> None:
    ward.context.set_offline(True)


def the_tab_is_closed(ward: Ward) -> None:
    return


TROUBLES = (the_login_ends, the_network_goes, the_tab_is_closed)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: Any, serve: Callable[[object], str], browser: Any) -> Iterator[Ward]:
    home = tmp_path_factory.mktemp("ward")
    settings = Settings.from_env({"PDC_HOME": str(home), "PDC_LOGIN": "on", "PDC_SERVER_URL": NO_MODEL})
    store = open_store(settings)
    store.add_user("anna", hash_password(PASSWORD))
    accepted = accept(encoded(Image.new("RGB", (600, 400), "#b0707a")), "smear.png", max_megapixels=50)
    ImageFiles(settings.images).put(accepted)
    store.add_image(accepted.image(None), "anna")
    app, _, stop = build(settings)
    ward = Ward(serve(app), browser)
    yield ward
    ward.context.close()
    stop()


def recovered(ward: Ward, times: int) -> int:
    """How many of so many marks, each drawn just before or after something went wrong, are on the screen of the next page."""
    chance, found = random.Random(5), 0
    ward.open()
    for n in range(times):
        trouble = TROUBLES[n % len(TROUBLES)]
        if chance.random() < 0.5 or trouble is the_tab_is_closed:
            id = ward.draw(chance)
            trouble(ward)
        else:
            trouble(ward)
            id = ward.draw(chance)
        found += id in ward.again()
    return found


def test_what_was_drawn_when_something_went_wrong_is_there_again(ward: Ward):
    assert recovered(ward, 5) == 5


def test_log_out_asks_where_something_was_not_sent_and_only_there(ward: Ward):
    ward.again()
    the_network_goes(ward)
    id, asked = ward.draw(random.Random(2)), []
    ward.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    ward.page.locator(".pdc-session button").press("Enter")  # a message may lie over it
    assert len(asked) == 1 and "one image have not reached the server" in asked[0] and "for 7 days" in asked[0]
    assert id in ward.page.evaluate(MARKS)  # who stays is where they were
    assert id in ward.again()
    ward.page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('pdc-copy:'))")
    ward.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    ward.page.locator(".pdc-session button").press("Enter")  # a message may lie over it
    ward.page.wait_for_selector("[name=password]")
    assert len(asked) == 1
    ward.log_in()
    ward.open()


@pytest.mark.nightly
def test_without_the_copies_in_the_browser_it_would_be_lost(ward: Ward):
    """The negative control: the browser keeps nothing, and the server was not told."""
    ward.again()
    ward.page.evaluate("Storage.prototype.setItem = () => {}")
    the_login_ends(ward)
    id = ward.draw(random.Random(1))
    assert id not in ward.again()


@pytest.mark.nightly
def test_a_hundred_troubles_in_the_middle_of_an_edit_lose_nothing(ward: Ward):
    assert recovered(ward, 100) == 100
