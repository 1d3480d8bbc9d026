"""How likely is so much by chance? Tails of distributions over images whose marks hang together. Pure.

Marks of one image are not independent: where the model errs once, it errs again. n marks in images of m each count like
n / (1 + (m - 1) * TOGETHER) independent ones (Kish's design effect).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import ceil, exp, floor, lgamma, log

import numpy as np

TOGETHER = 0.1  # correlation of the errors within an image
NOTHING = 1e-18  # of a sum: less than a float can tell


def design_effect(sizes: Iterable[int]) -> float:
    """By how much marks count less than independent ones, from the number of marks in each image."""
    seen = [n for n in sizes if n]
    return 1 + (sum(n * n for n in seen) / sum(seen) - 1) * TOGETHER if seen else 1.0


def at_least(k: int, sizes: Sequence[int], chance: float) -> float:
    """P(k or more of all marks), where each has this chance; `sizes` are the numbers of marks in each image."""
    effect = design_effect(sizes)
    return binomial_tail(floor(k / effect + 1e-9), max(1, ceil(sum(sizes) / effect)), chance)


def binomial_tail(k: int, n: int, chance: float) -> float:
    """P(at least k of n), with a chance above 0 and below 1."""
    if k <= 0:
        return 1.0
    found = 0.0
    for i in range(k, n + 1):
        more = exp(_log_ways(n, i) + i * log(chance) + (n - i) * log(1 - chance))
        found += more
        if i > n * chance and more <= found * NOTHING:  # each that follows is less
            break
    return min(1.0, found)


def fisher(k: int, n: int, others_k: int, others_n: int) -> float:
    """P(at least k of n) when k + others_k marks are spread by chance over n + others_n (hypergeometric upper tail)."""
    total, ways = k + others_k, _log_ways(n + others_n, k + others_k)
    likely = range(max(k, total - others_n), min(n, total) + 1)
    return min(1.0, sum(exp(_log_ways(n, i) + _log_ways(others_n, total - i) - ways) for i in likely))


def scaled_fisher(k: int, n: int, others_k: int, others_n: int, effect: float) -> float:
    """Fisher's test of marks that count for so much less; rounded so that no chance seems smaller than it is."""
    small, size = floor(k / effect + 1e-9), max(1, ceil(n / effect))
    return fisher(small, size, ceil(others_k / effect - 1e-9), max(1, ceil(others_n / effect))) if small else 1.0


def images_at_most(k: int, chances: Collection[float]) -> float:
    """P(k or fewer images), where each image has a chance of its own (Poisson binomial)."""
    of = np.zeros(k + 1)  # of the number of images: its probability at 0, 1, 2 ... k
    of[0] = 1
    for p in chances:
        of[1:] = of[1:] * (1 - p) + of[:-1] * p
        of[0] *= 1 - p
    return min(1.0, float(of.sum()))


def _log_ways(n: int, k: int) -> float:
    """The logarithm of n choose k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
