from __future__ import annotations

import json

import numpy as np
import pytest

from finetune.metrics import Case, Evaluation, evaluate, table
from pdc.domain import Box, Findings, Mark, Point, Question, Status, Task

CELLS = Question(Task.COUNT_AND_BOX, ("cell", "nucleus"))
DOTS = Question(Task.POINTING, ("dot",))
NUMBER = Question(Task.COUNTING, ("cell",))


def boxes(*at: float, label: str = "cell", size: float = 10) -> list[Mark]:
    return [Mark(f"{label}{i}", Box(x, 0, x + size, size), label) for i, x in enumerate(at)]


def found(*marks: Mark, **stated: int) -> Findings:
    return Findings(tuple(marks), stated)


def run(*cases: Case, **options) -> Evaluation:
    return evaluate(cases, model="m", adapter=None, **options)


def test_counts_matches_once_each():
    true = found(*boxes(0, 100))
    predicted = found(*boxes(0, 1, 300))  # the second box overlaps the same cell: it must not be rewarded
    s = run(Case("a", CELLS, true, predicted)).overall
    assert (s.true_marks, s.predicted_marks) == (2, 3)
    assert (s.precision.value, s.recall.value, s.f1.value) == (pytest.approx(1 / 3), 0.5, pytest.approx(0.4))


def test_matches_only_within_a_label():
    s = run(Case("a", CELLS, found(*boxes(0)), found(*boxes(0, label="nucleus")))).overall
    assert s.f1.value == 0
    assert s.count_mae.value == 1  # one cell too few, one nucleus too many, over two labels
    assert s.count_bias.value == 0


@pytest.mark.parametrize(("dx", "f1"), [(3.3, 1.0), (3.4, 0.0)])  # IoU of two 10 px boxes dx apart: (10-dx)/(10+dx)
def test_boxes_match_from_an_iou_of_one_half(dx, f1):
    assert run(Case("a", CELLS, found(*boxes(0)), found(*boxes(dx)))).overall.f1.value == f1


@pytest.mark.parametrize(("dx", "f1"), [(10.0, 1.0), (10.1, 0.0)])
def test_points_match_within_the_stated_distance(dx, f1):
    true, predicted = found(Mark("1", Point(50, 5), "dot")), found(Mark("1", Point(50 + dx, 5), "dot"))
    assert run(Case("a", DOTS, true, predicted)).overall.f1.value == f1


def test_rejected_marks_are_not_true():
    gone = Mark("2", Box(100, 0, 110, 10), "cell", status=Status.REJECTED)
    s = run(Case("a", CELLS, found(*boxes(0), gone), found(*boxes(0)))).overall
    assert s.true_marks == 1 and s.f1.value == 1 and s.count_mae.value == 0


def test_an_unreadable_answer_costs_recall_and_count_and_is_shown():
    two = found(*boxes(0, 50))
    s = run(Case("a", CELLS, two, None), Case("b", CELLS, two, two)).overall
    assert s.unreadable.value == 0.5 and s.recall.value == 0.5 and s.precision.value == 1
    assert s.count_mae.value == 0.5  # 2 missing cells over 2 images x 2 labels


def test_nothing_there_and_nothing_found_is_not_a_score():
    s = run(Case("a", CELLS, found(), found())).overall
    assert s.f1 is None and s.precision is None and s.recall is None
    assert s.count_mae.value == 0 and s.within_1.value == 1


def test_counting_is_scored_by_counts_alone():
    cases = [Case(str(i), NUMBER, found(cell=5), found(cell=5 + error)) for i, error in enumerate((0, 1, -3))]
    e = run(*cases)
    assert e.overall.f1 is None
    assert e.overall.count_mae.value == pytest.approx(4 / 3) and e.overall.count_bias.value == pytest.approx(-2 / 3)
    assert (e.score, e.score_name) == (pytest.approx(2 / 3), "counts within 1")


def test_slices_by_label_and_task():
    e = run(
        Case("a", CELLS, found(*boxes(0), *boxes(0, label="nucleus")), found(*boxes(0))),
        Case("a", NUMBER, found(cell=1), found(cell=4)),
    )
    assert e.n == 1 and e.overall.answers == 2
    assert e.labels["cell"].f1.value == 1 and e.labels["nucleus"].recall.value == 0
    assert e.labels["cell"].count_mae.value == 1.5 and e.labels["nucleus"].count_mae.value == 1
    assert set(e.tasks) == {"count_and_box", "counting"} and e.tasks["counting"].f1 is None


def test_interval_covers_the_truth_about_95_percent_of_the_time():
    """Images whose recall is 0.6 on average: the interval from 25 of them should hold 0.6 in nearly all repeats."""
    rng, held, repeats = np.random.default_rng(7), 0, 200
    for repeat in range(repeats):
        cases = []
        for image in range(25):
            hits = int(rng.binomial(8, 0.6))
            true, predicted = found(*boxes(*range(0, 800, 100))), found(*boxes(*range(0, hits * 100, 100)))
            cases.append(Case(str(image), CELLS, true, predicted))
        r = run(*cases, resamples=300, seed=repeat).overall.recall
        held += r.low <= 0.6 <= r.high
    assert 0.88 <= held / repeats <= 0.99


def test_interval_draws_images_not_marks():
    """Two images, all right and all wrong: every draw of two images is 0, 1/2 or 1, whatever the number of marks."""
    many = found(*boxes(*range(0, 4000, 100)))
    r = run(Case("a", CELLS, many, many), Case("b", CELLS, many, found())).overall.recall
    assert (r.value, r.low, r.high) == (0.5, 0, 1)


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    many = [Case(str(i), CELLS, found(*boxes(0, 50, 90)), found(*boxes(*[0, 50, 90][: i % 4]))) for i in range(23)]
    assert run(*many, seed=3) == run(*many, seed=3)
    assert run(*many, seed=3).overall.f1 != run(*many, seed=4).overall.f1


def test_json_round_trip():
    e = run(Case("a", CELLS, found(*boxes(0)), found(*boxes(0, 50))), Case("b", NUMBER, found(cell=1), None))
    assert Evaluation.from_json(json.loads(json.dumps(e.to_json()))) == e


def test_no_cases_is_zero_images_not_a_crash():
    e = run()
    assert e.n == 0 and e.overall.f1 is None and e.overall.unreadable is None


def test_table_names_n_and_interval():
    text = table({"base": run(Case("a", CELLS, found(*boxes(0)), found(*boxes(0))))})
    header, every, cell, nucleus = text.splitlines()
    assert header.split()[:4] == ["model", "label", "images", "marks"]
    assert every.split()[:4] == ["base", "all", "1", "1"] and "1.00 [1.00, 1.00]" in every
    assert cell.split()[1] == "cell" and " - " in nucleus
