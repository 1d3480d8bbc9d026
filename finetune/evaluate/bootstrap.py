"""Ratios of sums over images, with the 95 % interval of a percentile bootstrap (Efron & Tibshirani 1993).

Images are drawn, never marks, because the marks of one image are not independent. The same seed gives the same draws, so
that two models on the same images are compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
SEED = 0
Sums = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap interval; None where nothing could be measured (no marks, no answers)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def draws(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """int64 [resamples, n]: which of n images each draw holds, with replacement."""
    return np.random.default_rng(seed).integers(n, size=(resamples, n)) if n else np.zeros((0, 0), np.int64)


def totals(table: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """float64 [resamples, columns]: the sums of each draw over the rows (images) of `table`."""
    if not len(table):
        return np.zeros((0, table.shape[1]))
    weights = np.stack([np.bincount(row, minlength=len(table)) for row in draws(len(table), resamples, seed)])
    return weights @ table


def ratio(table: np.ndarray, drawn: np.ndarray, part: Sums, whole: Sums) -> Estimate | None:
    """part / whole of the sums over all images; None when undefined. Draws where it is undefined are left out."""
    total = table.sum(0)
    if whole(total) == 0:
        return None
    defined = drawn[whole(drawn) > 0]
    low, high = np.percentile(part(defined) / whole(defined), [2.5, 97.5])
    return Estimate(float(part(total) / whole(total)), float(low), float(high))


def mean(values: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate | None:
    """The mean of one number per image; None when there are none."""
    table = np.stack([np.asarray(values, float), np.ones(len(values))], 1)
    return ratio(table, totals(table, resamples, seed), lambda s: s[..., 0], lambda s: s[..., 1])
