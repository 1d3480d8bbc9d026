"""Fitted to made-up images whose making is known; what is fitted then holds on images of the same making."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluate.count_models import Counted, brier, calibration_error, counted, fit, held_out, measure
from pdc.domain.certainty.counts import CountModel
from pdc.domain.values import Box, Mark, Status

TRUE = CountModel(slope=2.0, offset=1.5, unlisted=1.0, missed=0.1, spread=0.5)


def made(n: int, seed: int, most: int = 6) -> list[Counted]:
    """n images, made as the formula has it."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        scores = tuple(rng.uniform(0.02, 0.98, rng.integers(0, most)))
        right = [TRUE.right(s) for s in scores]
        stands = tuple(bool(x) for x in rng.uniform(size=len(scores)) < right)
        more = float(rng.uniform(0, 0.8))
        mean = TRUE.unlisted * more + TRUE.missed * sum(right)
        missed = int(rng.negative_binomial(1 / TRUE.spread, 1 / (1 + TRUE.spread * mean)))
        found.append(Counted(scores, stands, sum(s >= 0.3 for s in scores), sum(stands) + missed, more, i))
    return found


def test_the_five_numbers_of_the_making_are_found_again():
    found = fit(made(4000, 0))
    assert (found.slope, found.offset) == pytest.approx((2.0, 1.5), abs=0.15)
    assert (found.unlisted, found.missed) == pytest.approx((1.0, 0.1), abs=0.06)
    assert found.spread == pytest.approx(0.5, abs=0.25)


def test_probabilities_of_images_that_no_model_was_fitted_to_hold():
    seen = made(600, 1)
    held = measure(seen, held_out(seen))
    flat = measure(seen, [{0: 0.5, c.shown: 0.5} for c in seen])
    assert held.n == 600 and held.none[0] < 0.05 and held.right[0] < 0.06
    assert held.none[1] < 0.8 * flat.none[1] and held.right[1] < flat.right[1]
    assert 0.88 <= held.covered <= 0.99


def test_images_of_one_group_never_judge_their_own_fit():
    seen = [Counted((0.5,), (True,), 1, 1, 0.1, "a")] * 30 + [Counted((0.5,), (False,), 1, 0, 0.1, "b")] * 30
    found = held_out(seen, folds=2)
    assert found[0][0] > 0.9 > 0.1 > found[-1].get(0, 0.0)  # each was told by the other group alone


def test_a_mark_stands_for_an_object_that_it_touches_and_only_one_does():
    true = [Mark("t", Box(0, 0, 20, 20), "a"), Mark("u", Box(100, 100, 120, 120), "a")]
    touching = Mark("m1", Box(10, 10, 40, 40), "a", score=0.9)
    again = Mark("m2", Box(0, 0, 19, 20), "a", score=0.8)
    doubtful = Mark("m3", Box(200, 0, 210, 10), "a", score=0.1, status=Status.DOUBTFUL)
    seen = counted("a", [touching, again, doubtful, Mark("m4", Box(0, 0, 20, 20), "b", score=0.5)], true, 0.2, "g")
    assert seen == Counted((0.9, 0.8, 0.1), (False, True, False), 2, 2, 0.2, "g") and seen.missed == 1


def test_without_marks_or_misses_the_fit_stays_finite():
    assert fit([Counted((), (), 0, 0, 0.1, i) for i in range(5)]).distribution((), 0.1) == {0: 1.0}


def test_errors_by_hand():
    assert calibration_error([(1.0, False)] * 10) == 1 and calibration_error([(0.5, True), (0.5, False)], bins=1) == 0
    assert brier([(0.5, True), (1.0, True)]) == 0.125
