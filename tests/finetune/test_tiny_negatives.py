"""What is measured where nothing is: a finder that looks at the picture passes, one that always says one object does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.evaluate.views import Answers, Change, View
from finetune.tiny import LABELS
from finetune.tiny.measure import Field
from finetune.tiny.report.negatives import cut_pieces, drawn_groups, measure_negatives
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer

POLYP = LABELS[4]
SIDE = 50  # pixels of a drawn object


class Finder:
    """Boxes what is blue, as one object; its score is higher the bluer it is. Counts how often it is asked."""

    asked = 0

    def predict(self, image: Image.Image, question: Question) -> Answer:
        self.asked += 1
        pixels = np.array(image).astype(int)
        ys, xs = np.nonzero(pixels[..., 2] - pixels[..., 0] > 50)
        return self.answer([(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)] if len(xs) else [])

    def answer(self, boxes) -> Answer:
        marks = tuple(Mark(f"m{i}", Box(*map(float, b)), POLYP, score=0.9) for i, b in enumerate(boxes))
        return Answer(Findings(marks), "", "m", None, "compact-1", 0.1)


class AlwaysOne(Finder):
    """Says an object in the middle of whatever it is shown."""

    def predict(self, image: Image.Image, question: Question) -> Answer:
        w, h = image.size
        return self.answer([(w / 4, h / 4, 3 * w / 4, 3 * h / 4)])


@pytest.fixture
def frames(tmp_path: Path) -> list[Field]:
    """Twelve frames of red noise with a blue square each, or two."""
    rng, made = np.random.default_rng(0), []
    for i in range(12):
        pixels = rng.integers(120, 140, (256, 256, 3), np.uint8)
        corners = [(10 + 15 * i % 190, 20 + 55 * i % 180), (200, 200)][: 1 + (i == 1)]
        for x, y in corners:
            pixels[y : y + SIDE, x : x + SIDE] = (20, 20, 200)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        marks = tuple(Mark(f"m{k}", Box(x, y, x + SIDE, y + SIDE), POLYP) for k, (x, y) in enumerate(corners))
        made.append(Field(tmp_path / f"{i}.png", Findings(marks), (POLYP,), f"g{i}"))
    return made


def measured(finder: Finder, frames: list[Field]) -> dict:
    return measure_negatives(Answers(finder, Task.COUNT_AND_BOX), {"polyps": frames}, lambda text: None)


def test_a_finder_that_looks_finds_nothing_on_clean_pieces_and_what_is_on_the_others(frames):
    found = measured(Finder(), frames)
    pieces = found["pieces"][Change.NONE]
    assert pieces["pairs"] > 6
    assert pieces["counted"]["clean"][0] == 0.0 and pieces["counted"]["with an object"][0] == 1.0
    assert pieces["AUROC"] == [1.0, 1.0, 1.0]
    assert found["FROC"]["centre in the box"]["0.125"][0] == 0.846  # 11 of 13: two squares are boxed as one
    assert found["none where something is"]["polyps"] == {"n": 12, "none": [0.0, 0.0, 0.0]}
    assert found["several"] == {"frames": 1, "there": 2, "said": 1, "found": 0}
    assert found["none"]["text"]["none"][0] == 1.0


def test_one_that_always_says_one_object_is_told_by_every_number(frames):
    found = measured(AlwaysOne(), frames)
    pieces = found["pieces"][Change.PAINTED]
    assert pieces["counted"]["clean"][0] == pieces["counted"]["with an object"][0] == 1.0 and pieces["AUROC"][0] == 0.5
    assert found["none"]["all"]["none"][0] == 0.0 and found["none"]["labels of another kind"]["n"] == 12
    assert found["FROC"]["IoU 0.5"]["0.125"][0] == 0.0


def test_the_true_objects_of_a_piece_are_in_its_own_pixels(frames):
    for pair in cut_pieces(frames):
        width, height = pair.shown.window[2] - pair.shown.window[0], pair.shown.window[3] - pair.shown.window[1]
        blue = np.array(pair.shown.image())[..., 2] > 190
        assert pair.true and all(m.shape.x2 <= width and m.shape.y2 <= height for m in pair.true)
        x1, y1, x2, y2 = map(int, pair.true[0].shape.xyxy)
        assert blue[y1:y2, x1:x2].all()


def test_each_question_about_each_view_is_asked_once(frames):
    finder = Finder()
    answers, view = Answers(finder, Task.COUNT_AND_BOX), View(frames[0].path)
    boxes = answers.counted(view, Task.COUNT_AND_BOX, [POLYP])
    points = answers.counted(view, Task.POINTING, [POLYP])
    assert finder.asked == 1 and points[0].shape == boxes[0].shape.center
    answers.ask(View(frames[0].path, (0, 0, 100, 100)), Task.COUNT_AND_BOX, [POLYP])
    answers.ask(View(frames[0].path, change=Change.DEFOCUSED), Task.COUNT_AND_BOX, [POLYP])
    assert finder.asked == 3
    separate = Answers(finder)  # a model that answers each task by itself is asked each
    separate.ask(view, Task.COUNT_AND_BOX, [POLYP])
    separate.ask(view, Task.POINTING, [POLYP])
    assert finder.asked == 5


def test_new_thresholds_hold_for_what_was_asked_before(frames):
    finder = Finder()
    answers, view = Answers(finder, Task.COUNT_AND_BOX), View(frames[0].path)
    assert len(answers.counted(view, Task.COUNT_AND_BOX, [POLYP])) == 1
    answers.thresholds = {POLYP: 0.95}
    assert not answers.counted(view, Task.POINTING, [POLYP]) and len(answers.marks(view, Task.POINTING, [POLYP])) == 1
    answers.thresholds = {POLYP: 0.85}
    assert len(answers.counted(view, Task.COUNT_AND_BOX, [POLYP])) == 1 and finder.asked == 1


def test_groups_are_drawn_whole_only_where_there_are_enough_of_them():
    assert drawn_groups(["a", "b"] * 50) is None
    assert drawn_groups([f"g{i}" for i in range(12)]) == [f"g{i}" for i in range(12)]
