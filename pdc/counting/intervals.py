"""Intervals of what chance alone does to a count, a percentage and a ratio. They say nothing about whether the count is right.

Sources: counts, Garwood 1936; percentages, Clopper & Pearson 1934, or Wilson 1927.
"""

from __future__ import annotations

from math import inf
from typing import Literal

Interval = tuple[float, float]
CONFIDENCE = 0.95
Method = Literal["exact", "wilson"]


def poisson(n: int, confidence: float = CONFIDENCE) -> Interval:
    """Of a count: the exact limits of its mean; of 0, up to 3.7."""
    from scipy.stats import chi2

    if n < 0:
        raise ValueError(f"a count is 0 or more, not {n}")
    miss = (1 - confidence) / 2
    low = float(chi2.ppf(miss, 2 * n)) / 2 if n else 0.0
    return low, float(chi2.ppf(1 - miss, 2 * n + 2)) / 2


def binomial(k: int, n: int, method: Method = "exact", confidence: float = CONFIDENCE) -> Interval:
    """Of k in n: the limits of the share, 0 to 1. Both sides always, as tables for differentials give them."""
    from scipy.stats import binomtest

    if not 0 <= k <= n or n == 0:
        raise ValueError(f"a share needs 0 <= k <= n and n > 0, not {k} of {n}")
    found = binomtest(k, n).proportion_ci(confidence, method)
    return float(found.low), float(found.high)


def ratio(k: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Of k counted beside n others, such as parasites per white cell: the limits of k / n, by the share of k in both."""
    if k == n == 0:
        return 0.0, inf
    low, high = binomial(k, k + n, confidence=confidence)
    return _odds(low), _odds(high)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else inf
