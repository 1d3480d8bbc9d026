"""Fields are chosen so that they speak for the whole."""

import numpy as np
import pytest

from pdc.counting.fair_fields import hot_spot, systematic_random


def test_systematic_random_fields_are_spread_and_unbiased():
    fields = np.arange(97)
    values = np.sin(fields / 15) + 2
    means = [values[systematic_random(fields.tolist(), 10, seed)].mean() for seed in range(2000)]
    assert np.mean(means) == pytest.approx(values.mean(), rel=0.01)
    chosen = systematic_random(fields.tolist(), 10, 1)
    assert chosen == sorted(set(chosen)) and set(np.diff(chosen)) <= {9, 10}
    with pytest.raises(ValueError, match="between 1 and 97"):
        systematic_random(fields.tolist(), 98, 0)


def test_a_planted_hot_spot_is_found():
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        centre, radius = rng.uniform(120, 880, 2), 80.0
        spot = centre + rng.uniform(-1, 1, (80, 2)) * radius * 0.7
        places = np.concatenate([rng.uniform(0, 1000, (500, 2)), spot])
        hot = hot_spot(places, (1000, 1000), np.pi * radius**2)
        found += hot is not None and np.hypot(hot.x - centre[0], hot.y - centre[1]) <= radius and hot.density > 3 * hot.overall
    assert found >= 38


def test_no_place_and_no_room_give_no_hot_spot():
    assert hot_spot([], (100, 100), 10) is None
    assert hot_spot([(5, 5)], (100, 100), 1e6) is None
