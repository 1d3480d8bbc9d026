"""`python -m tests.bench.count_sample --data DATA [--shots FOLDER]`: two samples counted in Chromium, from images to the sheet.

Nuclei: fields until 500 are counted, and their number per mm2. Red cells: fields until 1,000, and the platelets beside them. A
player does what a technician does on the Count tab and the Review page, and presses Enter for each field. The model's answers are
the truth, so that what is measured is the count around the marks: keys, presses, and seconds of the app. How many marks have to
be corrected is measured by `page_moves`.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdc.compose import build, open_store
from pdc.counting.sheet import differences
from pdc.domain.values import Box, Findings, Mark, Prediction, Question, Task
from pdc.images.intake import ImageFiles, accept
from pdc.settings import EMBEDDED_MODEL, Settings

NO_MODEL = "http://127.0.0.1:9"  # nothing listens there: every answer is in the store
WAIT = 90_000  # milliseconds
ENOUGH = re.compile("Nothing more has to be read in this count|Every field of this count is read")
OPENED = """shown => { const alt = document.querySelector('.pda-picture')?.alt;
  return alt && alt !== shown && document.querySelector('.pdc-editor[data-open]'); }"""
WENT_ON = f"""shown => document.querySelector('.pda-picture')?.alt !== shown
  || document.querySelector('.pdc-status')?.textContent.match("{ENOUGH.pattern}")"""
EVENTS = """() => {
  window.played = { keydown: 0, pointerdown: 0 };
  for (const name of Object.keys(window.played)) document.addEventListener(name, () => { window.played[name] += 1; }, true);
}"""


@dataclass(frozen=True, slots=True)
class Play:
    """A sample that is counted: real images of a kind, and the protocol by which."""

    kind: str
    images: int
    protocol: Mapping[str, Any]
    labels: tuple[str, ...]
    micrometres: str
    blanks: Mapping[str, str]


def _protocol(
    name: str, title: str, classes: Mapping[str, str], least: int, result: Mapping[str, Any], area: str
) -> dict[str, Any]:
    rows = [{"name": name, "labels": [label]} for name, label in classes.items()]
    first = next(iter(classes))
    return {
        "name": name,
        "version": 1,
        "title": title,
        "classes": rows,
        "area": {"kind": area},
        "target": {"of": [first], "least": least},
        "results": [result],
        "fill_in": [{"name": "stain and lot"}],
    }


DENSITY = {"name": "nuclei", "kind": "density", "of": ["nuclei"], "unit": "/mm2", "figures": 3}
BESIDE = {"name": "platelets in 100 red cells", "kind": "share", "of": ["platelets"], "among": ["red cells"], "decimals": 1}
PLAYS = (
    Play(
        "nuclei",
        40,
        _protocol("nuclei-500", "Nuclei, 500", {"nuclei": "nucleus"}, 500, DENSITY, "pixels"),
        ("nucleus",),
        "0.5",
        {"stain and lot": "HE 17"},
    ),
    Play(
        "blood_cells",
        90,
        _protocol(
            "red-cells-1000", "Red cells, 1,000", {"red cells": "red blood cell", "platelets": "platelet"}, 1000, BESIDE, "none"
        ),
        ("red blood cell", "platelet"),
        "",
        {"stain and lot": "Giemsa 4"},
    ),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--shots", type=Path)
    options.add_argument("--kind", default="")
    asked = options.parse_args()
    for play in PLAYS:
        if asked.kind in ("", play.kind):
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps(played(play, asked.data, Path(folder), asked.shots), indent=1), flush=True)


def played(play: Play, data: Path, home: Path, shots: Path | None) -> dict[str, Any]:
    """One sample counted; what it took, and what the sheet says."""
    (home / "protocols").mkdir()
    (home / "protocols" / f"{play.protocol['name']}.json").write_text(json.dumps(play.protocol), "utf-8")
    settings = Settings.from_env({"PDC_HOME": str(home), "PDC_SERVER_URL": NO_MODEL})
    fill(settings, play, data)
    app, _, stop = build(settings)
    with serving(app) as url:
        took = count_in_browser(play, url, shots)
    stop()
    store = open_store(settings)
    (session,) = store.count_sessions()
    (sheet,) = store.count_sheets(session.id)
    said = json.loads(sheet.text)
    results = [line["formula"] for line in said["results"]]
    return {"sample": play.kind, **took, "verdict": said["verdict"], "results": results, "changed": differences(sheet.text)}


def fill(settings: Settings, play: Play, data: Path) -> None:
    """The images of one slide, with their true boxes as the model's answers."""
    store, files = open_store(settings), ImageFiles(settings.images)
    truth = json.loads((data / play.kind / "dev.json").read_text("utf-8"))
    names = {c["id"]: c["name"] for c in truth["categories"]}
    asked = Question(Task.COUNT_AND_BOX, play.labels)
    for n, entry in enumerate(truth["images"][: play.images]):
        accepted = accept((data / play.kind / entry["file_name"]).read_bytes(), f"field {n + 1}.png")
        files.put(accepted)
        image = store.add_image(accepted.image("slide 1"), "reader")
        boxes = [(names[a["category_id"]], a["bbox"]) for a in truth["annotations"] if a["image_id"] == entry["id"]]
        marks = tuple(
            Mark(f"m{i}", Box(x, y, x + w, y + h), label, score=0.9)
            for i, (label, (x, y, w, h)) in enumerate(boxes)
            if label in play.labels
        )
        now = datetime.now(UTC)
        found = Findings(marks, dict(Counter(mark.label for mark in marks)))
        answer = Prediction(f"p{n}", image.sha256, asked, found, "[]", EMBEDDED_MODEL.name, None, "compact-1", 1.0, now)
        store.add_prediction(answer)


@contextmanager
def serving(app: object) -> Iterator[str]:
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = server.force_exit = True
    thread.join(timeout=10)


def count_in_browser(play: Play, url: str, shots: Path | None) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(WAIT)
        page.goto(url)
        page.wait_for_selector(".pdc-own .pdc-item")
        page.evaluate(EVENTS)
        took = Player(page, shots).count(play)
        chromium.close()
    return took


class Player:
    """A technician who counts one sample and looks at nothing twice."""

    def __init__(self, page: Any, shots: Path | None) -> None:
        self.page, self.shots = page, shots

    def count(self, play: Play) -> dict[str, Any]:
        start = time.monotonic()
        self.begin(play)
        begun, steps = time.monotonic(), self.steps()
        times = self.read()
        read = self.steps()
        self.finish(play)
        return {
            "fields": len(times),
            "seconds to begin": round(begun - start, 1),
            "median seconds a field": round(sorted(times)[len(times) // 2], 2),
            "seconds in all": round(time.monotonic() - start, 1),
            "keys and presses to begin": steps,
            "keys and presses a field": round((read - steps) / len(times), 2),
            "keys and presses in all": self.steps(),
        }

    def begin(self, play: Play) -> None:
        page = self.page
        page.get_by_role("tab", name="Count", exact=True).click()
        page.select_option(".pdc-count [name=protocol]", play.protocol["name"])
        page.fill(".pdc-count [name=sample]", "S-17")
        page.press(".pdc-count [name=sample]", "Tab")
        page.check(".pdc-count [name='r1 group:slide 1']")
        if play.micrometres:
            page.fill(".pdc-count [name=pixel]", play.micrometres)
        self.shot(f"{play.kind} 1 begin")
        page.click(".pdc-count [data-do=begin]")
        page.wait_for_selector(".pdc-count [data-do=next]")
        self.shot(f"{play.kind} 2 begun")
        page.click(".pdc-count [data-do=next]")

    def read(self) -> list[float]:
        """Enter for each field, until the page says that none is left to read; the seconds of each."""
        times: list[float] = []
        shown = ""
        while not ENOUGH.search(self.page.text_content(".pdc-status") or ""):
            self.page.wait_for_function(OPENED, arg=shown)
            shown = self.page.get_attribute(".pda-picture", "alt")
            start = time.monotonic()
            self.page.focus(".pda-canvas")
            self.page.keyboard.press("Enter")
            self.page.wait_for_function(WENT_ON, arg=shown)
            times.append(time.monotonic() - start)
        return times

    def finish(self, play: Play) -> None:
        page = self.page
        page.get_by_role("tab", name="Count", exact=True).click()
        for name, text in play.blanks.items():
            page.get_by_label(name).fill(text)
            page.get_by_label(name).press("Tab")
        page.wait_for_selector(".pdc-count [data-do=sign]")
        self.shot(f"{play.kind} 3 read")
        page.click(".pdc-count [data-do=sign]")
        page.wait_for_selector(".pdc-count [data-do=reopen]")
        self.shot(f"{play.kind} 4 signed")

    def steps(self) -> int:
        return sum(self.page.evaluate("window.played").values())

    def shot(self, name: str) -> None:
        if self.shots:
            self.page.screenshot(path=str(self.shots / f"{name}.png"), full_page=True)


if __name__ == "__main__":
    main()
