"""Twelve candidates that must not serve and six that must, at 20, 60 and 200 held-out images, by the real metrics and gate."""

from __future__ import annotations

import pytest
from drills import GOOD, REFUSED, Drill, metrics_of, objections_to

from pdc.adapters.promotion_gate import undecided

SEEDS = 20
PASS_AT_LEAST = 19


def names(drill: Drill) -> str:
    return drill.name


def stopped(drill: Drill, n: int, seeds: int) -> int:
    """In how many seeds something is said against it."""
    return sum(bool(objections_to(drill, n, seed)) for seed in range(seeds))


@pytest.mark.parametrize("drill", REFUSED, ids=names)
def test_a_candidate_that_fails_is_stopped_at_20_and_60_images(drill: Drill):
    assert [stopped(drill, 20, 2), stopped(drill, 60, 1)] == [2, 1]


@pytest.mark.parametrize("drill", GOOD, ids=names)
def test_a_good_candidate_passes_at_20_and_60_images(drill: Drill):
    assert stopped(drill, 20, 3) + stopped(drill, 60, 1) <= 1


@pytest.mark.nightly
@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("drill", REFUSED, ids=names)
def test_a_candidate_that_fails_is_stopped_whatever_the_images(drill: Drill, n: int):
    assert stopped(drill, n, SEEDS) == SEEDS


@pytest.mark.nightly
@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("drill", GOOD, ids=names)
def test_a_good_candidate_passes_whatever_the_images(drill: Drill, n: int):
    assert SEEDS - stopped(drill, n, SEEDS) >= PASS_AT_LEAST


def test_what_twenty_images_cannot_decide_is_said_of_a_candidate_that_passes():
    said = undecided(metrics_of(GOOD[4], 20, 1), "base")
    assert said and "cannot be decided" in said[-1]
