"""A worklist worked through by keyboard events alone, a blind read whose whole traffic is recorded, and two tabs on one image."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pdc.access import Access
from pdc.history import History
from pdc.images import ImageFiles
from pdc.lookahead import LookAhead
from pdc.predictors.local import LocalPredictor, Wanted
from pdc.review import ReviewService
from pdc.server import build_server
from pdc.serving import Serving
from pdc.starters import KNOWN_LABELS
from pdc.store import Store
from pdc.ui.app import build_ui, gradio_options
from pdc.ui.history_tab import HistoryTab
from pdc.ui.review_tab import ReviewTab
from pdc.ui.study_tab import StudyTab
from pdc.worklist import Stage, Worklist

pytestmark = pytest.mark.browser


class Recorder:
    """The app, with every byte of every body it sends."""

    def __init__(self, app) -> None:
        self.app, self.sent = app, bytearray()

    async def __call__(self, scope, receive, send) -> None:
        async def recording(message) -> None:
            if message["type"] == "http.response.body":
                self.sent += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, recording)


class Workbench:
    """The whole app in this process, on the embedded model."""

    def __init__(self, folder: Path, model: LocalPredictor, serve: Callable[[object], str], *, blind: bool = False) -> None:
        self.store = Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")
        self.service = ReviewService(self.store, ImageFiles(folder / "images"), model, blind=blind)
        self.images, ahead = Worklist(self.service), LookAhead(self.service)
        review = ReviewTab(self.service, self.images, ahead)
        history = HistoryTab(History(self.service, Serving("pdc-tiny", Wanted), self.store.adapters), review)
        blocks = build_ui({"Review": review, "History": history, "Reading study": StudyTab(self.service)})
        access = Access(self.store, folder, login=False)
        self.app = Recorder(build_server(self.service, access, blocks, ahead=ahead, gradio_options=gradio_options()))
        self.url = serve(self.app)
        self.ahead = ahead

    def add(self, n: int) -> list[str]:
        from finetune.tiny.render import smear

        return [self._add(smear(np.random.default_rng(900 + i), (160, 120)).image, f"smear-{i:02}.png") for i in range(n)]

    def _add(self, pixels: np.ndarray, name: str) -> str:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return self.service.add_image(buffer.getvalue(), name)[0].sha256

    def stages(self) -> list[Stage]:
        return [e.stage for e in self.images.entries("reader")]


@pytest.fixture
def workbench(tmp_path: Path, embedded, serve):
    made = []

    def make(**options) -> Workbench:
        made.append(Workbench(tmp_path, embedded, serve, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.ahead.stop()


def open_page(browser, bench: Workbench):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(bench.url)
    page.wait_for_selector(".pdc-own .pdc-item", timeout=60_000)
    return page


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def says(page, words: str, where: str = ".pdc-status p") -> str:
    script = "([where, words]) => document.querySelector(where)?.textContent.includes(words)"
    page.wait_for_function(script, arg=[where, words], timeout=90_000)
    return page.inner_text(where)


def opened(page, name: str) -> None:
    page.wait_for_function("name => document.querySelector('.pda-picture')?.alt === `Image ${name}`", arg=name, timeout=60_000)


def test_twelve_images_are_finished_by_keyboard_events_alone(browser, workbench):
    bench = workbench()
    shas = bench.add(12)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    for i in range(12):
        opened(page, f"smear-{i:02}.png")
        says(page, "Answered by")
        if i == 3:
            press(page, "Shift+Enter")
        elif i == 5:
            press(page, "Shift+Backspace")
        else:
            press(page, "n", "a", "Enter")
    opened(page, "smear-05.png")
    assert bench.stages() == [{3: Stage.SKIPPED, 5: Stage.SENT_BACK}.get(i, Stage.DONE) for i in range(12)]
    kept = bench.store.reviews(shas[0])[-1].findings.marks
    assert [m.status for m in kept if m.status == "accepted"] and len(bench.store.predictions()) == 12

    press(page, "/")
    page.keyboard.type("smear-1")
    page.wait_for_function("document.querySelector('.pdc-progress').textContent.startsWith('2 of 2 done')")
    press(page, "Enter", "ArrowDown", "Enter")
    opened(page, "smear-11.png")
    says(page, "revision 1")
    assert not page.errors
    page.close()


def test_no_byte_of_a_prediction_is_sent_before_the_blind_read_is_saved(browser, workbench):
    bench = workbench(blind=True)
    shas = bench.add(2)
    for sha in shas:
        bench.service.answer(bench.store.image(sha), bench_question())
    secret = next(p for p in bench.store.predictions() if p.image_sha256 == shas[0])
    scores = [m.score for m in secret.findings.marks]
    assert scores

    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    says(page, "Blind read")
    page.get_by_role("button", name="Show the model").click()
    page.get_by_text("save what you see first").wait_for()
    page.get_by_role("tab", name="History").click()
    page.get_by_role("tab", name="Reading study").click()
    page.get_by_text("There are no blind reads yet").wait_for()
    page.get_by_role("tab", name="Review").click()
    bench.ahead.wait(60)
    page.wait_for_timeout(500)
    sent = said_by(bench)
    assert traces_of(secret, sent) == []
    assert "Answered by pdc-tiny" not in sent and '"new",""' in rows(sent) and "predicted" not in rows(sent)

    press(page, "s")
    says(page, "Saved, revision 1")
    page.get_by_role("button", name="Show the model").click()
    says(page, "dashed and not counted")
    found = traces_of(secret, said_by(bench))
    assert all(f'"score":{score!r}' in found for score in scores), "the recorder must see what is shown"
    press(page, "n", "r", "s")
    says(page, "Saved, revision 2")
    assert [(r.blind, len(r.findings.marks) > 0) for r in bench.store.reviews(shas[0])] == [(True, False), (False, True)]
    assert not page.errors
    page.close()


def said_by(bench: Workbench) -> str:
    """Everything the app has sent, JSON within JSON unwrapped, without spaces after colons."""
    return bytes(bench.app.sent).decode("utf-8", "replace").replace('\\"', '"').replace('": ', '":')


def traces_of(prediction, sent: str) -> list[str]:
    """What of a prediction is in what was sent: its id, its words, its marks with their origin, scores and counts."""
    known = [prediction.id, prediction.raw, '"origin":"model"', '"model_stated":{']
    return [trace for trace in (*known, *(f'"score":{m.score!r}' for m in prediction.findings.marks)) if trace in sent]


def rows(sent: str) -> str:
    return "".join(re.findall(r'\{"rows":\[.*?\]\]', sent))


def bench_question():
    from pdc.domain import Question, Task

    return Question(Task.COUNT_AND_BOX, KNOWN_LABELS[:3])


def test_two_tabs_on_one_image_see_each_others_work_and_merge(browser, workbench):
    bench = workbench()
    (sha,) = bench.add(1)
    bench.service.answer(bench.store.image(sha), bench_question())
    first, second = (open_page(browser, bench) for _ in range(2))
    for page in (first, second):
        press(page, "w", "Enter")
        opened(page, "smear-00.png")
        says(page, "Answered by")
    found = first.locator("g[data-id]").count()
    press(first, "n", "r")
    says(first, "Draft saved", ".pdc-autosave p")
    press(first, "s")
    says(first, "Saved, revision 1")
    press(second, "n", "n", "a", "s")
    second.wait_for_selector(".pdc-conflict svg")
    assert "revision 1" in second.inner_text(".pdc-conflict") and second.locator(".pdc-three figure").count() == 3
    assert second.evaluate("document.activeElement.textContent.trim()") == "Take mine"
    press(second, "Tab", "Tab", "Enter")
    says(second, "Now over revision 1")
    press(second, "s")
    says(second, "Saved, revision 2")
    merged = bench.store.reviews(sha)[-1].findings.marks
    assert [m.status for m in merged[:2]] == ["rejected", "accepted"] and len(merged) == found
    assert not first.errors + second.errors
    first.close()
    second.close()
