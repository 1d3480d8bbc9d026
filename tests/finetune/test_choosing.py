"""Which images come next: doubt, and no two of a kind."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from finetune.experiments.sampling import describe_image
from pdc.domain.values import Box, Findings, Mark
from pdc.inference.choosing import choose_diverse, uncertainty

CELL = "cell"


def marks(n: int, score: float) -> Findings:
    return Findings(tuple(Mark(f"m{i}", Box(i, 0, i + 10, 10), CELL, score=score) for i in range(n)))


def test_uncertainty_is_the_number_of_edits_the_model_expects():
    assert uncertainty(marks(2, 0.75)) == 0.5
    assert uncertainty(Findings()) == 0 and uncertainty(None) == float("inf")
    unsure, sure = {CELL: {0: 0.4, 1: 0.4, 2: 0.2}}, {CELL: {0: 0.99, 1: 0.01}}
    assert uncertainty(Findings(), unsure) == pytest.approx(0.8) and uncertainty(Findings(), sure) == pytest.approx(0.01)
    assert uncertainty(marks(1, 0.75), {CELL: {1: 0.5, 3: 0.5}}) == 1.25  # one of 1/4, one that was left out


@pytest.fixture
def kinds() -> tuple[np.ndarray, np.ndarray]:
    """70 images of one kind, 20 of another, 10 of a third: (features, kind)."""
    kind = np.repeat([0, 1, 2], [70, 20, 10])
    centres = np.array([[0.0, 0, 0, 0], [9, 0, 0, 0], [0, 9, 0, 0]])
    return centres[kind] + np.random.default_rng(0).normal(0, 1, (100, 4)), kind


def test_without_doubts_every_kind_has_its_share(kinds):
    features, kind = kinds
    for seed in range(20):
        taken = choose_diverse(features, [1.0] * 100, 10, np.random.default_rng(seed))
        shares = Counter(kind[taken].tolist())
        assert len(set(taken)) == 10 and set(shares) == {0, 1, 2} and shares[0] > shares[2]


def test_a_rare_kind_in_doubt_is_taken_more_often_than_by_chance(kinds):
    features, kind = kinds
    doubts = np.where(kind == 2, 5.0, 0.2)
    taken = [kind[choose_diverse(features, doubts, 10, np.random.default_rng(seed))] for seed in range(20)]
    assert np.mean([(t == 2).sum() for t in taken]) > 4  # 1 by chance
    assert all(set(t) == {0, 1, 2} for t in taken)  # and the others are not forgotten


def test_of_images_alike_the_most_doubtful_is_taken():
    features = np.repeat([[0.0, 0.0], [5.0, 5.0]], 3, axis=0)
    taken = choose_diverse(features, [0.1, 0.3, 0.2, 2.0, 1.0, float("inf")], 2, np.random.default_rng(1))
    assert taken == [5, 1]
    assert choose_diverse(features, [0.1, 0.3, 0.2, 2.0, 1.0, 3.0], 4, np.random.default_rng(1)) == [
        5,
        1,
        3,
        4,
    ]  # more than kinds


@pytest.mark.parametrize("doubts", [[0.0], [0.0] * 5, [float("inf")] * 5])
def test_there_is_always_a_choice(doubts):
    assert sorted(choose_diverse(np.ones((len(doubts), 3)), doubts, 5, np.random.default_rng(0))) == list(range(len(doubts)))


def test_the_model_tells_unlike_images_apart(qwen):
    dark, bright = (Image.new("RGB", (90, 60), c) for c in ("black", "white"))
    one, two, other = (describe_image(qwen, image) for image in (dark, dark.resize((60, 60)), bright))
    assert one.shape == (2 * qwen.base.config.text_config.hidden_size,)
    assert np.linalg.norm(one - two) < np.linalg.norm(one - other) / 2
