"""The loop as an engineer sees it: reviews, a training, a candidate, Use this one, ask, roll back; one app, no restart."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_chain import ROOT, App, wait_for

from finetune.data.drawings import RED, smear

pytestmark = [pytest.mark.browser, pytest.mark.nightly]  # its parts: test_commands.py folds, test_training_tab.py presses
LONGEST = 400_000  # milliseconds from the click to a measured candidate


def reviewed(folder: Path) -> Path:
    """Eight drawn smears with their red blood cells as a COCO file."""
    images, annotations = [], []
    for i in range(1, 9):
        drawn = smear(np.random.default_rng(300 + i), (420, 320))
        Image.fromarray(drawn.image).save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 420, "height": 320})
        for x1, y1, x2, y2 in drawn.boxes[drawn.classes == RED].tolist():
            box = [x1, y1, x2 - x1, y2 - y1]
            ids = {"id": len(annotations) + 1, "image_id": i, "category_id": 1}
            annotations.append({**ids, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "red blood cell"}]}
    (folder / "coco.json").write_text(json.dumps(coco))
    return folder / "coco.json"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path / "home")
    (tmp_path / "own").mkdir()
    coco = reviewed(tmp_path / "own")
    env = {**os.environ, "PDC_HOME": str(app.home)}
    subprocess.run([sys.executable, "-m", "pdc", "import", str(coco)], cwd=ROOT, env=env, check=True)
    app.start()
    yield app
    if app.process.poll() is None:
        app.kill()


def ask(page) -> str:
    """Ask the model about the open image; the status line, which names the adapter."""
    page.get_by_role("tab", name="Review").click()
    before = page.inner_text(".pdc-status p")
    page.get_by_role("button", name="Ask the model").click()
    page.wait_for_function(
        "before => (t => t !== before && t.includes('Answered by'))(document.querySelector('.pdc-status p').textContent)",
        arg=before,
        timeout=120_000,
    )
    return page.inner_text(".pdc-status p")


def status(page) -> str:
    return page.inner_text(".pdc-training p")


def test_a_promoted_adapter_answers_the_next_question_and_a_rollback_takes_it_back(browser, app: App):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(app.url)
    page.wait_for_selector(".pdc-own .pdc-item", timeout=60_000)
    page.locator(".pdc-own .pdc-item").first.click()
    wait_for(page, "revision 1")
    served_first = re.search(r"adapter (\S+?)[,.;)]?(\s|$)", ask(page))

    page.get_by_role("tab", name="Training").click()
    page.get_by_text("Details", exact=True).click()
    page.get_by_label("Longest training time, minutes").fill("0.1")
    page.get_by_role("button", name="Train with these settings").click()
    page.wait_for_function(
        "() => / · (complete|failed|stopped)/.test(document.querySelector('.pdc-training p').textContent)", timeout=LONGEST
    )
    assert " · complete" in status(page), status(page)
    name = status(page).split(" · ")[0]
    assert name != (served_first and served_first.group(1))

    page.get_by_label("Reason").fill("to see that it serves")
    page.get_by_label("Use it against the objections").check()
    page.get_by_role("button", name="Use this one").click()
    page.wait_for_function("name => document.querySelector('.pdc-standing p').textContent.startsWith(name + ' serves')", arg=name)
    assert name in ask(page)

    page.get_by_role("tab", name="Training").click()
    page.get_by_role("button", name="Go back to the one before").click()
    page.wait_for_function("() => document.querySelector('.pdc-standing p').textContent.includes(' was rolled back.')", arg=name)
    said = ask(page)
    assert name not in said and (served_first is None or served_first.group(1) in said)
    page.close()
