"""The main job as a reader does it: the real app in a real process, in Chromium, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench_page import an_example

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
OPENED = """name => document.querySelector('.pda-picture')?.alt === `Image ${name}`
  && document.querySelector('.pdc-editor').pdc.doc.head?.answering === false"""
STORED = "(({ edits, acked }) => edits > 0 && acked >= edits)(document.querySelector('.pdc-editor').pdc.doc.head)"


class App:
    """`python app.py` on a free port, with a home of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url, self.home, self.process = f"http://127.0.0.1:{self.port}/", home, None

    def start(self) -> None:
        env = {**os.environ, "PDC_HOME": str(self.home), "PDC_PORT": str(self.port)}
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the app stopped by itself"
            try:
                urllib.request.urlopen(self.url + "health", timeout=2)
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the app did not answer within five minutes")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[App]:
    """One app for the tests of this file: each start of it takes seconds."""
    app = App(tmp_path_factory.mktemp("chain") / "home")
    try:
        app.start()
        yield app
    finally:
        if app.process.poll() is None:
            app.kill()


def wait_for(page, words: str, seconds: float = 120) -> str:
    deadline = time.monotonic() + seconds
    while words not in (said := page.evaluate("document.querySelector('.pdc-status p')?.textContent ?? ''")):
        if time.monotonic() > deadline:
            raise AssertionError(f"{words!r} did not come; the page says: {page.inner_text('body')}")
        page.wait_for_timeout(100)
    return said


def counted(page) -> int:
    return page.locator(".pda-mark").count()


def open_page(browser, app: App):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app.url)
    page.wait_for_selector(".pdc-own, .pdc-thumbs .pdc-item", timeout=60_000)
    return page, errors


def draw_box(page) -> None:
    page.keyboard.press("d")
    area = page.locator(".pda-canvas").bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    page.mouse.move(x - 30, y - 30)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20, steps=4)
    page.mouse.up()


def test_each_task_shows_its_own_kind_of_answer(browser, app: App):
    page, errors = open_page(browser, app)
    an_example(page)
    wait_for(page, "Answered by")
    for name, kind in (("Points", "point"), ("Count only", "count"), ("Boxes", "box")):
        page.get_by_role("radio", name=name, exact=True).click()
        page.wait_for_function("kind => document.querySelector('.pdc-editor').dataset.kind === kind", arg=kind)
        page.get_by_role("button", name="Ask the model").click()
        wait_for(page, "Answered by")
        assert page.locator(".pdc-editor").get_attribute("data-kind") == kind
    assert not errors
    page.close()


def test_a_bad_upload_says_so_and_the_good_ones_open(browser, app: App, smears, tmp_path: Path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    smears[1][0].save(good)
    bad.write_bytes(b"nothing")
    page, _ = open_page(browser, app)
    page.set_input_files("input[data-role=file]", [str(bad), str(good)])
    wait_for(page, "Answered by")
    assert re.search(r"bad\.png: .*not an image", page.inner_text(".pdc-upload-told"))
    page.close()


def own(page, name: str):
    """The row of an image in the worklist."""
    return page.locator(".pdc-own .pdc-item", has_text=name)


def drawn_on(page, found: int) -> None:
    """One mark more than were found, on an image that is opened again."""
    page.wait_for_function("n => document.querySelectorAll('.pda-mark').length === n", arg=found + 1)


def test_upload_predict_correct_save_kill_restart_and_it_is_still_there_as_are_edits_that_were_not_saved(
    browser, app: App, smears, tmp_path: Path
):
    saved, unsaved = tmp_path / "smear <b>.png", tmp_path / "unsaved.png"
    smears[0][0].save(saved)
    smears[2][0].resize((320, 240)).save(unsaved)
    page, errors = open_page(browser, app)
    page.set_input_files("input[data-role=file]", str(saved))
    said = wait_for(page, "Answered by pdc-tiny")
    assert "adapter" in said
    found = counted(page)
    assert found > 0
    draw_box(page)
    page.keyboard.press("v")
    page.keyboard.press("n")
    page.keyboard.press("r")
    assert counted(page) == found + 1
    page.keyboard.press("s")
    assert "revision 1" in wait_for(page, "Saved, revision 1")
    marks = page.locator(".pda-mark").evaluate_all("nodes => nodes.map(n => n.getAttribute('aria-label')).sort()")
    page.set_input_files("input[data-role=file]", str(unsaved))
    own(page, "unsaved.png").click()
    page.wait_for_function(OPENED, arg="unsaved.png", timeout=120_000)
    wait_for(page, "Answered by")
    others = counted(page)
    draw_box(page)
    drawn_on(page, others)
    page.wait_for_function(STORED)
    assert not errors
    page.close()

    app.kill()
    app.start()
    page, errors = open_page(browser, app)
    own(page, "smear <b>.png").click()
    wait_for(page, "Saved by reader, revision 1")
    drawn_on(page, found)
    assert page.locator(".pda-mark").evaluate_all("nodes => nodes.map(n => n.getAttribute('aria-label')).sort()") == marks
    assert "done" in own(page, "smear <b>.png").inner_text()
    own(page, "unsaved.png").click()
    wait_for(page, "Your unsaved work of")
    drawn_on(page, others)
    assert not errors
    page.close()
