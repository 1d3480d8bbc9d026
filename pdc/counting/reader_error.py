"""What reading changes: the corrected count minus the model's, from reviews. The second error of a result, beside chance.

An interval of chance claims nothing about a model that misses every eighth cell; this line does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from pdc.counting.replicates import WITHIN

FEWEST = 5  # reviews, below which nothing is said


@dataclass(frozen=True, slots=True)
class ReaderError:
    """Per cent of the count, over `n` reviews. `bias` is how far the model's counts lay off on average.

    `spread` is the half-width in which 95 % of the totals of as many fields would lie about it.
    """

    bias: float
    spread: float
    n: int


def reader_error(pairs: Sequence[tuple[int, int]], fields: int, total: int) -> ReaderError | None:
    """Of (the model's count, the corrected count) of reviewed images, for a sample of `fields` fields with `total` objects.

    None for fewer than FEWEST reviews, or where nothing was counted.
    """
    n, corrected = len(pairs), sum(after for _, after in pairs)
    if n < FEWEST or not total or not fields or not corrected:
        return None
    changes = [after - before for before, after in pairs]
    mean = sum(changes) / n
    spread = sqrt(sum((c - mean) ** 2 for c in changes) / (n - 1))
    per_object = total / fields / (corrected / n)  # the sample's fields may be fuller than those reviewed
    return ReaderError(100 * mean * n / corrected, 100 * WITHIN * spread * sqrt(per_object * fields) / total, n)
