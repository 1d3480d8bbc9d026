"""Data augmentation: a view of an image and its marks, cropped and mirrored. No pixel is interpolated, so marks stay exact.

The views are the eight symmetries of the square (flips and quarter turns), which microscopy and endoscopy images share: they
have no up. A crop changes what is in sight, and so the count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Findings, Mark, Point, Shape

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

CROP_SHARE = 0.5  # of the views show a window only
SMALLEST_WINDOW = 0.6  # of each side
LEAST_VISIBLE = 0.4  # share of a box's area that must be in the window for the box to be asked for


@dataclass(frozen=True, slots=True)
class AugmentedView:
    """A view of an image: cropped to a window, then mirrored left-right, then top-bottom, then x and y swapped.

    `window` is (x1, y1, x2, y2) in pixels of the image. The three switches reach all eight symmetries of the square.
    """

    window: tuple[int, int, int, int] | None = None
    mirror: bool = False
    flip: bool = False
    swap: bool = False

    def apply(self, image: PilImage, findings: Findings) -> tuple[PilImage, Findings]:
        """The image and its marks as this view shows them; marks mostly outside the window are gone."""
        from PIL.Image import Transpose

        if self.window is not None:
            findings = _crop_marks(findings, self.window)
            image = image.crop(self.window)
        w, h = image.size
        for switched_on, transpose, map_point in (
            (self.mirror, Transpose.FLIP_LEFT_RIGHT, lambda x, y: (w - x, y)),
            (self.flip, Transpose.FLIP_TOP_BOTTOM, lambda x, y: (x, h - y)),
            (self.swap, Transpose.TRANSPOSE, lambda x, y: (y, x)),
        ):
            if switched_on:
                image, findings = image.transpose(transpose), _map_marks(findings, map_point)
        return image, findings


def random_view(wh: Size, rng: np.random.Generator, *, may_crop: bool) -> AugmentedView:
    """One of the eight symmetries, half the time of a window; `may_crop` is False where only a count is known."""
    window = _window(wh, rng) if may_crop and rng.random() < CROP_SHARE else None
    mirror, flip, swap = (bool(v) for v in rng.random(3) < 0.5)
    return AugmentedView(window, mirror, flip, swap)


def _window(wh: Size, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of the image's own aspect, 0.6 to 1 of each side."""
    share = rng.uniform(SMALLEST_WINDOW, 1.0)
    w, h = (max(1, round(side * share)) for side in wh)
    x, y = int(rng.integers(wh[0] - w + 1)), int(rng.integers(wh[1] - h + 1))
    return x, y, x + w, y + h


def _crop_marks(findings: Findings, window: tuple[int, int, int, int]) -> Findings:
    x1, y1, x2, y2 = window
    shifted = _map_marks(findings, lambda x, y: (x - x1, y - y1)).marks
    return replace(findings, marks=tuple(m for m in (_crop_mark(m, (x2 - x1, y2 - y1)) for m in shifted) if m is not None))


def _crop_mark(mark: Mark, wh: Size) -> Mark | None:
    """The part of a box that is in the window; None when too little is, or when a point is outside."""
    inside = clip(mark.shape, wh)
    if isinstance(mark.shape, Point) or isinstance(inside, Point):
        return mark if inside == mark.shape else None
    if inside.area < LEAST_VISIBLE * mark.shape.area or not inside.area:
        return None
    return replace(mark, shape=inside)


def _map_marks(findings: Findings, map_point: Callable[[float, float], tuple[float, float]]) -> Findings:
    return replace(findings, marks=tuple(replace(m, shape=_map_shape(m.shape, map_point)) for m in findings.marks))


def _map_shape(shape: Shape, map_point: Callable[[float, float], tuple[float, float]]) -> Shape:
    """A point's image, or the box of a box's two mapped corners."""
    if isinstance(shape, Point):
        return Point(*map_point(shape.x, shape.y))
    (ax, ay), (bx, by) = map_point(shape.x1, shape.y1), map_point(shape.x2, shape.y2)
    return Box(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
