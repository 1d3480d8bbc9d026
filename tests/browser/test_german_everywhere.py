"""Every tab in German, with real content in it: no English is left over, neither in what is read nor in what is read aloud."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from desk import FOUND
from house import NO_MODEL
from pictures import encoded
from PIL import Image as Pillow

from pdc.compose import build, open_store
from pdc.domain.values import Adapter, AdapterStatus, Findings, Image, Prediction, Question, Review, Task, Verdict
from pdc.images.intake import ImageFiles, accept
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.web.ui.words import dictionaries

pytestmark = pytest.mark.browser

GERMAN = dictionaries()["de"]
ASK = Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet"))
NOW = datetime.now(UTC)
SCORE = {"score": 0.61, "score_name": "F1", "n": 9, "overall": {"f1": {"value": 0.61, "low": 0.5, "high": 0.7}}}
# Words that no German sentence holds.
ENGLISH = re.compile(
    r"\b(the|of|and|is|are|this|that|with|from|for|not|yet|by|to|no|image|images|review|reviews|reviewed|model|none|order|each|"
    r"mark|marks|your|you|it|be|has|have|score|scores|edits|step|loss|alone|open|drop|file|here|search|done|new)\b"
)
# What stays as it is: labels, names of files, models and readers, and what other programs are called.
DATA = re.compile(
    r"red blood cell|white blood cell|platelet|nucleus|polyp|[\w-]+\.(png|csv|json|zip)|pdc-tiny[\w.-]*|first-\w+|"
    r"JSON lines|Pascal VOC|"
    r"Label Studio|Point, Detect, Count"
)
# What the chart library reads aloud of a chart is its own, and English.
TEXTS = """() => {
  const seen = [], shown = (node) => node.getClientRects().length > 0 && getComputedStyle(node).visibility !== "hidden";
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    if (!at.closest("script, style, noscript, [translate=no]") && shown(at)) seen.push(walk.currentNode.data);
  }
  for (const node of document.querySelectorAll("[title], [aria-label], [placeholder], [alt]")) {
    if (shown(node) && !node.closest("svg.marks"))
      for (const name of ["title", "aria-label", "placeholder", "alt"]) seen.push(node.getAttribute(name) || "");
  }
  return [...new Set(seen.map((text) => text.trim().replace(/\\s+/g, " ")))].filter((text) => /[A-Za-z]{2}/.test(text));
}"""


def as_pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "(.*)", re.escape(" ".join(template.split()))), re.DOTALL)


KEYS = {" ".join(k.split()) for k, v in GERMAN.items() if k != v} - set(GERMAN.values())
TEMPLATES = [as_pattern(k) for k, v in GERMAN.items() if "{" in k and len(ENGLISH.findall(k)) > 1]


def is_english(text: str) -> bool:
    """Whether a text is a key of the dictionary, filled in or not, or has a word that no German sentence has."""
    left = DATA.sub("", text)
    return text in KEYS or bool(ENGLISH.search(left.lower())) or any(p.fullmatch(left) for p in TEMPLATES)


@dataclass(slots=True)
class Walk:
    """A page, and what was found on it that is not German."""

    page: Any
    found: dict[str, set[str]]

    def look(self, where: str) -> None:
        left = {text for text in self.page.evaluate(TEXTS) if is_english(text)}
        self.found |= {where: left} if left else {}

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=GERMAN.get(name, name), exact=True).click()
        self.page.wait_for_timeout(1500)
        closed = "details:not([open]) > summary, button.label-wrap:not(.open)"
        self.page.evaluate(
            "closed => document.querySelectorAll(closed).forEach((more) => more.getClientRects().length && more.click())", closed
        )
        self.page.wait_for_timeout(700)
        self.look(name)


def test_the_finder_knows_english_from_german():
    for text in (
        "No review yet. What is saved is counted here.",
        "in order of making",
        "Saved by ada, revision 3.",
        "Reviewed by",
    ):
        assert is_english(text), text
    for text in ("Noch nichts gespeichert.", "12 red blood cell", "Gesichert: a.png", "Revision 3", "pdc-tiny"):
        assert not is_english(text), text


class Filled:
    """The app as it is composed, with an answered image, a reviewed one, one saved meanwhile, and adapters."""

    def __init__(self, folder: Path, serve: Callable[[object], str]) -> None:
        self.settings = Settings.from_env({"PDC_HOME": str(folder), "PDC_SERVER_URL": NO_MODEL})
        app, _, self.stop = build(self.settings)
        self.store, self.files = open_store(self.settings), ImageFiles(self.settings.images)
        self.answered, self.reviewed, self.contested = (
            self.image(name) for name in ("answered.png", "reviewed.png", "contested.png")
        )
        for n, image in enumerate((self.answered, self.reviewed, self.contested)):
            self.store.add_prediction(
                Prediction(f"p{n}", image.sha256, ASK, FOUND, "[]", EMBEDDED_MODEL.name, None, "compact-1", 1.5, NOW)
            )
        for n in range(3):
            self.save(self.reviewed, n)
        for name in ("first-one", "first-two"):
            metrics = {"candidate": SCORE, "base": SCORE, "active": SCORE}
            adapter = Adapter(
                name, EMBEDDED_MODEL.name, str(folder / name), AdapterStatus.CANDIDATE, None, "compact-1", metrics, NOW
            )
            self.store.add_adapter(adapter)
        self.url = serve(app)

    def image(self, name: str) -> Image:
        accepted = accept(encoded(Pillow.effect_noise((160, 120), 60).convert("RGB")), name)
        self.files.put(accepted)
        return self.store.add_image(accepted.image(None), "local")

    def save(self, image: Image, base: int = 0, author: str = "maria") -> None:
        marks = tuple(replace(m, label="platelet") for m in FOUND.marks[: base + 1])
        review = Review(
            f"{image.sha256} {base}", image.sha256, ASK, "p1", Verdict.CORRECTED, Findings(marks), author, base + 1, NOW
        )
        self.store.save_review(review, key=review.id, base_revision=base)


@pytest.fixture
def filled(tmp_path: Path, serve) -> Iterator[Filled]:
    filled = Filled(tmp_path, serve)
    yield filled
    filled.stop()


def test_no_english_is_left_on_any_tab(browser, filled: Filled, tmp_path: Path):
    page = browser.new_page(viewport={"width": 1500, "height": 1000}, locale="de-DE")
    page.goto(filled.url)
    page.wait_for_selector(".pdc-own .pdc-item", timeout=60_000)
    walk = Walk(page, {})
    walk.look("start")
    page.click(f"#pdc-row-{filled.reviewed.sha256}")
    opened_german(page, "reviewed.png")
    walk.look("reviewed")
    for keys, where in (
        ("Shift+S", "similar"),
        ("Shift+G", "sheet"),
        ("Shift+G", ""),
        ("?", "keys"),
        ("Escape", ""),
        ("i", "light"),
        ("q", "another"),
    ):
        page.keyboard.press(keys)
        page.wait_for_timeout(400)
        walk.look(where or "closed")
    page.keyboard.press("Escape")
    for tab in ("Count", "History", "Labels", "Agreement", "Training", "Data"):
        walk.tab(tab)
    page.set_input_files("input[data-role=import]", table(tmp_path))
    page.wait_for_timeout(4000)
    walk.look("import")
    walk.tab("Review")
    page.click(f"#pdc-row-{filled.contested.sha256}")
    opened_german(page, "contested.png")
    filled.save(filled.contested)
    for keys in ("n", "r", "s"):
        page.keyboard.press(keys)
    page.wait_for_selector(".pdc-conflict:visible", timeout=60_000)
    walk.look("conflict")
    page.close()
    assert walk.found == {}, json.dumps({k: sorted(v) for k, v in walk.found.items()}, indent=1, ensure_ascii=False)


def opened_german(page, name: str) -> None:
    page.wait_for_function("name => document.querySelector('.pda-picture')?.alt.endsWith(name)", arg=name, timeout=60_000)
    page.wait_for_timeout(1500)


def table(folder: Path) -> str:
    path = folder / "more.csv"
    path.write_text("file,name,label,x,y\nmissing.png,missing.png,cell,5,5\n")
    return str(path)
