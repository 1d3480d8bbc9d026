"""The embedded model's table says what `finetune evaluate` says of the same answers, and keeps the card's own rule beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from finetune.data.coco import read_coco
from finetune.evaluate.compare import ask
from finetune.evaluate.metrics import evaluate
from finetune.evaluate.tables import format_estimate
from finetune.evaluate.views import Answers
from finetune.tiny import LABELS
from finetune.tiny.measure import BOXES, CARD_POINTS, POINTS, Field, measure_kind, ratio
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.inference.predictors.base import Answer

POLYP = LABELS[4]
OFF = (9.0, 11.0, 13.0, 40.0)  # pixels that the answer about each image is off


class Shifted:
    """Answers with the truth, moved to the right by as many pixels as the image's red channel says."""

    def predict(self, image: Pillow.Image, question: Question) -> Answer:
        dx = float(image.getpixel((0, 0))[0])
        shape = Point(100 + dx, 100) if question.task.has_points else Box(50 + dx, 50, 150 + dx, 150)
        return Answer(Findings((Mark("m1", shape, POLYP, score=0.9),)), "", "m", None, "compact-1", 0.1)


@pytest.fixture
def truth(tmp_path) -> Path:
    for i, dx in enumerate(OFF):
        Pillow.new("RGB", (300, 200), (int(dx), 0, 0)).save(tmp_path / f"{i}.png")
    value = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 300, "height": 200} for i in range(len(OFF))],
        "categories": [{"id": 1, "name": POLYP}],
        "annotations": [{"id": i + 1, "image_id": i, "category_id": 1, "bbox": [50, 50, 100, 100]} for i in range(len(OFF))],
    }
    (tmp_path / "dev.json").write_text(json.dumps(value), "utf-8")
    return tmp_path / "dev.json"


def measured(truth: Path, kind: str) -> dict:
    fields = [Field(r.path, r.findings, (POLYP,)) for r in read_coco(truth, Task.COUNT_AND_BOX)]
    return measure_kind(Answers(Shifted()), kind, fields, lambda text: None)


@pytest.mark.parametrize(("task", "column"), [(Task.POINTING, POINTS), (Task.COUNT_AND_BOX, BOXES)])
def test_both_commands_say_the_same_of_the_same_answers(truth: Path, task: Task, column: str):
    cases = ask(Shifted(), read_coco(truth, task))
    evaluated = evaluate(cases, model="m", adapter=None, resamples=2000).overall.f1
    row = measured(truth, "polyps")[column]
    assert row == [round(v, 3) for v in (evaluated.value, evaluated.low, evaluated.high)]


def test_the_cards_rule_stands_beside_it_under_its_own_name(truth: Path):
    polyps, cells = measured(truth, "polyps"), measured(truth, "blood_cells")
    assert polyps[POINTS][0] == cells[POINTS][0] == 0.25  # 9 px of 9, 11, 13 and 40
    assert polyps[CARD_POINTS][0] == 1.0  # all lie in the box
    assert cells[CARD_POINTS][0] == 0.5  # 9 and 11 lie within 12 px


def test_nothing_to_divide_by_is_no_number():
    assert ratio([(0, 0), (0, 0)]) is None and format_estimate(None) == "-"
    assert ratio([(1, 2), (1, 2)]) == [0.5, 0.5, 0.5] and format_estimate([0.5, 0.5, 0.5]) == "0.50 [0.50, 0.50]"
