"""What a test of two replicates can find, by exact sums: how often it sends back honest pairs, and pairs that differ.

It finds blunders, not a bias that both replicates share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor

from pdc.counting.replicates import AgreementTest, agreement, motility_allowed
from pdc.counting.rounding import figures
from pdc.domain.message import Message

DIFFERENCES = 0.2, 0.5  # of the two replicates' mean: what the sheet says the test finds
REACH = 7.0  # standard deviations of a sum that are looked at
HONEST = 0.055  # where a test sends back more honest pairs than this, the sheet says so
FINDS = "This test finds a difference of {small} between the replicates in {few} of 100 samples, and one of {large} in {many}."
SENDS_BACK = "Chance alone makes it send back {n} of 100 samples without a fault."


@lru_cache(maxsize=256)
def power(test: AgreementTest, mean: float, difference: float, share: float = 0.2) -> float:
    """The chance that the test sends a pair back, whose truths lie `difference` times their mean apart; 0: honest pairs.

    `mean` is that of the two counts; for `motility` that of the two percentages, each of 200.
    """
    if test is AgreementTest.MOTILITY:
        return _of_percentages(mean, difference)
    return _of_counts(test, mean, difference, share)


def said(test: AgreementTest, mean: float, share: float = 0.2) -> Sequence[Message]:
    """What the test can find at this mean, in sentences; and where it blames chance, how often."""
    mean = figures(mean, 2)  # nothing finer is said, and most samples of a day are worked out already
    few, many = (_hundred(power(test, mean, d, share)) for d in DIFFERENCES)
    small, large = (f"{d:.0%}" for d in DIFFERENCES)
    sentences = [Message(FINDS, small=small, few=few, large=large, many=many)]
    if (blamed := power(test, mean, 0.0, share)) > HONEST:
        sentences.append(Message(SENDS_BACK, n=_hundred(blamed)))
    return sentences


def _hundred(chance: float) -> int:
    return round(100 * chance)


def _of_counts(test: AgreementTest, mean: float, difference: float, share: float) -> float:
    """Given their sum, one of two Poisson counts is binomial; what is allowed depends on the sum alone."""
    import numpy as np
    from scipy.stats import binom, poisson

    spread = REACH * (2 * mean) ** 0.5 + REACH
    sums = np.arange(max(floor(2 * mean - spread), 0), ceil(2 * mean + spread) + 1)
    allowed = np.array([agreement(test, s / 2, s / 2, share).allowed for s in sums.tolist()], dtype=float)
    first = (1 + difference / 2) / 2
    above = binom.sf(np.floor((sums + allowed) / 2), sums, first)
    below = binom.cdf(np.ceil((sums - allowed) / 2) - 1, sums, first)
    return float((poisson.pmf(sums, 2 * mean) * (above + below)).sum())


def _of_percentages(mean: float, difference: float, n: int = 200) -> float:
    import numpy as np
    from scipy.stats import binom

    shares = [min(max(mean / 100 * (1 + side * difference / 2), 0.0), 1.0) for side in (1, -1)]
    counts = np.arange(n + 1)
    first, second = (binom.pmf(counts, n, share) for share in shares)
    allowed = np.array([motility_allowed(50 * s / n) for s in range(2 * n + 1)], dtype=float)  # None: nan, never exceeded
    apart = 100 / n * np.abs(counts[:, None] - counts[None])
    return float((first[:, None] * second[None] * (apart > allowed[counts[:, None] + counts[None]])).sum())
