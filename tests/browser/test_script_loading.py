"""The scripts reach the page wherever it is mounted or shown, and a page without them says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from editor_page import editor_app
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from pdc.web.ui.scripts import NOT_LOADED, files
from pdc.web.ui.words import dictionaries


@pytest.fixture
def page(browser: Any) -> Any:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    page.close()


def test_scripts_are_found_under_a_root_path(page: Any, serve: Callable[[object], str]) -> None:
    outer = FastAPI()
    outer.mount("/of/pdc", editor_app([], []))
    page.goto(f"{serve(outer)}of/pdc/")
    page.wait_for_selector(".pda-toolbar")
    assert page.errors == []


def test_scripts_are_found_in_a_frame_of_another_site(page: Any, serve: Callable[[object], str]) -> None:
    outer = FastAPI()
    inner = serve(editor_app([], [])).replace("127.0.0.1", "localhost")
    outer.get("/")(lambda: HTMLResponse(f'<iframe src="{inner}" width="1200" height="800"></iframe>'))
    page.goto(serve(outer))
    page.frame_locator("iframe").locator(".pda-toolbar").wait_for()
    assert page.errors == []


@pytest.mark.parametrize(("locale", "said"), [("en-GB", NOT_LOADED), ("de-DE", "Die Skripte der Seite wurden nicht geladen.")])
def test_a_page_whose_scripts_do_not_come_says_so(browser: Any, serve: Callable[[object], str], locale: str, said: str) -> None:
    page = browser.new_page(locale=locale)
    page.route("**/scripts/*/annotator/doc.js", lambda route: route.abort())
    page.goto(serve(editor_app([], [])))
    page.get_by_text(said).wait_for()
    page.close()


def test_nothing_of_ours_lies_on_the_window(page: Any, serve: Callable[[object], str]) -> None:
    page.goto(serve(editor_app([], [])))
    page.wait_for_selector(".pda-toolbar")
    assert page.evaluate("Object.keys(window).filter((name) => /^(pdc|pda)/i.test(name))") == []


def test_a_second_look_at_the_page_fetches_no_script_again(page: Any, serve: Callable[[object], str]) -> None:
    fetched = (
        """performance.getEntriesByType("resource").filter((r) => r.name.includes("/scripts/")).map((r) => r.transferSize)"""
    )
    url = serve(editor_app([], []))
    looks = []
    for _ in range(2):
        page.goto(url)
        page.wait_for_selector(".pda-toolbar")
        looks.append(page.evaluate(fetched))
    assert len(looks[0]) == len(files()) - len(dictionaries()) and all(looks[0])
    assert not any(looks[1])
