"""Which images a reader should correct next: those that the model expects to get wrong, no two of a kind.

Doubt alone would choose the same kind of image ten times over; spread alone would choose what is known long since. So images
are put into as many clusters as are wanted, in which each weighs as much as its doubt (CLUE; Prabhu et al. 2021, arXiv
2010.08666), and the most doubtful of each cluster is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pdc.domain.values import Findings

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

ITERATIONS = 20


def uncertainty(findings: Findings | None, counts: Mapping[str, Mapping[int, float]] = MappingProxyType({})) -> float:
    """How many edits the model itself expects: marks that are wrong, by their scores, and objects that it left out, by how
    likely each higher count was where it stopped. An unreadable answer is the most uncertain."""
    if findings is None:
        return float("inf")
    said = Counter(m.label for m in findings.marks)
    missed = sum(p * max(0, n - said[label]) for label, chances in counts.items() for n, p in chances.items())
    return missed + sum(1 - (m.score or 0.0) for m in findings.marks)


def describe_image(qwen: Qwen, image: PilImage) -> np.ndarray:
    """[2 * hidden]: mean and deviation over the visual tokens of what the vision tower makes of the image."""
    import torch

    with torch.inference_mode():
        seen = qwen.features(qwen.pixels(image)).float()
        return torch.cat([seen.mean(0), seen.std(0)]).cpu().numpy()


def choose_diverse(features: np.ndarray, doubts: Sequence[float], n: int, chance: np.random.Generator) -> list[int]:
    """Indices of `n` of the images, given `features` [images, d] and the doubt about each: the most doubtful of each of `n`
    clusters; where fewer clusters are to be had, the most doubtful of those left over."""
    sure = np.array(doubts, float)
    ended = np.isfinite(sure)
    sure[~ended] = sure[ended].max(initial=0) + 1
    weights = sure + 1e-3 * max(sure.max(initial=0), 1)  # nothing is beyond doubt
    points = (features - features.mean(0)) / (features.std(0) + 1e-6)
    cluster = _clusters(points, weights, min(n, len(points)), chance)
    by_doubt = sorted(range(len(points)), key=lambda i: -sure[i])
    first = list({cluster[i]: i for i in reversed(by_doubt)}.values())
    rest = [i for i in by_doubt if i not in first]
    return sorted(first, key=by_doubt.index) + rest[: n - len(first)]


def _clusters(points: np.ndarray, weights: np.ndarray, k: int, chance: np.random.Generator) -> np.ndarray:
    """The cluster of each of points [m, d]: weighted k-means from seeds drawn far apart (k-means++, Arthur 2007)."""
    seeds = [int(chance.choice(len(points), p=weights / weights.sum()))]
    for _ in range(k - 1):
        far = weights * _distances(points, points[seeds]).min(1)
        if far.sum() <= 0:  # nothing but copies is left
            break
        seeds.append(int(chance.choice(len(points), p=far / far.sum())))
    centres = points[seeds]
    for _ in range(ITERATIONS):
        cluster = _distances(points, centres).argmin(1)
        centres = np.stack(
            [
                np.average(points[cluster == c], axis=0, weights=weights[cluster == c]) if (cluster == c).any() else centres[c]
                for c in range(len(centres))
            ]
        )
    return cluster


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared, [points, centres]."""
    return ((points[:, None] - centres[None]) ** 2).sum(-1)
