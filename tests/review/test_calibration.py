"""Scores into probabilities: fitted on one half of made-up reviews, checked on the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime

import numpy as np
import pytest

from pdc.domain.values import Box, Findings, Mark, Prediction, Question, Review, Status, Task, Verdict
from pdc.review.calibration import (
    ENOUGH,
    auroc,
    calibrate,
    calibration_error,
    calibrations,
    isotonic,
    platt,
    scored_marks,
    threshold,
)

NOW = datetime.now(UTC)
QUESTION = Question(Task.BOUNDING, ("a", "b"))


def of_images(images) -> dict:
    """The calibrations of the marks of these images, each label with those beside it."""
    sums, families = defaultdict(Counter), defaultdict(set)
    for scored in images:
        for key, marks in scored.items():
            sums[key].update(marks)
            families[key] |= {other for other in scored if other[:-1] == key[:-1]}
    return calibrations(sums, families)


def overconfident(n: int, seed: int) -> list[tuple[float, bool]]:
    """Scores that are right less often than they say, in a curve."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, n)
    return [(float(s), bool(r)) for s, r in zip(scores, rng.uniform(0, 1, n) < 0.8 * scores**2, strict=True)]


@pytest.mark.parametrize("fit", [platt, isotonic, calibrate])
def test_calibrated_scores_mean_what_they_say_on_marks_never_seen(fit):
    curve, fresh = fit(overconfident(2000, 1)), overconfident(4000, 2)
    calibrated = [(curve.probability(s), r) for s, r in fresh]
    assert calibration_error(fresh) > 0.15 and calibration_error(calibrated) < 0.04
    assert auroc(calibrated) == pytest.approx(auroc(fresh), abs=0.01)
    values = [curve.probability(s) for s in np.linspace(0, 1, 50)]
    assert values == sorted(values) and values[0] > 0 and values[-1] < 1


def test_below_a_hundred_marks_it_says_uncalibrated():
    few, enough = calibrate(overconfident(ENOUGH - 1, 3)), calibrate(overconfident(ENOUGH, 3))
    assert few.probability(0.9) is None and "uncalibrated" in str(few) and f"{ENOUGH - 1} of {ENOUGH}" in str(few)
    assert 0 < enough.probability(0.9) < 1 and str(enough) == "calibrated on 100 reviewed marks"
    assert calibrate([]).probability(0.5) is None


@pytest.mark.parametrize("scored", [[(0.5, True)] * 200, [(0.5, False)] * 200, [(1.0, True)] * 100 + [(1.0, False)] * 100])
def test_reviews_that_all_say_the_same_do_not_break_it(scored):
    share = sum(r for _, r in scored) / len(scored)
    assert calibrate(scored).probability(scored[0][0]) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("recall", [0.8, 0.95])
def test_the_threshold_keeps_the_wanted_recall_on_average(recall: float):
    kept = []
    for seed in range(60):
        t = threshold(overconfident(300, seed), recall)
        right = [s for s, r in overconfident(2000, 1000 + seed) if r]
        kept.append(np.mean([s >= t for s in right]))
    assert recall - 0.01 <= np.mean(kept) <= recall + 0.04


def test_too_few_right_marks_make_nothing_unsure():
    assert threshold([(0.4, True)] * 5, 0.95) == 0.0 and threshold([], 0.9) == 0.0


def test_auroc_and_calibration_error_by_hand():
    assert auroc([(0.9, True), (0.4, False), (0.6, True), (0.6, False)]) == pytest.approx(3.5 / 4)
    assert auroc([(0.9, True)]) is None
    assert calibration_error([(1.0, False)] * 10) == 1 and calibration_error([(0.5, True), (0.5, False)], bins=1) == 0


def test_a_review_says_of_every_predicted_mark_whether_it_was_right():
    def mark(i: int, x: float, **changes) -> Mark:
        return Mark(f"m{i}", Box(x, 0, x + 10, 10), changes.pop("label", "a"), score=i / 10, **changes)

    predicted = Findings((mark(1, 0), mark(2, 100), mark(3, 200), mark(4, 300), mark(5, 400)))
    reviewed = Findings((mark(1, 0), mark(2, 101), mark(3, 209), mark(4, 300, label="b"), mark(5, 400, status=Status.REJECTED)))
    pair = _prediction("ada-1", predicted), _review(reviewed)
    fates = [(0.1, True), (0.2, True), (0.3, False), (0.4, False), (0.5, False)]
    assert scored_marks([pair]) == {(Task.BOUNDING, "ada-1", 1, "a"): fates}
    assert scored_marks([(pair[0], _review(reviewed, Verdict.SKIPPED)), (_prediction("x", None), pair[1])]) == {}
    both = of_images([scored_marks([pair]), scored_marks([(_prediction(None, predicted), _review(predicted))])])
    assert {key: c.n for key, c in both.items()} == {(Task.BOUNDING, "ada-1", 1, "a"): 5, (Task.BOUNDING, None, 1, "a"): 5}


def test_fifteen_reviewed_smears_say_nothing_of_polyps_and_lend_to_what_lies_among_the_cells():
    """267 marks of 15 smears called a score unsure below .35 and confident from .61, of right polyps, which score .54, too."""
    rng = np.random.default_rng(5)
    red, platelet, polyp = ((Task.COUNT_AND_BOX, None, 1, label) for label in ("red blood cell", "platelet", "polyp"))
    smears = [{red: _cells(rng, 16), platelet: _cells(rng, 2)} for _ in range(15)]
    frames = [{polyp: [(float(rng.normal(0.54, 0.1)), True)]} for _ in range(40)] + [{polyp: [(0.29, False)]} for _ in range(20)]
    found = of_images([*smears, *frames])
    assert found[polyp].n == 60 and not found[polyp].calibrated  # not enough, and nothing is borrowed from the smears
    assert found[red].n == 240 and found[platelet].n == 270 and found[platelet].calibrated
    assert found[red].probability(0.35) < 0.75
    found = of_images([*smears, *frames, *frames])
    assert found[polyp].n == 120 and found[polyp].probability(0.54) > 0.9 > 0.5 > found[polyp].probability(0.25)


def _cells(rng: np.random.Generator, n: int) -> list[tuple[float, bool]]:
    """Marks that are right with probability .5 at .35 and .9 at .61."""
    scores = rng.uniform(0.1, 0.95, n)
    return [(float(s), bool(rng.uniform() < 1 / (1 + np.exp(-8.5 * (s - 0.35))))) for s in scores]


def test_another_task_or_adapter_is_no_family():
    few, many = [(0.5, True)] * 10, [(0.5, True)] * 200
    others = (Task.BOUNDING, "x", 1, "b"), (Task.POINTING, None, 1, "b"), (Task.BOUNDING, None, 4, "b")
    image = {(Task.BOUNDING, None, 1, "a"): few, **dict.fromkeys(others, many)}
    assert of_images([image])[Task.BOUNDING, None, 1, "a"].n == 10


def _prediction(adapter: str | None, findings: Findings | None) -> Prediction:
    return Prediction("p", "0" * 64, QUESTION, findings, "", "m", adapter, "compact-1", 1.0, NOW)


def _review(findings: Findings, verdict: Verdict = Verdict.CORRECTED) -> Review:
    return Review("r", "0" * 64, QUESTION, "p", verdict, findings, "ada", 1, NOW)
