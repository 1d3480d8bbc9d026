"""How fields are chosen, so that what was counted speaks for the whole. Which way was taken stands on the sheet.

Images ordered by doubt are for learning: counted first, they bias a density. A session therefore chooses by these functions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import pi, sqrt
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


class Way(StrEnum):
    """How the fields of a sample were chosen. A protocol allows the first three; `named`: one by one by the reader."""

    ALL = "all"
    SYSTEMATIC_RANDOM = "systematic random"
    HOT_SPOT = "hot spot"
    NAMED = "named"
    BY_DOUBT = "by doubt"


def systematic_random(fields: Sequence[T], n: int, seed: int) -> list[T]:
    """Every k-th field from a random first one on, in order: each has the same chance, and they spread over the sample."""
    if not 0 < n <= len(fields):
        raise ValueError(f"between 1 and {len(fields)} fields can be chosen, not {n}")
    step = len(fields) / n
    start = Random(seed).random() * step
    return [fields[int(start + i * step)] for i in range(n)]


@dataclass(frozen=True, slots=True)
class HotSpot:
    """A disc with the most objects in it. `density` is theirs per area, `overall` that of the whole; lengths as in the places."""

    x: float
    y: float
    radius: float
    inside: int
    density: float
    overall: float


def hot_spot(places: Iterable[tuple[float, float]], size: tuple[float, float], area: float) -> HotSpot | None:
    """The disc of this area, wholly inside `size` (width, height), that holds the most places; None without any, or room.

    Discs are tried on a grid of a quarter of the radius, wherever a place lies within a radius, so that the best one is missed by
    less than a quarter of the radius.
    """
    import numpy as np
    from scipy.spatial import KDTree

    points = np.array(list(places), dtype=float).reshape(-1, 2)
    radius = sqrt(area / pi)
    if not len(points) or 2 * radius > min(size):
        return None
    tree = KDTree(points)
    centres = np.clip(_around(points, radius), radius, np.array(size) - radius)
    found = tree.query_ball_point(centres, radius, return_length=True)
    best = int(np.argmax(found))
    x, y = centres[best]
    overall = len(points) / (size[0] * size[1])
    return HotSpot(float(x), float(y), radius, int(found[best]), float(found[best]) / area, overall)


def _around(points: np.ndarray, radius: float) -> np.ndarray:
    """Centres to try: cells of a grid, each within a radius of a place."""
    import numpy as np

    step = radius / 4
    offsets = np.arange(-4, 5) * step
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    cells = np.unique(np.round((points[:, None, :] + grid[None]) / step).reshape(-1, 2), axis=0)
    return cells * step
