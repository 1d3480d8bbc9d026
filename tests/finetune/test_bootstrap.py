"""Intervals: images are drawn, and where it is known which belong together, whole groups."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from finetune.cli.evaluate import how_measured, number_measured
from finetune.evaluate.bootstrap import draws, mean, ratio_of_pairs, units
from finetune.evaluate.coco_map import Boxes, mean_average_precision
from finetune.evaluate.metrics import Evaluation, ScoredAnswer, change, evaluate
from finetune.evaluate.tables import table
from pdc.domain.values import Box, Findings, Mark, Question, Task

ROOT = Path(__file__).resolve().parents[2]
CELLS = Question(Task.COUNT_AND_BOX, ("cell",))


def boxes(n: int) -> Findings:
    return Findings(tuple(Mark(f"m{i}", Box(20 * i, 0, 20 * i + 10, 10), "cell", score=0.9) for i in range(n)))


def answers(groups: list[str | None], found: list[int]) -> list[ScoredAnswer]:
    """An image of ten cells each, of which so many are found."""
    return [ScoredAnswer(str(i), CELLS, boxes(10), boxes(n), g) for i, (g, n) in enumerate(zip(groups, found, strict=True))]


def run(cases: list[ScoredAnswer]) -> Evaluation:
    return evaluate(cases, model="m", adapter=None)


def width(estimate) -> float:
    return estimate.high - estimate.low


def test_groups_are_drawn_whole():
    """Ten frames of each of four patients, all alike: the interval is that of four images, not of forty."""
    values, groups = np.repeat([0.0, 1.0, 0.0, 1.0], 10), np.repeat(["p1", "p2", "p3", "p4"], 10).tolist()
    grouped, alone = mean(values, groups=groups), mean(values)
    assert grouped == mean([0.0, 1.0, 0.0, 1.0]) and grouped.value == alone.value == 0.5
    assert width(grouped) > 3 * width(alone)


def test_a_group_each_changes_no_digit():
    rng = np.random.default_rng(2)
    pairs = [(float(a), float(b)) for a, b in rng.integers(1, 9, (37, 2))]
    names = [f"image-{i}" for i in range(37)]
    assert ratio_of_pairs(pairs) == ratio_of_pairs(pairs, groups=names) == ratio_of_pairs(pairs, groups=[None] * 37)


def test_a_single_group_is_drawn_by_its_images():
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert mean(values, groups=["p"] * 5) == mean(values) and width(mean(values)) > 0


def test_units_keep_the_order_and_an_image_without_a_group_stands_alone():
    assert [u.tolist() for u in units(["a", None, "b", "a", None])] == [[0, 3], [1], [2], [4]]


def test_a_group_of_many_images_weighs_as_many():
    found = ratio_of_pairs([(1, 1), (1, 1), (1, 1), (0, 1)], groups=["a", "a", "a", "b"])
    assert found.value == 0.75 and (found.low, found.high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_where_images_of_a_patient_are_alike():
    """Thirty patients of eight frames that are nearly all right or nearly all wrong: images alone would be far too sure."""
    rng, held = np.random.default_rng(5), {"groups": 0, "images": 0}
    names = np.repeat(np.arange(30), 8).tolist()
    for repeat in range(100):
        rate = np.repeat(rng.choice([0.1, 0.9], 30), 8)
        values = (rng.random(240) < rate).astype(float)
        for kind, groups in (("groups", names), ("images", None)):
            found = mean(values, 300, repeat, groups)
            held[kind] += found.low <= 0.5 <= found.high
    assert held["groups"] >= 86 and held["images"] <= 75


def test_an_evaluation_draws_groups_in_every_number():
    found = [2, 2, 2, 9, 9, 9, 4, 4, 4, 8, 8, 8]
    alone, grouped = run(answers([None] * 12, found)), run(answers([f"p{i // 3}" for i in range(12)], found))
    for name in ("f1", "recall", "count_mae"):
        a, g = getattr(alone.overall, name), getattr(grouped.overall, name)
        assert a.value == g.value and width(g) > width(a), name
    assert alone.map.value == grouped.map.value and width(grouped.map) > width(alone.map)
    assert width(grouped.labels["cell"].f1) > width(alone.labels["cell"].f1)
    assert width(grouped.sizes["small"].recall) > width(alone.sizes["small"].recall)


def test_a_change_is_drawn_by_groups_too():
    before, after = [5] * 12, [4, 4, 4, 9, 9, 9, 3, 3, 3, 8, 8, 8]
    groups = [f"p{i // 3}" for i in range(12)]
    grouped = change(answers(groups, before), answers(groups, after))
    alone = change(answers([None] * 12, before), answers([None] * 12, after))
    assert grouped.value == alone.value and width(grouped) > width(alone)


def test_average_precision_without_groups_keeps_its_digits():
    true = [Boxes.of([(0, 0, 10, 10), (20, 0, 30, 10)])] * 6
    found = [Boxes.of([(0, 0, 10, 10), (20 + i, 0, 30 + i, 10)]) for i in range(6)]
    alone = mean_average_precision(true, found)
    assert alone == mean_average_precision(true, found, groups=list("abcdef"))
    assert width(mean_average_precision(true, found, groups=list("aabbcc")).map) > 0


def test_average_precision_draws_groups_of_any_size():
    """One patient of one image, all found, and one of two, nothing found: a draw of either one alone is possible."""
    true, nothing = Boxes.of([(0, 0, 10, 10)]), Boxes.of([])
    found = mean_average_precision([true] * 3, [true, nothing, nothing], groups=list("abb")).map
    assert found.value == pytest.approx(1 / 3, abs=0.01) and found.low == 0 and found.high == pytest.approx(1)


def test_the_number_of_groups_stands_beside_the_images_in_table_and_json():
    e = run(answers(["p1", "p1", "p2", "p2", "p3"], [3, 4, 5, 6, 7]))
    assert (e.n, e.groups, e.overall.groups, e.to_json()["groups"]) == (5, 3, 3, 3)
    head, first = (line.split() for line in table({"m": e}).splitlines()[:2])
    assert dict(zip(head, first, strict=False))["groups"] == "3" and number_measured(e) == "5 images in 3 groups"
    assert "groups of images" in how_measured(e) and "3 groups are few" in how_measured(e)


def test_where_groups_are_unknown_or_each_image_is_one_it_is_said_that_images_are_drawn():
    unknown, single = run(answers([None] * 3, [3, 4, 5])), run(answers(["a", "b", "c"], [3, 4, 5]))
    assert unknown.groups is None and number_measured(unknown) == "3 images"
    assert how_measured(unknown).endswith("over images.") and how_measured(single).endswith("over images.")
    assert unknown.overall.f1 == single.overall.f1 and unknown.map == single.map
    assert "says nothing about others" in how_measured(run(answers(["p"] * 3, [3, 4, 5])))


def test_there_is_one_bootstrap():
    """No other module draws with replacement or takes the percentiles of an interval."""
    words = ("percentile", "quantile")
    found = []
    for path in ROOT.glob("finetune/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in words and "97.5" in path.read_text("utf-8"):
                found.append(path.relative_to(ROOT).as_posix())
    assert set(found) == {"finetune/evaluate/bootstrap.py"}


@pytest.mark.parametrize("n", [1, 5])
def test_the_same_seed_draws_the_same(n: int):
    assert (draws(n, 20, 3) == draws(n, 20, 3)).all() and draws(n, 20, 3).shape == (20, n)
