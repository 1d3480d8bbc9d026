"""What counts are worth is fitted on images and on pieces without an object, and kept in the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.evaluate.views import Answers
from finetune.tiny import SOURCES
from finetune.tiny.prompts import OWN
from finetune.tiny.report.counts import _keep, calibrate
from pdc.domain.values import Box, Findings, Mark, Question
from pdc.inference.answer_settings import count_models_of
from pdc.inference.predictors.base import Answer

FRAMES = 24
RED = 250


class Seer:
    """Sees red squares at a high score; where there is none it lists a mark of a low score all the same."""

    def predict(self, image: Image.Image, question: Question) -> Answer:
        there = np.argwhere(np.array(image)[..., 0] > RED)
        (label,) = question.labels[:1]
        box, score = Box(0, 0, 20, 20), 0.1
        if len(there):
            (y1, x1), (y2, x2) = there.min(0), there.max(0) + 1
            box, score = Box(float(x1), float(y1), float(x2), float(y2)), 0.8
        more = dict.fromkeys(question.labels, 0.02)
        return Answer(Findings((Mark("m1", box, label, score=score),)), "", "seer", None, "compact-1", 0.1, more=more)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in SOURCES:
        _source(tmp_path / "data" / name, name, FRAMES if name == "polyps" else 2)
    return tmp_path / "data"


def _source(folder: Path, name: str, n: int) -> None:
    folder.mkdir(parents=True)
    rng, boxes, images = np.random.default_rng(3), [], []
    for i in range(1, n + 1):
        pixels = rng.integers(0, 90, (200, 200, 3)).astype(np.uint8)
        x, y = (10, 10) if i % 2 else (140, 140)
        pixels[y : y + 40, x : x + 40, 0] = 255
        Image.fromarray(pixels).save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 200, "height": 200})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [x, y, 40, 40]})
    names = [{"id": i, "name": label} for i, label in enumerate(OWN[name], start=1)]
    (folder / "dev.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}))


def test_a_low_mark_on_a_clean_piece_leaves_none_sure_and_too_few_images_say_nothing(data: Path, tmp_path: Path):
    said: list[str] = []
    fitted = calibrate(Answers(Seer()), data, 0, say=said.append)
    assert list(fitted) == ["polyp"] and any(line.startswith("nucleus: too few images") for line in said)
    model, held = fitted["polyp"]
    assert held.n > FRAMES  # with its pieces
    assert model.distribution([0.1], 0.02)[0] > 0.9 and model.distribution([0.8], 0.02)[1] > 0.9
    assert held.none[1] < 0.05 and held.covered > 0.9
    manifest = tmp_path / "pdc.json"
    manifest.write_text(json.dumps({"name": "tiny", "thresholds": {"polyp": 0.3}}))
    _keep(manifest, fitted)
    assert count_models_of(str(tmp_path)) == {"polyp": model}
    assert json.loads(manifest.read_text())["thresholds"] == {"polyp": 0.3}


def test_only_the_labels_that_are_asked_for_are_fitted(data: Path):
    assert calibrate(Answers(Seer()), data, 0, ("nucleus",), say=lambda line: None) == {}
