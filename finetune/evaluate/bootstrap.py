"""Ratios of sums over images, with the 95 % interval of a percentile bootstrap (Efron & Tibshirani 1993).

Images are drawn, never marks, because the marks of one image are not independent. Where it is known which images belong
together (one patient, one sequence, one slide), whole groups are drawn: the cluster bootstrap (Davison & Hinkley 1997,
section 3.8). The same seed gives the same draws, so that two models on the same images are compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RESAMPLES = 1000
SEED = 0
FEW_GROUPS = 10  # an interval from fewer is too narrow to rely on (Cameron, Gelbach & Miller 2008)
Sums = Callable[[np.ndarray], np.ndarray]
Group = Hashable | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap interval; None where nothing could be measured (no marks, no answers)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def rounded(estimate: Estimate | None) -> list[float] | None:
    """[value, lower, upper end], to three places: what files of numbers hold."""
    return estimate and [round(v, 3) for v in (estimate.value, estimate.low, estimate.high)]


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the drawn values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def draws(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """int64 [resamples, n]: which of n units each draw holds, with replacement."""
    return np.random.default_rng(seed).integers(n, size=(resamples, n)) if n else np.zeros((0, 0), np.int64)


def units(groups: Sequence[Group]) -> list[np.ndarray]:
    """What is drawn whole: the indices of each group's items, groups in order of appearance. An item of group None is a unit.

    A single group cannot be drawn from, so its items are the units.
    """
    found: dict[Group | tuple[None, int], list[int]] = {}
    for i, group in enumerate(groups):
        found.setdefault((None, i) if group is None else group, []).append(i)
    members = found.values() if len(found) > 1 else ([i] for i in range(len(groups)))
    return [np.array(m) for m in members]


def totals(table: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED, groups: Sequence[Group] | None = None) -> np.ndarray:
    """float64 [resamples, columns]: the sums of each draw over the rows (images) of `table`, whose `groups` are drawn whole."""
    if not len(table):
        return np.zeros((0, table.shape[1]))
    summed = table if groups is None else np.stack([table[members].sum(0) for members in units(groups)])
    return _weights(len(summed), resamples, seed) @ summed


@lru_cache(maxsize=16)  # many sums of the same images are drawn
def _weights(n: int, resamples: int, seed: int) -> np.ndarray:
    """int64 [resamples, n]: how often each draw holds each unit."""
    return np.stack([np.bincount(row, minlength=n) for row in draws(n, resamples, seed)])


def item_weights(groups: Sequence[Group], resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """int64 [resamples, items]: how often each draw holds each item; items of a group are drawn together."""
    drawn = units(groups)
    unit = np.zeros(len(groups), int)
    for i, members in enumerate(drawn):
        unit[members] = i
    counts = [np.bincount(row, minlength=len(drawn)) for row in draws(len(drawn), resamples, seed)]
    return np.stack(counts)[:, unit] if counts else np.zeros((0, 0), np.int64)


def ratio(table: np.ndarray, drawn: np.ndarray, part: Sums, whole: Sums) -> Estimate | None:
    """part / whole of the sums over all images; None when undefined. Draws where it is undefined are left out."""
    total = table.sum(0)
    if whole(total) == 0:
        return None
    defined = drawn[whole(drawn) > 0]
    return Estimate(float(part(total) / whole(total)), *interval(part(defined) / whole(defined)))


def ratio_of_pairs(
    pairs: Sequence[tuple[float, float]], resamples: int = RESAMPLES, seed: int = SEED, groups: Sequence[Group] | None = None
) -> Estimate | None:
    """Sum of the first / sum of the second, one pair an image; None when there is nothing to divide by."""
    table = np.array(pairs, float).reshape(-1, 2)
    return ratio(table, totals(table, resamples, seed, groups), lambda s: s[..., 0], lambda s: s[..., 1])


def mean(
    values: Sequence[float] | np.ndarray, resamples: int = RESAMPLES, seed: int = SEED, groups: Sequence[Group] | None = None
) -> Estimate | None:
    """The mean of one number per image; None when there are none."""
    return ratio_of_pairs([(float(v), 1.0) for v in values], resamples, seed, groups)
