"""Golden images: the answers of the day an adapter was made, asked again before it may serve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_adapters import base, write_adapter  # noqa: F401

from pdc import golden
from pdc.domain import Findings, Question, Task
from pdc.errors import BadModel
from pdc.manifest import verify
from pdc.predictors.base import Answer
from pdc.tasks import parse

ASK = Question(Task.BOUNDING, ("cell",))
IMAGES = [Image.fromarray(np.full((30, 40, 3), level, np.uint8)) for level in (10, 200)]


class Says:
    """A predictor that says what it is told to."""

    def __init__(self, *boxes: list[int]) -> None:
        self.raw = json.dumps([{"label": "cell", "bbox_2d": list(boxes)}])

    def predict(self, image: Image.Image, question: Question) -> Answer:
        findings: Findings = parse(question, self.raw)
        return Answer(findings, self.raw, "small", "one", "compact-1", 0.1)


@pytest.fixture
def folder(tmp_path: Path, base: Path) -> Path:  # noqa: F811
    folder = write_adapter(tmp_path / "one", base)
    golden.record(folder, Says([1, 1, 30, 20], [5, 5, 9, 9]), IMAGES, ASK)
    return folder


def test_what_was_recorded_belongs_to_the_adapter(folder, base):  # noqa: F811
    assert {"golden.json", "golden-1.png", "golden-2.png"} <= set(verify(folder, "small", base).files)
    (folder / "golden-1.png").write_bytes(b"another image")
    with pytest.raises(BadModel, match=r"golden-1\.png was changed"):
        verify(folder, "small", base)


@pytest.mark.parametrize(("now", "fine"), [
    (Says([1, 1, 30, 20], [5, 5, 9, 9]), True),
    (Says([5, 5, 9, 9], [1, 1, 31, 20]), True),  # another order, a pixel beside: rounding of another machine
    (Says([1, 1, 30, 20]), False),
    (Says([1, 1, 30, 20], [5, 5, 9, 9], [5, 5, 9, 9]), False),
    (Says([1, 1, 30, 20], [15, 5, 19, 9]), False),
    (Says(), False),
])
def test_other_answers_are_seen(folder, now, fine):
    assert (golden.check(folder, now) is None) == fine


def test_an_unreadable_answer_is_another_answer(folder):
    broken = Says()
    broken.predict = lambda image, question: Answer(None, "[{", "small", "one", "compact-1", 0.1)
    assert "otherwise than when it was made" in golden.check(folder, broken)


def test_an_adapter_without_golden_images_is_not_asked(tmp_path, base):  # noqa: F811
    assert golden.check(write_adapter(tmp_path / "old", base), Says()) is None
