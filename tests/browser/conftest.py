"""A browser and a server for tests that drive the app as a reader does."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
from editor_page import Driver, editor_app
from workbench_page import FLAGS, Remembering, Workbench

POLL_MS = 50


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium, or a skip that says what is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # A busy machine may draw no frame for long; a state is looked for by the clock instead.
        patch.setattr(sync_api.Page, "wait_for_function", partialmethod(sync_api.Page.wait_for_function, polling=POLL_MS))
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", autouse=True)
def pages_end_with_their_file(browser: Any) -> Iterator[None]:
    """A page that is left open goes on asking its server, and slows all tests that follow."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[object], str]]:
    """serve(app) starts an ASGI app on a free port of this machine and returns its URL."""
    with _serving() as start:
        yield start


@contextmanager
def _serving() -> Iterator[Callable[[object], str]]:
    """As `serve`. An app that is left running works for its pages and its queue, and slows all tests that follow."""
    import uvicorn

    started: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: object) -> str:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        started.append((server, thread))
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start within 20 seconds"
            time.sleep(0.02)
        return f"http://127.0.0.1:{port}/"

    yield start
    for server, thread in started:
        server.should_exit = server.force_exit = True  # pages that are still open are not waited for
        thread.join(timeout=5)


@pytest.fixture(scope="module")
def driver(browser: Any, serve: Callable[[object], str]) -> Iterator[Driver]:
    """One page with an editor, for all tests of a file; each opens a case of its own."""
    received: list[dict] = []
    keys: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" and "editor" in m.text.lower() else None)
    driver = Driver(page, received, keys)
    driver.intercept("**/gradio_api/run/**")
    page.goto(serve(editor_app(received, keys)))
    page.wait_for_selector(".pda-toolbar")
    yield driver
    page.close()
    assert problems == []


@pytest.fixture(scope="session")
def remembering(embedded: Any) -> Remembering:
    """The embedded model for all apps of this worker: what was answered once is not computed again."""
    embedded.load()
    return Remembering(embedded)


@pytest.fixture
def workbench(tmp_path: Path, remembering: Remembering) -> Iterator[Callable[..., Workbench]]:
    """workbench(blind=...) starts the whole app on the embedded model."""
    with _workbenches(tmp_path, remembering) as make:
        yield make


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory: Any, remembering: Remembering) -> Iterator[Workbench]:
    """One app for all tests of a file that leave it as it was."""
    with _workbenches(tmp_path_factory.mktemp("bench"), remembering) as make:
        yield make(training=True)


@contextmanager
def _workbenches(folder: Path, model: Remembering) -> Iterator[Callable[..., Workbench]]:
    made: list[Workbench] = []

    with _serving() as serve:

        def make(**options: Any) -> Workbench:
            made.append(Workbench(folder, options.pop("model", model), serve, **options))
            return made[-1]

        yield make
    for bench in made:
        bench.prefetcher.stop()
