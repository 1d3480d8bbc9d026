"""The robustness table: what a detector that we understand loses where, in pairs, and whether its scores say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from finetune.cli.main import main
from finetune.data.dataset import Row
from finetune.evaluate.metrics import ScoredAnswer, change
from finetune.evaluate.robustness.measure import SOURCE, Robustness, measure_robustness, rank_correlation
from finetune.evaluate.robustness.perturbations import PERTURBATIONS
from finetune.evaluate.robustness.tables import robustness_markdown, robustness_table
from finetune.tiny import SOURCES
from finetune.tiny.report.robust import rows_of
from pdc.domain.certainty.counts import CountModel
from pdc.domain.doubt import with_doubts
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer

CELL = "cell"
BRIGHTEST, LEAST_RED = 255, 60


class RedDetector:
    """Boxes what is red enough; the score says how red it is, or with `boasts` how little."""

    def __init__(self, *, boasts: bool = False) -> None:
        self.boasts = boasts

    def predict_many(self, asked: Sequence[tuple[Image.Image, Question]]) -> list[Answer]:
        return [self._answer(np.asarray(image).astype(int), question) for image, question in asked]

    def _answer(self, image: np.ndarray, question: Question) -> Answer:
        red = image[..., 0] - image[..., 1]
        _, _, parts, _ = cv2.connectedComponentsWithStats((red > LEAST_RED).astype(np.uint8), connectivity=8)
        marks = tuple(self._mark(i, red, p) for i, p in enumerate(parts[1:]) if p[4] > 30)
        if not question.task.has_marks:
            return Answer(Findings((), {CELL: len(marks)}), "", "m", None, "compact-1", 0.1)
        return Answer(with_doubts(Findings(marks), {CELL: 0.1}), "", "m", None, "compact-1", 0.1)

    def _mark(self, i: int, red: np.ndarray, part: np.ndarray) -> Mark:
        x, y, w, h, _ = map(int, part)
        score = float(np.clip((red[y : y + h, x : x + w].max() - LEAST_RED) / 140, 0.01, 1))
        return Mark(f"m{i}", Box(x, y, x + w, y + h), CELL, score=1.01 - score if self.boasts else score)


def row(folder: Path, i: int, group: str, task: Task = Task.COUNT_AND_BOX) -> Row:
    """A field with one red cell to four, the redder the more."""
    image, boxes = np.full((150, 200, 3), (200, 180, 190), np.uint8), []
    for k in range(1 + i % 4):
        x, y = 8 + 48 * k, 10 + 9 * (i % 8)
        cv2.ellipse(image, (x + 15, y + 15), (15, 15), 0, 0, 360, (150 + 10 * k, 40, 40), -1)
        boxes.append(Mark(f"t{k}", Box(x, y, x + 31, y + 31), CELL))
    Image.fromarray(image).save(folder / f"{i}.png")
    true = Findings(tuple(boxes)) if task.has_marks else Findings((), {CELL: len(boxes)})
    return Row(folder / f"{i}.png", 200, 150, group, Question(task, (CELL,)), true)


@pytest.fixture
def rows(tmp_path) -> list[Row]:
    return [row(tmp_path, i, f"patient {i}") for i in range(12)]


def by_title(found: Robustness, kind: str = "cells"):
    return {r.title: r for r in found.rows if r.kind == kind}


def test_a_detector_of_red_is_blind_without_colour_and_does_not_mind_a_turn(rows):
    found = by_title(measure_robustness(RedDetector(), {"cells": rows}))
    clean, grey, turned = (found[t] for t in ("clean", "grey, no colour", "rotation, 90 degrees"))
    assert clean.f1.value == 1.0 and clean.change is None and clean.count_error.value == 0.0 and clean.images == 12
    assert (grey.f1.value, grey.change.value, grey.change.high) == (0.0, -1.0, -1.0)
    assert turned.f1.value == 1.0 and turned.change.high == 0.0
    assert set(found) == {"clean", *(p.title for p in PERTURBATIONS)}


def test_changes_are_those_of_a_paired_comparison_of_the_same_answers(rows):
    dark = next(p for p in PERTURBATIONS if p.severity == "a quarter")
    found = by_title(measure_robustness(RedDetector(), {"cells": rows}, [dark]))[dark.title]

    def answers(darker: bool) -> list[ScoredAnswer]:
        seen = [(dark.apply(np.asarray(r.image()), r.findings, np.random.default_rng(0)) if darker else None) for r in rows]
        images = [Image.fromarray(s[0]) if s else r.image() for s, r in zip(seen, rows, strict=True)]
        said = RedDetector().predict_many([(image, r.question) for image, r in zip(images, rows, strict=True)])
        return [ScoredAnswer(str(r.path), r.question, r.findings, a.findings, r.group) for r, a in zip(rows, said, strict=True)]

    expected = change(answers(False), answers(True))
    assert found.change == pytest.approx(expected) and -1 < expected.value < -0.1


def test_scores_that_fall_with_f1_rank_the_rows_and_boasting_ones_rank_them_backwards(rows):
    grey = next(p for p in PERTURBATIONS if p.name == "grey")
    fading = [replace(grey, severity=f"{share}", amount=share) for share in (0.3, 0.45, 0.5, 0.52, 0.55)]
    honest, boasting = (measure_robustness(RedDetector(boasts=b), {"cells": rows}, fading) for b in (False, True))
    assert honest.spearman.value >= 0.8 and honest.spearman.low <= honest.spearman.value <= honest.spearman.high
    assert boasting.spearman.value <= -0.5 and honest.spearmans == {"cells": honest.spearman}


def test_a_calibrated_model_promises_what_its_scores_are_worth_and_what_it_missed(rows):
    worth = CountModel(slope=1.0, offset=2.0, unlisted=0.0, missed=0.5)

    class Calibrated(RedDetector):
        def _answer(self, image: np.ndarray, question: Question) -> Answer:
            answer = super()._answer(image, question)
            counts = {CELL: worth.distribution([m.score for m in answer.findings.marks], 0.0)}
            return replace(answer, counts=counts, count_models={CELL: worth})

    bare, calibrated = (measure_robustness(d, {"cells": rows}, []).rows[0] for d in (RedDetector(), Calibrated()))
    scores = [m.score for a in RedDetector().predict_many([(r.image(), r.question) for r in rows]) for m in a.findings.marks]
    right = sum(worth.right(s) for s in scores)
    assert bare.expected.value == pytest.approx(2 * sum(scores) / (len(scores) + sum(scores)))
    assert calibrated.expected.value == pytest.approx(2 * right / (len(scores) + 1.5 * right), abs=0.01)


def test_few_sources_are_rows_of_their_own_and_many_patients_are_none(rows, tmp_path):
    stained = [replace(r, group=("dark", "bright")[i % 2]) for i, r in enumerate(rows)]
    found = measure_robustness(RedDetector(), {"cells": stained}, [])
    assert [(r.severity, r.images) for r in found.rows if r.name == SOURCE] == [("bright", 6), ("dark", 6)]
    assert not [r for r in measure_robustness(RedDetector(), {"cells": rows}, []).rows if r.name == SOURCE]


def test_counts_without_marks_are_asked_only_where_nothing_moves(tmp_path):
    rows = [row(tmp_path, i, f"{i}", Task.COUNTING) for i in range(4)]
    found = by_title(measure_robustness(RedDetector(), {"cells": rows}))
    assert set(found) == {"clean", *(p.title for p in PERTURBATIONS if not p.moves)}
    assert found["clean"].f1 is None and found["clean"].count_error.value == 0 and found["grey, no colour"].count_error.value == 1


def test_the_table_goes_into_json_and_back_and_the_card_shows_what_clearly_changed_in_bold(rows):
    found = measure_robustness(RedDetector(), {"cells": rows})
    again = Robustness.from_json(json.loads(json.dumps(found.to_json())))
    assert robustness_table(again) == robustness_table(found)
    lines = robustness_markdown(again).splitlines()
    assert lines[0] == "| seen with | cells, 12 |"
    assert "| grey, no colour | **0.00, -1.00 [-1.00, -1.00]** |" in lines
    assert next(line for line in lines if line.startswith("| rotation, 90")).count("*") == 0
    assert "**" not in robustness_markdown(measure_robustness(RedDetector(), {"cells": rows[:3]}))  # too few to be clear


def test_rank_correlation_shares_the_ranks_of_ties():
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 15])) == pytest.approx(0.5)
    assert rank_correlation(np.array([1.0, 2, 2, 4]), np.array([1.0, 2, 2, 9])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([5.0, 5, 5])) == 0.0


def test_the_embedded_model_is_measured_on_images_spread_over_dev_without_fields_too_full_for_one_look(tmp_path):
    for source in SOURCES:
        (tmp_path / source).mkdir()
        images = [{"id": i, "file_name": "1.png", "width": 50, "height": 40} for i in range(10)]
        boxes = [{"id": k, "image_id": k % 10 if k < 10 else 3, "category_id": 1, "bbox": [1, 1, 9, 9]} for k in range(60)]
        truth = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": CELL}]}
        (tmp_path / source / "dev.json").write_text(json.dumps(truth))
        Image.new("RGB", (50, 40)).save(tmp_path / source / "1.png")
    few, every = (rows_of(tmp_path, limit) for limit in (3, 0))
    assert list(few) == ["blood cells", "nuclei", "polyps"] and {len(rows) for rows in few.values()} == {3}
    assert {len(rows) for rows in every.values()} == {9} and max(len(r.findings.marks) for r in every["nuclei"]) == 1


@pytest.mark.slow
def test_one_command_measures_a_coco_file_and_writes_the_table(rows, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    images = [{"id": i, "file_name": r.path.name, "width": 200, "height": 150} for i, r in enumerate(rows)]
    boxes = [{"id": i + 1, "image_id": i, "category_id": 1, "bbox": [8, 10, 31, 31]} for i in range(len(rows))]
    truth = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "red blood cell"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    words = ["evaluate", "--adapter", "none", "--data", str(tmp_path / "truth.json"), "--perturb", "--limit", "1"]
    assert main([*words, "--report", str(tmp_path / "report")]) == 0
    printed = capsys.readouterr().out
    value = json.loads((tmp_path / "report" / "robustness.json").read_text())
    assert robustness_table(Robustness.from_json(value)) in printed
    assert {r["kind"] for r in value["rows"]} == {"red blood cell"} and len(value["rows"]) == 1 + len(PERTURBATIONS)
    assert "grey, no colour" in (tmp_path / "report" / "robustness.md").read_text()
