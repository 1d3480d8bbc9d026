"""Drawn pictures of counting chambers: ruled, turned, blurred, lines hidden, cells on them."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from pdc.counting.chambers import Pattern


@dataclass(frozen=True)
class Drawn:
    """`x`, `y`: a place where a square begins, in pixels of the image; `period` in pixels."""

    image: np.ndarray
    x: float
    y: float
    period: float
    angle: float


def drawn_chamber(
    seed: int,
    pattern: Pattern | None,
    period: float,
    angle: float,
    *,
    size: tuple[int, int] = (640, 480),
    hidden: float = 0.3,
    cells: int = 60,
    apart: float = 1.0,
) -> Drawn:
    """A view of a chamber whose lines repeat after `period` pixels. A part `hidden` of its lines is missing, half of them wholly.

    `apart`: how far apart lines side by side are, in times the pattern's.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
    c, s = cos(radians(angle)), sin(radians(angle))
    ys, xs = np.mgrid[0:height, 0:width] + 0.5
    own = (xs - x0) * c + (ys - y0) * s, (ys - y0) * c - (xs - x0) * s
    thick, bright = rng.uniform(0.8, 1.6), rng.choice([-1, 1]) * rng.uniform(40, 70)
    image = np.full((height, width), 130.0)
    for across, along in (own, own[::-1]):
        for place in _places(pattern, period, across, apart):
            image += bright * np.exp(-(((across - place) / thick) ** 2) / 2) * _seen(rng, along, hidden)
    for _ in range(cells):
        centre, radius = (int(rng.uniform(0, width)), int(rng.uniform(0, height))), int(rng.uniform(4, 10))
        cv2.circle(image, centre, radius, float(rng.uniform(60, 200)), -1, cv2.LINE_AA)
        cv2.circle(image, centre, radius, float(rng.uniform(40, 90)), 1, cv2.LINE_AA)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.8)) + np.linspace(0, rng.uniform(-40, 40), width)
    return Drawn(np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8), x0, y0, period, angle)


def _places(pattern: Pattern | None, period: float, across: np.ndarray, apart: float) -> list[float]:
    if pattern is None:
        return []
    first, last = int(across.min() // period), int(across.max() // period) + 1
    lines = [line * apart if abs(line) < 0.02 else line for line in pattern.lines]
    return [(k + line / pattern.period) * period for k in range(first, last + 1) for line in lines]


def _seen(rng: np.random.Generator, along: np.ndarray, hidden: float) -> np.ndarray | float:
    """A line is wholly gone in half of the cases where it is hidden; else a stretch of it is."""
    if rng.random() < hidden / 2:
        return 0.0
    low, high = along.min(), along.max()
    start = rng.uniform(low, high)
    return 1.0 - ((along > start) & (along < start + hidden / 2 * (high - low)))
