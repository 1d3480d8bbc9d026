"""Another view of an image and its marks: a window of it, flipped and turned. Light, and exact for the marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Findings, Mark, Point, Shape

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

CUT_SHARE = 0.5  # of the views show a window
SMALLEST_WINDOW = 0.6  # of each side
LEAST_VISIBLE = 0.4  # share of a box's area that must be in the window for the box to be asked for


@dataclass(frozen=True, slots=True)
class AugmentedView:
    """`window` (x1, y1, x2, y2) in pixels of the image, then mirrored left-right, top-bottom, then x and y swapped."""

    window: tuple[int, int, int, int] | None = None
    mirror: bool = False
    flip: bool = False
    swap: bool = False

    def apply(self, image: PilImage, findings: Findings) -> tuple[PilImage, Findings]:
        """The image and its marks as this view shows them; marks mostly outside the window are gone."""
        from PIL.Image import Transpose

        if self.window is not None:
            findings = _inside(findings, self.window)
            image = image.crop(self.window)
        w, h = image.size
        for wanted, turn, change in (
            (self.mirror, Transpose.FLIP_LEFT_RIGHT, lambda x, y: (w - x, y)),
            (self.flip, Transpose.FLIP_TOP_BOTTOM, lambda x, y: (x, h - y)),
            (self.swap, Transpose.TRANSPOSE, lambda x, y: (y, x)),
        ):
            if wanted:
                image, findings = image.transpose(turn), _moved(findings, change)
        return image, findings


def random_view(wh: Size, rng: np.random.Generator, *, may_cut: bool) -> AugmentedView:
    """One of the eight symmetries, half the time of a window; `may_cut` is False where only a count is known."""
    window = _window(wh, rng) if may_cut and rng.random() < CUT_SHARE else None
    mirror, flip, swap = (bool(v) for v in rng.random(3) < 0.5)
    return AugmentedView(window, mirror, flip, swap)


def _window(wh: Size, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of the image's own aspect, 0.6 to 1 of each side."""
    share = rng.uniform(SMALLEST_WINDOW, 1.0)
    w, h = (max(1, round(side * share)) for side in wh)
    x, y = int(rng.integers(wh[0] - w + 1)), int(rng.integers(wh[1] - h + 1))
    return x, y, x + w, y + h


def _inside(findings: Findings, window: tuple[int, int, int, int]) -> Findings:
    x1, y1, x2, y2 = window
    moved = _moved(findings, lambda x, y: (x - x1, y - y1)).marks
    return replace(findings, marks=tuple(m for m in (_cut(m, (x2 - x1, y2 - y1)) for m in moved) if m is not None))


def _cut(mark: Mark, wh: Size) -> Mark | None:
    inside = clip(mark.shape, wh)
    if isinstance(mark.shape, Point) or isinstance(inside, Point):
        return mark if inside == mark.shape else None
    if inside.area < LEAST_VISIBLE * mark.shape.area or not inside.area:
        return None
    return replace(mark, shape=inside)


def _moved(findings: Findings, change: Callable[[float, float], tuple[float, float]]) -> Findings:
    return replace(findings, marks=tuple(replace(m, shape=_shape(m.shape, change)) for m in findings.marks))


def _shape(shape: Shape, change: Callable[[float, float], tuple[float, float]]) -> Shape:
    if isinstance(shape, Point):
        return Point(*change(shape.x, shape.y))
    (ax, ay), (bx, by) = change(shape.x1, shape.y1), change(shape.x2, shape.y2)
    return Box(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
