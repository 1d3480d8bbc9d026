"""Sixty scripts in disguise, wherever a person, a file or a model writes text: the pages show them and run none.

The page's policy would stop most of them too, so what it reports counts as a failure: it means that text became markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from house import NO_MODEL
from PIL import Image
from store_values import an_adapter

from pdc.compose import build, open_store
from pdc.domain.errors import PdcError
from pdc.domain.values import Box, Findings, Mark, Prediction, Question, Review, Task, Verdict
from pdc.images.intake import Accepted, ImageFiles
from pdc.review.counting.sessions import CountSessions
from pdc.settings import Settings
from pdc.store.records import EventKind

pytestmark = [pytest.mark.slow, pytest.mark.browser]
RUN = "window.hacked=1"
TAGS = (
    "<script>{}</script>",
    "<img src=x onerror={}>",
    "<img src=x onerror='{}'>",
    "<svg onload={}>",
    "<svg><script>{}</script></svg>",
    "<body onload={}>",
    "<iframe srcdoc='<script>parent.{}</script>'>",
    "<iframe src='javascript:parent.{}'></iframe>",
    "<details open ontoggle={}>x</details>",
    "<video><source onerror={}></video>",
    "<input autofocus onfocus={}>",
    "<a href='javascript:{}' id=x>x</a>",
    "<math><mtext><img src=x onerror={}></mtext></math>",
    "<object data='javascript:{}'></object>",
    "<style onload={}></style>",
)
QUOTES = ("{}", '">{}', "'>{}", "</textarea></title></style></script>{}")
TEMPLATES = ("${{{0}}}", "`${{{0}}}`", "{{{{constructor.constructor('{0}')()}}}}", "<%= {0} %>", "#{{{0}}}", "{{% {0} %}}")
PAYLOADS = [quote.format(tag.format(RUN)) for tag in TAGS for quote in QUOTES] + [text.format(RUN) for text in TEMPLATES]
ASK = Question(Task.COUNT_AND_BOX, ("platelet",))
TABS = ("count", "history", "labels", "agreement", "data", "training")
CLICK = "name => [...document.querySelectorAll('.pdc-own .pdc-item')].find((e) => e.textContent.includes(name))?.click()"
WATCH = """
window.reports = [];
document.addEventListener("securitypolicyviolation", (e) => {
  if (e.violatedDirective.startsWith("script-src")) window.reports.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`);
});
"""


@dataclass
class Stage:
    """The app over a store in which every text is hostile, and the page of it that is open."""

    url: str
    browser: Any
    sessions: list[str]
    dialogs: list[str] = field(default_factory=list)
    page: Any = None

    def visit(self, path: str = "") -> Any:
        """A new page: one that is being left may still be loading."""
        self.leave()
        self.page = self.browser.new_page(viewport={"width": 1400, "height": 900})
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.add_init_script(WATCH)
        self.page.goto(f"{self.url}{path}")
        return self.page

    def leave(self) -> None:
        if self.page is not None:
            self.page.close()

    def harm(self) -> list[str]:
        """What ran, or would have run without the policy."""
        ran = self.page.evaluate("[window.hacked === undefined ? [] : ['ran'], window.reports || []].flat()")
        return [*ran, *self.dialogs]

    def settled(self, text: str) -> None:
        """The page shows this, so whatever markup was made of it had its chance."""
        script = "text => document.body.textContent.includes(text) && new Promise((go) => setTimeout(() => go(true), 50))"
        self.page.wait_for_function(script, arg=text, timeout=120_000)


def fill(settings: Settings) -> list[str]:
    """An image, a prediction and a review for every payload, samples and adapters for some; the ids of the samples' sessions."""
    store, files, sessions = open_store(settings), ImageFiles(settings.images), []
    counts, now = CountSessions(store, settings.home), datetime.now(UTC)
    for n, text in enumerate(PAYLOADS):
        picture = BytesIO()
        Image.new("RGB", (40, 30), (n * 3, 80, 120)).save(picture, "PNG")
        accepted = Accepted(picture.getvalue(), f"{n:064x}", text, 40, 30)
        files.put(accepted)
        sha = store.add_image(accepted.image(f"group {text}"), "reader").sha256
        found = Findings((Mark(text[:64], Box(2, 2, 12, 12), "platelet", score=0.9),), {"platelet": 1})
        store.add_prediction(Prediction(f"p{n}", sha, ASK, found, text, text, text, "compact-1", 1.0, now))
        said = Review(f"r{n}", sha, ASK, f"p{n}", Verdict.ACCEPTED, found, f"by {text}", 1, now + timedelta(seconds=n))
        store.save_review(said, key=f"r{n}", base_revision=0)
        store.add_events([sha], EventKind.SENT_BACK, by="reader", note=f"look {text}")
        if n % 6:
            continue  # of the rest a few: each is many writes
        store.add_adapter(an_adapter(f"a{n} {text}", base="pdc-tiny"))
        with suppress(PdcError):  # refused with a sentence is as good
            sessions.append(counts.start("sperm-concentration", text, [[sha]], "named", reader="reader").id)
        with suppress(PdcError):
            store.add_label(text)
    store.close()
    return sessions


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any, serve: Callable[[object], str], browser: Any) -> Iterator[Stage]:
    settings = Settings.from_env({"PDC_HOME": str(tmp_path_factory.mktemp("stage")), "PDC_SERVER_URL": NO_MODEL})
    sessions = fill(settings)
    app, _, stop = build(settings)
    stage = Stage(serve(app), browser, sessions)
    yield stage
    stage.leave()
    stop()


def test_there_are_sixty_and_more():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 60


def test_no_text_runs_on_any_page(stage: Stage):
    page = stage.visit()
    stage.settled(PAYLOADS[-1][:20])
    for n in (0, 1, 20, 40, len(PAYLOADS) - 1):
        page.evaluate(CLICK, PAYLOADS[n])
        page.wait_for_selector(".pdc-editor[data-open]", timeout=120_000)
        page.keyboard.press("n")
    for tab in TABS:
        page.evaluate("tab => document.querySelector(`#${tab}-button, [data-tab-id='${tab}']`)?.click()", tab)
        page.wait_for_function("tab => document.querySelector(`#pdc-tab-${tab}`)?.offsetParent !== null", arg=tab)
    stage.settled(PAYLOADS[0])
    assert stage.harm() == []


def test_no_error_runs_the_name_of_the_file_it_speaks_of(stage: Stage):
    stage.visit()
    stage.settled(PAYLOADS[-1][:20])
    names = [text for text in PAYLOADS if "/" not in text][:12]
    files = [{"name": f"{text}.png", "mimeType": "image/png", "buffer": b"no image"} for text in names]
    stage.page.locator("input[type=file]").first.set_input_files(files)
    stage.settled(names[0])
    assert stage.harm() == []


def test_no_sheet_runs_the_code_of_its_sample(stage: Stage):
    assert len(stage.sessions) >= 3
    for id in stage.sessions[:3]:
        stage.visit(f"api/sessions/{id}/sheet.html")
        stage.page.wait_for_selector("body")
        assert stage.page.locator("script, iframe, object, img, svg [onload]").count() == 0 and stage.harm() == []


def test_text_that_became_markup_would_be_noticed(stage: Stage):
    """The negative control: put into the page as markup, the policy reports it; without the policy it runs."""
    stage.visit()
    stage.page.evaluate("text => document.body.insertAdjacentHTML('beforeend', text)", PAYLOADS[8])
    stage.page.wait_for_function("window.reports.length > 0 || window.hacked")
    assert stage.harm() != []
    stage.page.goto("about:blank")
    stage.page.evaluate("text => document.body.insertAdjacentHTML('beforeend', text)", PAYLOADS[8])
    stage.page.wait_for_function("window.hacked === 1")
