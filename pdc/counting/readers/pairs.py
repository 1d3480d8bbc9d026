"""Two counts of one sample, or of one slide at two times: by how much they differ, and how far they agree. Pure.

Sources: limits of agreement, Bland & Altman 1986 and 1999 (differences in per cent of the mean); ICC(2,1), Shrout & Fleiss 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from pdc.counting.replicates import WITHIN
from pdc.domain.agreement.measures import FEW_IMAGES, Measured, icc
from pdc.domain.message import Message

FEWEST = 5  # pairs, below which no bias is said


@dataclass(frozen=True, slots=True)
class Pair:
    """Two counts of what `name` names: by `readers` one and other, or by one reader at two times. `agreed`: by the test of the
    protocol; None: no test was made."""

    name: str
    at: datetime
    readers: tuple[str, str]
    counts: tuple[int, int]
    agreed: bool | None = None

    @property
    def percent(self) -> float:
        """How much more the second is, in per cent of their mean; 0 where nothing was found twice."""
        total = sum(self.counts)
        return 200 * (self.counts[1] - self.counts[0]) / total if total else 0.0

    @property
    def spreads(self) -> float:
        """How many standard deviations of chance the second count lies above the first, each of objects of its own."""
        total = sum(self.counts)
        return (self.counts[1] - self.counts[0]) / sqrt(total) if total else 0.0


@dataclass(frozen=True, slots=True)
class Bias:
    """Mean difference in per cent with its 95 % interval (Student), and the limits that hold 95 % of single differences."""

    n: int
    percent: float
    low: float
    high: float
    lower: float
    upper: float

    @property
    def found(self) -> bool:
        """Whether the two differ by more than chance explains, in 95 of 100."""
        return not self.low <= 0 <= self.high


def bias(pairs: Sequence[Pair]) -> Bias | Message:
    """Of the second over the first; a sentence for fewer than FEWEST pairs."""
    from scipy.stats import t

    n = len(pairs)
    if n < FEWEST:
        return Message("{n} pairs; a bias is said from {least} on.", n=n, least=FEWEST)
    apart = [p.percent for p in pairs]
    mean = sum(apart) / n
    spread = sqrt(sum((d - mean) ** 2 for d in apart) / (n - 1))
    half = float(t.ppf(0.975, n - 1)) * spread / sqrt(n)
    return Bias(n, mean, mean - half, mean + half, mean - WITHIN * spread, mean + WITHIN * spread)


def agreement_of(pairs: Sequence[Pair]) -> Measured:
    """ICC(2,1) of the two counts, absolute agreement of single counts."""
    if len(pairs) < FEWEST:
        return FEW_IMAGES
    sums = [float(sum(p.counts[i] for p in pairs)) for i in (0, 1)]
    squares, of_sums = (sum(f) for f in zip(*((sum(n**2 for n in p.counts), sum(p.counts) ** 2) for p in pairs), strict=True))
    return icc(float(len(pairs)), sums, float(squares), float(of_sums))
