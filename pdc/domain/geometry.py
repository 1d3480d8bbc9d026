"""Pure maths on marks: rescale, clip, IoU, distance and reading order. Pixels in, pixels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import hypot
from typing import overload

from pdc.domain.values import Box, Findings, Mark, Point, Shape

Size = tuple[int, int]


def rescale(shape: Shape, from_wh: Size, to_wh: Size) -> Shape:
    """The same place in an image of another size; sizes are (width, height) in pixels."""
    sx, sy = to_wh[0] / from_wh[0], to_wh[1] / from_wh[1]
    if isinstance(shape, Point):
        return Point(shape.x * sx, shape.y * sy)
    return Box(shape.x1 * sx, shape.y1 * sy, shape.x2 * sx, shape.y2 * sy)


@overload
def clip(shape: Point, wh: Size) -> Point: ...
@overload
def clip(shape: Box, wh: Size) -> Box: ...
@overload
def clip(shape: Shape, wh: Size) -> Shape: ...
def clip(shape: Shape, wh: Size) -> Shape:
    """The part of the shape that lies in an image of (width, height) pixels; at least a point on its border."""
    w, h = wh
    if isinstance(shape, Point):
        return Point(min(max(shape.x, 0.0), w), min(max(shape.y, 0.0), h))
    x1, x2 = (min(max(v, 0.0), w) for v in (shape.x1, shape.x2))
    y1, y2 = (min(max(v, 0.0), h) for v in (shape.y1, shape.y2))
    return Box(x1, y1, x2, y2)


def map_findings(findings: Findings, change: Callable[[Shape], Shape]) -> Findings:
    """The findings with each place changed, corner by corner where a mark has an outline."""

    def moved(x: float, y: float) -> tuple[float, float]:
        c = change(Point(x, y)).center
        return c.x, c.y

    def changed(mark: Mark) -> Mark:
        outline = tuple(tuple(moved(*corner) for corner in polygon) for polygon in mark.outline)
        return replace(mark, shape=change(mark.shape), outline=outline, extent=_changed(mark.extent, change))

    return replace(findings, marks=tuple(map(changed, findings.marks)))


def _changed(extent: Box | None, change: Callable[[Shape], Shape]) -> Box | None:
    changed = extent and change(extent)
    return changed if isinstance(changed, Box) else None


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1; 0 for two boxes without area."""
    w = min(a.x2, b.x2) - max(a.x1, b.x1)
    h = min(a.y2, b.y2) - max(a.y1, b.y1)
    overlap = max(w, 0.0) * max(h, 0.0)
    union = a.area + b.area - overlap
    return overlap / union if union > 0 else 0.0


def distance(a: Shape, b: Shape) -> float:
    """Pixels between the centres."""
    p, q = a.center, b.center
    return hypot(p.x - q.x, p.y - q.y)


def reading_order(marks: Sequence[Mark], wh: Size, cell: float) -> list[Mark]:
    """Marks row by row, then left to right, by the square cell of `cell` pixels that holds their centre.

    This is the order in which a model's visual tokens pass by, which makes the list learnable.
    """

    def key(mark: Mark) -> tuple[int, int, float, float]:
        c = clip(mark.shape.center, wh)
        return int(c.y // cell), int(c.x // cell), c.y, c.x

    return sorted(marks, key=key)
