"""Does a score tell images with an object from images without, and objects from false alarms? Two curves, as numbers.

AUROC   the probability that an image with an object scores higher than one without; ties count half (Hanley & McNeil 1982).
        The score of an image is that of its best mark, and 0 without one.
FROC    sensitivity per object against false marks an image, over all scores (Bunch et al. 1977; the rates are those of LUNA16,
        Setio et al. 2017, up to 2). An object is found by its best mark that hits it; other marks that hit an object cost
        nothing, those that hit none are false.

Both take every mark, doubtful ones too. Intervals are percentile bootstraps over groups of images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from finetune.evaluate.bootstrap import Estimate, Group, interval, item_weights
from pdc.domain.values import Mark

RATES = (0.125, 0.25, 0.5, 1.0, 2.0)  # false marks an image
MISSED = -1.0  # the score of an object that no mark hits
Hits = Callable[[Mark, Mark], bool]  # found, true


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """The score at which each object of an image is found, MISSED where it is not, and the scores of its false marks."""

    objects: tuple[float, ...]
    false: tuple[float, ...]
    group: Group = None


def judge(true: Sequence[Mark], found: Sequence[Mark], hits: Hits, group: Group = None) -> JudgedImage:
    """An image by its true marks and all that were found; those of another label hit nothing."""
    held = [[t.label == f.label and hits(f, t) for t in true] for f in found]
    objects = tuple(
        max((score_of(f) for f, row in zip(found, held, strict=True) if row[i]), default=MISSED) for i in range(len(true))
    )
    return JudgedImage(objects, tuple(score_of(f) for f, row in zip(found, held, strict=True) if not any(row)), group)


def score_of(mark: Mark) -> float:
    """A mark without a score is as sure as can be."""
    return 1.0 if mark.score is None else mark.score


def best_score(marks: Sequence[Mark]) -> float:
    """The score of an image: that of its best mark, 0 without one."""
    return max(map(score_of, marks), default=0.0)


def froc(images: Sequence[JudgedImage], rates: Sequence[float] = RATES, resamples: int = 1000) -> dict[float, Estimate]:
    """Sensitivity per object at each rate of false marks an image; empty where there is no object."""
    scores, owners = _flat([image.objects for image in images])
    false, sources = _flat([image.false for image in images])
    if not len(scores):
        return {}
    order = np.argsort(-false, kind="stable")
    false, sources = false[order], sources[order]

    def at(rate: float, weights: np.ndarray) -> np.ndarray:
        """float [draws]: sensitivity, counting marks that score above the first false one too many."""
        tally = weights[:, sources].cumsum(1) > rate * weights.sum(1, keepdims=True)
        too_many = np.where(tally.any(1), tally.argmax(1), len(false))
        least = np.append(false, MISSED)[too_many]
        there = weights[:, owners]
        return (there * (scores > least[:, None])).sum(1) / np.maximum(there.sum(1), 1)

    once, drawn = np.ones((1, len(images)), int), item_weights([image.group for image in images], resamples)
    drawn = drawn[drawn[:, owners].sum(1) > 0]
    return {rate: Estimate(float(at(rate, once)[0]), *interval(at(rate, drawn))) for rate in rates}


def auroc(
    with_object: Sequence[float],
    without: Sequence[float],
    groups: tuple[Sequence[Group], Sequence[Group]] | None = None,
    resamples: int = 1000,
) -> Estimate | None:
    """Of images' scores; `groups` of both lists, where they are known. None where one of them is empty."""
    n, m = len(with_object), len(without)
    if not n or not m:
        return None
    a, b = np.array(with_object)[:, None], np.array(without)[None]
    wins = (a > b) + 0.5 * (a == b)
    drawn = item_weights([*groups[0], *groups[1]] if groups else [None] * (n + m), resamples)
    left, right = drawn[:, :n], drawn[:, n:]
    whole = left.sum(1) * right.sum(1)
    values = ((left @ wins) * right).sum(1)[whole > 0] / whole[whole > 0]
    return Estimate(float(wins.mean()), *interval(values))


def _flat(lists: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """All scores in a row, and of which image each is."""
    owners = [i for i, some in enumerate(lists) for _ in some]
    return np.array([score for some in lists for score in some], float), np.array(owners, int)
