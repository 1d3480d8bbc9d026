"""The numbers of `pdc.domain.certainty.counts`, fitted to images whose objects are known, and how well they then hold. Pure.

A mark stands for an object where the two touch (COUNTED), one to one: for a count it is no matter where exactly a box ends.

    slope, offset      logistic regression of that on the score's logit
    unlisted, missed   Poisson regression of the objects without a mark, both at least 0, by expectation maximisation (Richardson
                       1972, Lucy 1974: each number times the share of the missed objects that it explains)
    spread             by moments: what the squared residuals exceed the Poisson variance by, per squared mean

Held numbers come from models fitted to the other groups of images (K-fold), so that no image measures its own fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pdc.domain.certainty import logistic
from pdc.domain.certainty.counts import CountModel, Distribution, span
from pdc.domain.matching import COUNTED, match
from pdc.domain.values import Mark

FOLDS = 5
STEPS = 500
MOST_SPREAD = 10.0
BINS = 10


@dataclass(frozen=True, slots=True)
class Counted:
    """One label in one image: its marks' scores and whether each stands for an object, the number shown, the number of objects,
    and the list's own probability of going on. Images of one group are never on both sides of a fold."""

    scores: tuple[float, ...]
    stands: tuple[bool, ...]
    shown: int
    there: int
    more: float
    group: object

    @property
    def missed(self) -> int:
        return self.there - sum(self.stands)


@dataclass(frozen=True, slots=True)
class Held:
    """How well P(count) holds on n images. `none` and `right` (that the shown count is right): expected calibration error and
    Brier score; `share_right`: how often it is; `covered`: how often the range of 90 % holds the true count; `width`: of it."""

    n: int
    none: tuple[float, float]
    right: tuple[float, float]
    share_right: float
    covered: float
    width: float


def counted(label: str, found: Sequence[Mark], true: Sequence[Mark], more: float, group: object) -> Counted:
    """From all marks of an answer, doubtful ones too, and the true ones."""
    marks, objects = ([m for m in some if m.label == label] for some in (found, true))
    hits = {i for i, _ in match(marks, objects, min_iou=COUNTED.iou)}
    scores = tuple(m.score or 0.0 for m in marks)
    stands = tuple(i in hits for i in range(len(marks)))
    return Counted(scores, stands, sum(m.counts for m in marks), len(objects), more, group)


def fit(seen: Sequence[Counted]) -> CountModel:
    """The model of a label. Without a single mark every score is taken at its word."""
    scored = [pair for c in seen for pair in zip(c.scores, c.stands, strict=True)]
    curve = logistic.fit(scored) if scored else logistic.Logistic(1.0, 0.0)
    causes = np.array([[c.more, sum(map(curve.right, c.scores))] for c in seen], float)
    missed = np.array([c.missed for c in seen], float)
    shares = _shares(causes, missed)
    mean = causes @ shares
    over = float(((missed - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-9))
    unlisted, per_object = (round(float(s), 4) for s in shares)
    spread = round(min(max(over, 0.0), MOST_SPREAD), 4)
    return CountModel(round(curve.slope, 4), round(curve.offset, 4), unlisted, per_object, spread)


def _shares(causes: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Non-negative factors of the two causes [n, 2] that make the missed [n] likeliest as Poisson counts."""
    shares, weight = np.full(2, 0.1), np.maximum(causes.sum(0), 1e-9)
    for _ in range(STEPS):
        shares = shares * (causes.T @ (missed / (causes @ shares + 1e-9))) / weight
    return shares


def held_out(seen: Sequence[Counted], folds: int = FOLDS) -> list[Distribution]:
    """Each image's distribution by a model that was fitted to the other folds' groups."""
    groups = list(dict.fromkeys(c.group for c in seen))
    fold = {group: i % folds for i, group in enumerate(groups)}
    models = [fit([c for c in seen if fold[c.group] != i]) for i in range(min(folds, len(groups)))]
    return [models[fold[c.group]].distribution(c.scores, c.more) for c in seen]


def measure(seen: Sequence[Counted], distributions: Sequence[Distribution]) -> Held:
    """How well distributions of at least one image hold."""
    both = list(zip(seen, distributions, strict=True))
    none = [(of.get(0, 0.0), c.there == 0) for c, of in both]
    right = [(of.get(c.shown, 0.0), c.there == c.shown) for c, of in both]
    ranges = [(*span(of, c.shown), c.there) for c, of in both]
    return Held(
        len(both),
        (calibration_error(none), brier(none)),
        (calibration_error(right), brier(right)),
        sum(r for _, r in right) / len(right),
        sum(low <= there <= high for low, high, there in ranges) / len(ranges),
        sum(high - low for low, high, _ in ranges) / len(ranges),
    )


def calibration_error(said: Sequence[tuple[float, bool]], bins: int = BINS) -> float:
    """Expected calibration error over bins of equally many images, 0 to 1."""
    parts = np.array_split(np.array(sorted(said), float), bins)
    return float(sum(abs((part[:, 0] - part[:, 1]).sum()) for part in parts) / len(said))


def brier(said: Sequence[tuple[float, bool]]) -> float:
    """Mean squared difference of probability and outcome, 0 to 1."""
    return float(np.mean([(p - outcome) ** 2 for p, outcome in said]))
