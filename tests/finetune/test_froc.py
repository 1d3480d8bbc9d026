"""AUROC and FROC against counts done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluate.froc import MISSED, auroc, best_score, froc, judge
from pdc.domain.matching import EVALUATION
from pdc.domain.values import Box, Mark


def at(x: float, score: float | None = None, label: str = "polyp") -> Mark:
    return Mark(f"{x} {score}", Box(x, 0, x + 50, 50), label, score=score)


def hits(found: Mark, true: Mark) -> bool:
    return EVALUATION.same(found.shape, true.shape)


def test_an_image_is_judged_by_the_best_mark_on_each_object_and_a_second_one_costs_nothing():
    image = judge([at(0), at(200)], [at(2, 0.4), at(4, 0.7), at(400, 0.6), at(200, 0.9, "cell")], hits)
    assert image.objects == (0.7, MISSED) and image.false == (0.6, 0.9)


def test_sensitivity_is_read_where_the_false_marks_are_still_few_enough():
    images = [judge([at(0)], [at(0, score)], hits) for score in (0.9, 0.7, 0.5, 0.3)]
    images += [judge([], [at(0, score)], hits) for score in (0.8, 0.6, 0.4, 0.2)]
    found = froc(images, rates=(0, 0.125, 0.25, 0.375, 0.5))
    assert [e.value for e in found.values()] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert all(e.low <= e.value <= e.high for e in found.values())


def test_a_mark_as_sure_as_the_false_one_too_many_is_not_counted():
    images = [judge([at(0)], [at(0, 0.5), at(400, 0.5)], hits)]
    assert froc(images, rates=(0.5, 1.0))[0.5].value == 0.0
    assert froc(images, rates=(0.5, 1.0))[1.0].value == 1.0


def test_doubtful_marks_and_marks_without_a_score_take_part():
    assert best_score([at(0, 0.2), at(100)]) == 1.0 and best_score([]) == 0.0
    assert froc([judge([], [], hits)]) == {}


def test_auroc_counts_pairs_and_ties_half():
    assert auroc([0.9, 0.5], [0.5, 0.1]).value == pytest.approx(3.5 / 4)
    assert auroc([0.9], []) is None and auroc([], [0.1]) is None
    same = auroc([0.5] * 5, [0.5] * 5)
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)


def test_images_of_one_group_are_drawn_together_so_that_the_interval_is_wider():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1, 12).repeat(20)
    scores, groups = list(centres + 0.5), list(np.arange(12).repeat(20))
    alone, grouped = auroc(scores, [0.0] * 240), auroc(scores, [0.0] * 240, (groups, [100 + i for i in range(240)]))
    assert alone.value == grouped.value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
