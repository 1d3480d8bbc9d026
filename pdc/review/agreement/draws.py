"""A measure of sums over images, with its 95 % interval by the percentile bootstrap (Efron & Tibshirani 1993).

Images are drawn, never marks, because the marks of one image are not independent; images of one group (a patient, a slide) are
drawn together. The seed is fixed: the same reads give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from pdc.domain.agreement.measures import Measured
from pdc.domain.agreement.rows import Estimate
from pdc.domain.message import Message

RESAMPLES = 1000
SEED = 0
FEWEST = 5  # groups; an interval of fewer says little
DEFINED = 0.9  # of the draws; where fewer have a value, the interval would be that of a part

NO_INTERVAL = "No interval: it needs {n} images or groups that can differ."
Sums = Sequence[float]


def estimate(groups: Sequence[str], sums: Sequence[Sums], measure: Callable[[Sums], Measured]) -> Estimate:
    """The measure of all images, of which `sums` holds what each adds up to, and `groups` which belong together.

    The interval is left out where it would mislead.
    """
    table = np.array(sums, float)
    value = measure(table.sum(0).tolist())
    if isinstance(value, Message):
        return Estimate(None, why=value)
    names, unit = np.unique(groups, return_inverse=True)
    units = np.zeros((len(names), table.shape[1]))
    np.add.at(units, unit, table)
    if np.any(units != 0, axis=1).sum() < FEWEST:
        return Estimate(value, why=Message(NO_INTERVAL, n=FEWEST))
    return _with_interval(value, [measure(drawn) for drawn in (_weights(len(units)) @ units).tolist()])


@lru_cache(maxsize=4)
def _weights(n: int) -> np.ndarray:
    """int64 [resamples, n]: how often each draw holds each of n groups."""
    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)


def _with_interval(value: float, drawn: Sequence[Measured]) -> Estimate:
    defined = [v for v in drawn if not isinstance(v, Message)]
    if len(defined) < DEFINED * len(drawn):
        return Estimate(value, why=Message(NO_INTERVAL, n=FEWEST))
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
