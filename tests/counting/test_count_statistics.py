"""Intervals of chance, and replicates."""

import numpy as np
import pytest
from scipy import stats

from pdc.counting.intervals import binomial, poisson, ratio
from pdc.counting.replicates import AgreementTest, agreement, motility_allowed, power

DIFFERENTIAL = [
    (0, 100, 0, 3.6), (5, 100, 1.6, 11.3), (10, 100, 4.9, 17.6), (50, 100, 39.8, 60.2), (10, 200, 2.4, 9.0),
    (20, 200, 6.2, 15.0), (5, 500, 0.3, 2.3), (10, 1000, 0.5, 1.8), (100, 500, 16.6, 23.8),
]  # fmt: skip
MOTILITY = [
    (3, 4, 4), (5, 7, 5), (8, 11, 6), (12, 16, 7), (17, 23, 8), (24, 34, 9), (35, 65, 10), (66, 76, 9), (77, 83, 8), (84, 88, 7),
    (89, 92, 6), (93, 95, 5), (96, 97, 4),
]  # fmt: skip


@pytest.mark.parametrize(("k", "n", "low", "high"), DIFFERENTIAL)
def test_limits_of_a_percentage_are_those_of_the_tables(k, n, low, high):
    assert [round(100 * limit, 1) for limit in binomial(k, n)] == pytest.approx([low, high], abs=0.051)


@pytest.mark.parametrize(("n", "percent"), [(100, 20), (200, 14), (400, 9.8), (500, 8.8)])
def test_limits_of_a_count_narrow_as_more_is_counted(n, percent):
    low, high = poisson(n)
    assert (high - low) / 2 / n * 100 == pytest.approx(percent, abs=0.6)


def test_none_found_has_an_upper_limit():
    assert poisson(0)[0] == 0
    assert poisson(0)[1] == pytest.approx(3.7, abs=0.02)
    assert binomial(0, 100)[1] == pytest.approx(0.036, abs=0.001)
    assert ratio(0, 200)[1] > 0


@pytest.mark.parametrize("n", [50, 300])
def test_intervals_of_a_percentage_cover_every_truth_as_often_as_they_say(n):
    limits = np.array([binomial(k, n) for k in range(n + 1)])
    for share in np.linspace(0, 1, 101):
        likely = stats.binom.pmf(np.arange(n + 1), n, share)
        assert likely[(limits[:, 0] <= share) & (share <= limits[:, 1])].sum() >= 0.95, share


def test_intervals_of_a_count_cover_every_truth_as_often_as_they_say():
    limits = np.array([poisson(k) for k in range(400)])
    for mean in (0.0, 0.5, 1, 2, 3, 3.3, 5, 10, 50, 100, 250):
        likely = stats.poisson.pmf(np.arange(400), mean)
        assert likely[(limits[:, 0] <= mean) & (mean <= limits[:, 1])].sum() >= 0.95, mean


@pytest.mark.parametrize(("first", "last", "allowed"), MOTILITY)
def test_differences_in_motility_are_those_of_the_table(first, last, allowed):
    assert {motility_allowed(mean) for mean in range(first, last + 1)} == {allowed}


@pytest.mark.parametrize("mean", [0, 2, 98, 100])
def test_beyond_the_table_nothing_is_said(mean):
    found = agreement(AgreementTest.MOTILITY, mean, mean)
    assert found.allowed is None and found.agree is None


def test_replicates_of_two_hundred_each():
    assert agreement(AgreementTest.COUNTS_TABLE, 201, 211).allowed == 40
    assert agreement(AgreementTest.COUNTS_TABLE, 200, 200).allowed == 39
    assert agreement(AgreementTest.COUNTS, 201, 211).agree and not agreement(AgreementTest.COUNTS, 180, 221).agree
    assert agreement(AgreementTest.WITHIN, 100, 121).agree and not agreement(AgreementTest.WITHIN, 100, 123).agree


def test_honest_pairs_are_accepted_and_blunders_mostly_found():
    """200,000 pairs of two Poisson counts; the same rule as `agreement`, all at once."""
    rng = np.random.default_rng(1)
    a, b = rng.poisson(200, (2, 200_000))
    assert np.mean(np.abs(a - b) <= 1.96 * np.sqrt(a + b)) == pytest.approx(0.95, abs=0.005)
    wrong = rng.poisson(200 * 1.2, 200_000)
    found = np.mean(np.abs(a - wrong) > 1.96 * np.sqrt(a + wrong))
    assert found == pytest.approx(power(200, 0.2), abs=0.03)
    assert power(200, 0.5) > 0.98
