"""A Space inside the frame of another site, in browsers that keep no cookies there: a visitor stays one visitor."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from house import NO_MODEL
from pictures import encoded
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from workbench_page import FLAGS

from pdc.compose import build
from pdc.settings import Settings
from pdc.web import page_policy

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SHOTS = os.environ.get("PDC_SHOTS", "")  # a folder for pictures of the pages, for eyes
OAUTH = {"OPENID_PROVIDER_URL": "http://127.0.0.1:9", "OAUTH_CLIENT_ID": "c", "OAUTH_CLIENT_SECRET": "s", "SPACE_HOST": "h"}
NONE, NOT_OF_OTHERS = {"cookies": 2}, dict[str, int]()  # what a browser keeps: nothing, or nothing that other sites share


@pytest.fixture(scope="module")
def hub(serve: Callable[[object], str], tmp_path_factory: Any) -> Iterator[str]:
    """The address of the page around the frame, which is another site than the Space inside."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SPACE_ID": "somebody/pdc", **OAUTH}.items():
            patch.setenv(name, value)
        home = tmp_path_factory.mktemp("space")
        settings = Settings.from_env({"PDC_HOME": str(home), "PDC_SERVER_URL": NO_MODEL, "PDC_HOST": "0.0.0.0"})
        app, _, stop = build(settings)
        space = serve(app)

        async def around(request: Request) -> HTMLResponse:
            frame = f'<iframe src="{space}" style="position:fixed;inset:0;width:100%;height:100%;border:0"></iframe>'
            return HTMLResponse(f"<!doctype html><title>Hub</title>{frame}")

        outer = serve(Starlette(routes=[Route("/", around)])).replace("127.0.0.1", "localhost")
        patch.setattr(page_policy, "SPACES", outer.rstrip("/"))
        yield outer
        stop()


class Visitor:
    """A browser of its own at the page around the frame."""

    def __init__(self, browser: Any, hub: str, folder: Path, keeps: dict[str, int], language: str) -> None:
        (folder / "Default").mkdir(parents=True)
        profile = {"profile": {"cookie_controls_mode": 1, "default_content_setting_values": keeps}}
        (folder / "Default" / "Preferences").write_text(json.dumps(profile))
        start, path = browser.browser_type.launch_persistent_context, shutil.which("chromium")
        self.context = start(folder, executable_path=path, args=FLAGS, locale=language, viewport={"width": 1280, "height": 800})
        self.page = self.context.pages[0]
        self.page.set_default_timeout(60_000)
        self.come(hub)

    def come(self, hub: str) -> None:
        self.page.goto(hub)
        self.frame = self.page.frames[1]
        self.frame.wait_for_function("document.querySelector('.pdc-visitors')?.textContent")

    def upload(self, name: str) -> None:
        body = encoded(Image.effect_noise((300, 200), 60).convert("RGB"))
        self.frame.locator('input[data-role="file"]').set_input_files([{"name": name, "mimeType": "image/png", "buffer": body}])
        self.frame.wait_for_function("n => document.querySelector('.pdc-own')?.textContent.includes(n)", arg=name)

    def open_and_draw(self) -> None:
        self.frame.locator(".pdc-own .pdc-item").first.click()
        self.frame.wait_for_function("document.querySelector('.pda-picture')?.naturalWidth === 300")
        self.frame.wait_for_selector(".pdc-editor[data-open]")
        self.frame.focus(".pda-canvas")
        self.page.keyboard.press("d")
        area = self.frame.locator(".pda-canvas").bounding_box()
        x, y = area["x"] + area["width"] * 0.4, area["y"] + area["height"] * 0.5
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 40, y + 40, steps=3)
        self.page.mouse.up()
        self.frame.wait_for_selector(".pda-mark")
        self.sees(".pdc-autosave p", "Draft saved")

    def sees(self, place: str, words: str) -> None:
        self.frame.wait_for_function(
            "([place, words]) => document.querySelector(place)?.textContent.includes(words)", arg=[place, words]
        )

    def shot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


@pytest.fixture
def visitor(browser: Any, hub: str, tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """visitor(keeps, language): a new browser in the frame."""
    made: list[Visitor] = []

    def come(keeps: dict[str, int], language: str = "en-US") -> Visitor:
        made.append(Visitor(browser, hub, tmp_path / str(len(made)), keeps, language))
        return made[-1]

    yield come
    for one in made:
        one.context.close()


def test_without_any_cookies_a_visitor_uploads_opens_and_marks_in_the_frame_and_the_draft_is_kept(visitor):
    anna = visitor(NONE)
    assert "/visit/" in anna.frame.url and anna.context.cookies() == []
    assert "keeps no cookies here" in anna.frame.inner_text(".pdc-visitors")
    anna.upload("of anna.png")
    anna.frame.wait_for_function("[...document.querySelectorAll('.pdc-own img')].some((i) => i.naturalWidth > 0)")
    anna.open_and_draw()
    assert "could not be loaded" not in anna.frame.inner_text(".pdc-ahead")  # nothing on the page needs storage either
    anna.shot("space 1 without cookies")
    bert = visitor(NONE, "de-DE")
    assert "of anna" not in bert.frame.content() and "Andere Besucher" in bert.frame.inner_text(".pdc-visitors")
    bert.shot("space 2 german")


def test_where_the_browser_keeps_the_frames_own_cookie_the_visitor_comes_back(visitor, hub: str):
    carl = visitor(NOT_OF_OTHERS)
    assert "/visit/" not in carl.frame.url and "keeps no cookies" not in carl.frame.inner_text(".pdc-visitors")
    assert carl.frame.locator(".pdc-log-in").get_attribute("target") == "_blank"
    carl.upload("of carl.png")
    carl.come(hub)
    carl.frame.wait_for_function("document.querySelector('.pdc-own')?.textContent.includes('of carl.png')")
    carl.shot("space 3 came back")
