"""What the test of two replicates can find, two readers beside each other, and a reader over time: simulated readers."""

from datetime import UTC, datetime

import numpy as np
import pytest

from pdc.counting.readers.chart import Rule, chart, in_spreads
from pdc.counting.readers.pairs import Bias, Pair, agreement_of, bias
from pdc.counting.readers.power import power, said
from pdc.counting.replicates import AgreementTest, agreement

AT = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN = [0.3, -0.5, 1.1, -0.2, 0.7, -1.2, 0.1, -0.4, 0.9, -0.6, 0.2]


def pairs(first: np.ndarray, second: np.ndarray) -> list[Pair]:
    return [Pair(str(i), AT, ("ada", "bob"), (int(a), int(b))) for i, (a, b) in enumerate(zip(first, second, strict=True))]


@pytest.mark.parametrize(("test", "mean"), [("counts", 200), ("counts-table", 60), ("within", 30)])
@pytest.mark.parametrize("difference", [0, 0.2])
def test_the_exact_power_is_that_of_simulated_readers(test, mean, difference):
    rng = np.random.default_rng(3)
    first, second = (rng.poisson(mean * (1 + side * difference / 2), 4000).tolist() for side in (1, -1))
    sent_back = np.mean([agreement(AgreementTest(test), a, b).agree is False for a, b in zip(first, second, strict=True)])
    assert power(AgreementTest(test), mean, difference) == pytest.approx(sent_back, abs=0.025)


@pytest.mark.parametrize("mean", [25, 50, 100, 200, 400, 2000])
def test_two_honest_counts_are_sent_back_five_times_in_a_hundred(mean):
    assert 0.04 < power(AgreementTest.COUNTS, mean, 0) < 0.0525


@pytest.mark.parametrize("mean", [5, 20, 50, 80, 97])
def test_two_honest_percentages_of_motility_are_sent_back_five_times_in_a_hundred_at_most(mean):
    assert power(AgreementTest.MOTILITY, mean, 0) < 0.06


def test_the_power_rises_with_the_difference():
    found = [power(AgreementTest.COUNTS, 200, d) for d in (0, 0.05, 0.1, 0.2, 0.3, 0.5)]
    assert found == sorted(found) and found[3] == pytest.approx(0.51, abs=0.01) and found[-1] > 0.99


def test_the_power_is_said_in_words_and_a_test_that_blames_chance_says_so():
    (sentence,) = said(AgreementTest.COUNTS_TABLE, 200)
    assert sentence == ("This test finds a difference of 20% between the replicates in 51 of 100 samples, and one of 50% in 100.")
    few = [str(s) for s in said(AgreementTest.WITHIN, 5)]
    assert few[-1] == "Chance alone makes it send back 77 of 100 samples without a fault."


@pytest.mark.parametrize(("wrong", "least", "most"), [(0.0, 0.0, 0.06), (0.05, 0.5, 0.8), (0.1, 0.95, 1), (0.2, 0.99, 1)])
def test_a_second_reader_with_a_bias_is_found_over_twenty_samples(wrong, least, most):
    rng, found = np.random.default_rng(11), 0
    for _ in range(400):
        truth = rng.uniform(150, 400, 20)
        seen = bias(pairs(rng.poisson(truth), rng.poisson(truth * (1 + wrong))))
        assert isinstance(seen, Bias)
        found += seen.found
    assert least <= found / 400 <= most


@pytest.mark.parametrize(("wrong", "least", "most"), [(0.0, 0.0, 0.015), (0.1, 0.15, 0.3), (0.2, 0.7, 0.9)])
def test_the_control_chart_points_to_a_reader_who_drifts_and_leaves_an_honest_one_alone(wrong, least, most):
    rng, pointed = np.random.default_rng(2), []
    for _ in range(200):
        truth = rng.uniform(150, 400, 20)
        charted = chart([p.spreads for p in pairs(rng.poisson(truth), rng.poisson(truth * (1 + wrong)))])
        pointed += [point.wrong for point in charted]
    assert least <= np.mean(pointed) <= most


@pytest.mark.parametrize(
    ("last", "rules"),
    [
        ((2.1,), {Rule.WARNING}),
        ((3.1,), {Rule.WARNING, Rule.ONE_3S}),
        ((2.2, 2.4), {Rule.WARNING, Rule.TWO_2S}),
        ((-2.2, 2.4), {Rule.WARNING, Rule.RANGE}),
        ((1.2, 1.1, 1.9, 1.3), {Rule.FOUR_1S}),
        ((0.1, 0.4, 0.2, 0.1, 0.9, 0.3, 0.2, 0.6, 0.1, 0.2), {Rule.TEN_X}),
        ((0.5,), set()),
    ],
)
def test_each_rule_of_the_chart_is_named(last, rules):
    points = chart([*PLAIN[:-1], -0.1, *last])
    assert set(points[-1].broken) == rules and points[-1].wrong == bool(rules - {Rule.WARNING})
    assert not any(point.broken for point in points[: len(PLAIN)])


def test_a_bias_from_the_start_is_not_taken_for_the_readers_own_spread():
    steady = in_spreads([10.0, 11, 9, 10, 10, 11, 9, 10, 10, 10])
    assert steady is not None and Rule.TEN_X in chart(steady)[-1].broken
    assert in_spreads([1.0, 2.0]) is None and in_spreads([0.0] * 8) is None


def test_how_far_two_readers_agree():
    rng = np.random.default_rng(4)
    truth = rng.uniform(50, 400, 30)
    alike, apart = (agreement_of(pairs(rng.poisson(truth), rng.poisson(truth * k))) for k in (1, 2))
    assert isinstance(alike, float) and isinstance(apart, float) and alike > 0.95 > 0.7 > apart
    assert not isinstance(bias(pairs(truth[:3], truth[:3])), Bias)
