"""What a score is worth, in two numbers: P(right) = 1 / (1 + exp(-(slope * logit(score) + offset))). Pure.

Fitted by Newton's method on targets that are kept off 0 and 1 (Platt 1999; Lin, Lin & Weng 2007), with a little ridge so that
equal scores do not make it singular.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

EDGE = 1e-3  # scores nearer to 0 or 1 than this tell no more
RIDGE = 1e-3
STEPS = 50


@dataclass(frozen=True, slots=True)
class Logistic:
    """The curve of the formula above; it never falls."""

    slope: float
    offset: float

    def right(self, score: float) -> float:
        """The probability that a mark with this score, 0 to 1, is right."""
        return _squashed(self.slope * logit(score) + self.offset)


def logit(score: float) -> float:
    clipped = min(max(score, EDGE), 1 - EDGE)
    return log(clipped / (1 - clipped))


def fit(scored: Iterable[tuple[float, bool]] | Counter[tuple[float, bool]]) -> Logistic:
    """The curve through at least one (score, whether the mark was right), or through how many there are of each."""
    marks = Counter(scored)
    kept = sum(n for (_, right), n in marks.items() if right)
    high, low = (kept + 1) / (kept + 2), 1 / (marks.total() - kept + 2)
    slope = offset = 0.0
    points = [(logit(score), high if right else low, n) for (score, right), n in marks.items()]
    for _ in range(STEPS):
        down, across = _newton_step(points, slope, offset)
        slope, offset = slope - down, offset - across
        if max(abs(down), abs(across)) < 1e-8:
            break
    return Logistic(max(slope, 0.0), offset)


def _newton_step(points: Sequence[tuple[float, float, int]], slope: float, offset: float) -> tuple[float, float]:
    """The step of at most 2 for (slope, offset), from gradient and Hessian of the log loss."""
    g1, g2, h11, h12, h22 = RIDGE * slope, RIDGE * offset, RIDGE, 0.0, RIDGE
    for x, target, n in points:
        p = _squashed(slope * x + offset)
        w, miss = n * p * (1 - p), n * (p - target)
        g1, g2 = g1 + miss * x, g2 + miss
        h11, h12, h22 = h11 + w * x * x, h12 + w * x, h22 + w
    det = h11 * h22 - h12 * h12
    steps = (h22 * g1 - h12 * g2) / det, (h11 * g2 - h12 * g1) / det
    return min(max(steps[0], -2.0), 2.0), min(max(steps[1], -2.0), 2.0)


def _squashed(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
