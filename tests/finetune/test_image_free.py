"""Answers that were given without the image: what they are worth, and whether the image gains anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reviewed_rows import LABELS, make_row

from finetune.data.dataset import Row
from finetune.evaluate.metrics import ScoredAnswer, score
from finetune.evaluate.sets.image_free import exchanges, image_free
from pdc.domain.geometry import rescale
from pdc.domain.values import Findings, Question, Task
from pdc.inference.predictors.base import Answer

CELL = LABELS[0]


class Guess:
    """A model that answers every image alike."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.asked: list[tuple[int, int]] = []

    def predict(self, image, question: Question) -> Answer:
        self.asked.append(image.size)
        return Answer(self.findings, "", "guess", None, "", 0.0)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Six images, a cell in each at a place of its own; the last one is twice as wide."""
    small = [make_row(tmp_path / f"{i}.png", [(15 * i, 10 * i, 15 * i + 14, 10 * i + 14, CELL)]) for i in range(5)]
    return [*small, make_row(tmp_path / "wide.png", [(200, 60, 230, 85, CELL)], wh=(240, 90))]


def answered(rows: list[Row]) -> list[ScoredAnswer]:
    """As a model that sees answers."""
    return [ScoredAnswer(str(r.path), r.question, r.findings, r.findings, r.group) for r in rows]


def test_a_model_that_sees_gains_by_the_image(rows: list[Row]):
    grey = Guess(Findings())
    found = image_free(grey, rows, answered(rows))
    assert found and found.images == 6 and found.exchanged.value == 0 and found.gain.value == 1 and found.gain.low > 0
    assert found.grey and found.grey.value == 0 and len(grey.asked) == 1


def test_a_model_that_guesses_the_same_for_every_image_gains_nothing(rows: list[Row]):
    same = rows[2].findings
    cases = [replace(case, predicted=same) for case in answered(rows[:5])]
    found = image_free(Guess(same), rows[:5], cases)
    assert found and found.gain.value == 0 and found.gain.low <= 0
    assert found.exchanged == score(cases)


def test_an_exchanged_answer_is_scaled_to_the_image_that_gets_it(rows: list[Row]):
    narrow, wide = rows[0], rows[5]
    scaled = tuple(replace(m, shape=rescale(m.shape, (120, 90), (240, 90))) for m in narrow.findings.marks)
    pair = [narrow, replace(wide, findings=Findings(scaled))]
    found = image_free(Guess(Findings()), pair, answered(pair))
    assert found and found.exchanged.value == 1


def test_answers_are_exchanged_only_between_images_that_are_asked_the_same(rows: list[Row]):
    other = Question(Task.COUNT_AND_BOX, (CELL,))
    cases = answered(rows[:4])
    cases[3] = replace(cases[3], question=other)
    assert exchanges(cases) == [(0, 1), (1, 2), (2, 0)]
    assert image_free(Guess(Findings()), rows[:1], answered(rows[:1])) is None
