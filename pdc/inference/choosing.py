"""Active learning: which images a reader should correct next, by uncertainty and diversity together.

Uncertainty alone would choose the same kind of image ten times over; diversity alone, what the model has long known. So the
images are clustered by their features with weights that are their uncertainties (CLUE; Prabhu et al. 2021, arXiv
2010.08666), into as many clusters as images are wanted. The most uncertain of each cluster is chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from pdc.domain.values import Findings

ITERATIONS = 20


def uncertainty(findings: Findings | None, counts: Mapping[str, Mapping[int, float]] = MappingProxyType({})) -> float:
    """The number of edits that the model itself expects; infinite for an unreadable answer.

    Expected wrong marks, sum of (1 - score), and expected missed ones, sum over n > k of p(n) (n - k), where k marks of a
    label were given and p is the model's distribution of its count.
    """
    if findings is None:
        return float("inf")
    given = Counter(m.label for m in findings.marks)
    missed = sum(p * max(0, n - given[label]) for label, distribution in counts.items() for n, p in distribution.items())
    return missed + sum(1 - (m.score or 0.0) for m in findings.marks)


def choose_diverse(features: np.ndarray, uncertainties: Sequence[float], n: int, rng: np.random.Generator) -> list[int]:
    """Indices of `n` images, the most uncertain first, given `features` [images, d] and the uncertainty of each.

    One of each of `n` clusters; where there are fewer distinct images than that, the most uncertain of the rest as well.
    """
    doubt = np.array(uncertainties, float)
    finite = np.isfinite(doubt)
    doubt[~finite] = doubt[finite].max(initial=0) + 1
    weights = doubt + 1e-3 * max(doubt.max(initial=0), 1)  # an image without any doubt still belongs to a cluster
    points = (features - features.mean(0)) / (features.std(0) + 1e-6)
    cluster = _clusters(points, weights, min(n, len(points)), rng)
    by_doubt = sorted(range(len(points)), key=lambda i: -doubt[i])
    # A dictionary keeps the last value of a key: in reverse order the most uncertain image of each cluster.
    first = list({cluster[i]: i for i in reversed(by_doubt)}.values())
    rest = [i for i in by_doubt if i not in first]
    return sorted(first, key=by_doubt.index) + rest[: n - len(first)]


def _clusters(points: np.ndarray, weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The cluster of each of points [m, d]: weighted k-means, started by k-means++ (Arthur & Vassilvitskii 2007).

    k-means++ draws each next seed with a probability that grows with the squared distance to the nearest seed so far.
    """
    seeds = [int(rng.choice(len(points), p=weights / weights.sum()))]
    for _ in range(k - 1):
        far = weights * _squared_distances(points, points[seeds]).min(1)
        if far.sum() <= 0:  # nothing but copies is left
            break
        seeds.append(int(rng.choice(len(points), p=far / far.sum())))
    centres = points[seeds]
    for _ in range(ITERATIONS):
        cluster = _squared_distances(points, centres).argmin(1)
        centres = np.stack(
            [
                np.average(points[cluster == c], axis=0, weights=weights[cluster == c]) if (cluster == c).any() else centres[c]
                for c in range(len(centres))
            ]
        )
    return cluster


def _squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances [points, centres]."""
    return ((points[:, None] - centres[None]) ** 2).sum(-1)
