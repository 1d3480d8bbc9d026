"""The card of an adapter: the numbers of the held-out images and of every test set, and how much of the score is left there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from reviewed_rows import LABELS, make_row

from finetune.cli.sets.measuring import Limits, beyond
from finetune.data.dataset import Row
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.compare import ACTIVE, BASE, CANDIDATE, Comparison
from finetune.evaluate.metrics import ScoredAnswer, change, evaluate
from finetune.evaluate.sets.card import card
from finetune.evaluate.sets.shift import ratio, relative_robustness
from pdc.domain.values import Findings

ABOUT = {"labels": {LABELS[0]: 12}, "locked": True, "images": 30, "questions": 30, "source": "b.zip", "notes": "another clinic"}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Twelve images of two clinics, with a cell each."""
    tmp_path = tmp_path_factory.mktemp("clinics")
    made = [make_row(tmp_path / f"{i}.png", [(7 * i, 5 * i, 7 * i + 20, 5 * i + 20, LABELS[0])]) for i in range(12)]
    return [replace(row, group=f"clinic {i % 2}") for i, row in enumerate(made)]


def comparison(rows: list[Row], wrong: int) -> Comparison:
    """What a candidate says that is wrong about the first images; the base and what serves are right about all."""
    right = [ScoredAnswer(str(r.path), r.question, r.findings, r.findings, r.group) for r in rows]
    less = [replace(case, predicted=Findings()) if i < wrong else case for i, case in enumerate(right)]
    answers = {BASE: right, ACTIVE: right, CANDIDATE: less}
    done = {side: evaluate(cases, model="tiny", adapter=None) for side, cases in answers.items()}
    return Comparison(done, {side: change(answers[side], less) for side in (BASE, ACTIVE)}, {}, 0, answers)


@pytest.fixture(scope="module")
def metrics(rows: list[Row]) -> dict[str, Any]:
    found = comparison(rows, 5)
    return {**comparison(rows, 0).to_json(), "sets": {"clinic-b": {**found.to_json(), **beyond(found, rows), "set": ABOUT}}}


def test_the_card_shows_every_model_on_the_held_out_images_and_on_each_set(metrics: dict[str, Any]):
    text = card("fold-1", {"Base": "tiny"}, metrics, ["It is worse on the test set clinic-b."])
    held_out, on_set = text.split("## Test set clinic-b")
    for part in (held_out, on_set):
        assert all(f"| {side} |" in part for side in ("base", "served then", "this adapter"))
    assert "- It is worse on the test set clinic-b." in held_out
    assert "30 images with 12 red blood cell; from b.zip; locked" in on_set and "another clinic" in on_set
    assert "| this adapter | 12 | 0.74 [" in on_set


def test_what_a_set_says_beyond_held_out_images_is_by_source_and_by_a_stricter_box(rows: list[Row]):
    found = beyond(comparison(rows, 5), rows)
    assert found["sources"].keys() == {"clinic 0", "clinic 1"} and found["sources"]["clinic 0"]["n"] == 6
    assert found["strict"][BASE]["value"] == 1


def test_what_is_left_of_the_score_elsewhere_is_its_ratio_to_held_out_images(metrics: dict[str, Any]):
    left = {held.side: held.ratio for held in relative_robustness(metrics)}
    assert left["base"].value == 1 and left["candidate"].value == pytest.approx(14 / 19)
    assert left["candidate"].low < 14 / 19 < left["candidate"].high
    assert "## Does it hold elsewhere?" in card("fold-1", {}, metrics, [])


def test_the_interval_of_a_ratio_is_wider_than_either_ones():
    one = ratio(Estimate(0.5, 0.4, 0.6), Estimate(0.8, 0.7, 0.9))
    assert one and one.value == 0.625 and one.high / one.low > 0.6 / 0.4
    assert ratio(Estimate(0.0, 0.0, 0.1), Estimate(0.8, 0.7, 0.9)) is None


def test_a_set_that_was_refused_is_on_the_card_with_the_reason():
    refused = {"sets": {"clinic-b": {"not_measured": "training was shown its images.", "set": ABOUT}}}
    text = card("fold-1", {}, refused, [])
    assert "Not measured: training was shown its images." in text and "- Nothing does." in text


def test_no_more_questions_are_asked_than_time_allows():
    assert Limits(60, 300, None).affordable(244) == 60
    assert Limits(60, 300, 10).affordable(244) == 30
    assert Limits(60, 300, 10).affordable(5) == 5
    assert Limits(60, 1, 10).affordable(5) == 1
