"""The outlines that files draw: polygons in pixels, and the upright box around them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import cos, radians, sin, tau
from typing import Any, TypeGuard

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size, clip, iou
from pdc.domain.values import Box, Mark, Outline, Point, Polygon, Shape, check_outline

Corner = tuple[float, float]
ROUND = 64  # corners of a polygon that stands for an ellipse
MOST_CORNERS = 100_000
RAGGED = f"an outline has more than {MOST_CORNERS:,} corners; smooth it"
AGREES = 0.5  # IoU from which a box and the box around an outline are about one object


@dataclass(frozen=True, slots=True)
class Traced(Box):
    """A box with the outline of the object in it: what a file says about one object."""

    outline: Outline = ()

    def __post_init__(self) -> None:
        Box.__post_init__(self)
        check_outline(self.outline)


def outline_of(shape: Shape) -> Outline:
    return shape.outline if isinstance(shape, Traced) else ()


def untraced(shape: Shape) -> Shape:
    """The shape without its outline."""
    return Box(*shape.xyxy) if isinstance(shape, Traced) else shape


def drawn(mark: Mark) -> Shape:
    """A mark's shape together with its outline; a point has no place for one."""
    return Traced(*mark.shape.xyxy, mark.outline) if mark.outline and isinstance(mark.shape, Box) else mark.shape


def traced(outline: Outline, box: Box | None = None) -> Traced:
    """The outline in `box`, or in the smallest upright box around it. BadSetting when no editor could hold it."""
    if sum(map(len, outline)) > MOST_CORNERS:
        raise BadSetting(RAGGED)
    return Traced(*(box or around(chain.from_iterable(outline))).xyxy, outline)


def around(corners: Iterator[Corner] | Sequence[Corner]) -> Box:
    """The smallest upright box around corners."""
    xs, ys = zip(*corners, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def agrees(outline: Outline, box: Box) -> bool:
    """Whether the outline is of what is in the box."""
    return iou(around(chain.from_iterable(outline)), box) >= AGREES


def area(outline: Outline) -> float:
    """Pixels that the polygons enclose, each for itself."""
    return sum(abs(sum(x * v - u * y for (x, y), (u, v) in _sides(polygon))) / 2 for polygon in outline)


def _sides(polygon: Polygon) -> Iterator[tuple[Corner, Corner]]:
    return zip(polygon, (*polygon[1:], polygon[0]), strict=True)


def polygon_of(corners: Any, where: str) -> Polygon:
    """A polygon of a list of [x, y]; the first corner may be repeated at the end. BadSetting when it is none."""
    if not isinstance(corners, list | tuple) or not all(map(_is_corner, corners)):
        raise BadSetting("{where} has an outline whose corners are no pairs of numbers; correct the file.", where=where)
    polygon = tuple((c[0], c[1]) for c in corners)
    polygon = polygon[:-1] if len(polygon) > 1 and polygon[0] == polygon[-1] else polygon
    if len(polygon) < 3:
        raise BadSetting("{where} has an outline of fewer than three corners; correct the file.", where=where)
    return polygon


def _is_corner(value: Any) -> TypeGuard[Sequence[float]]:
    """Two numbers; a third one, a height, is not looked at."""
    return (
        isinstance(value, list | tuple)
        and len(value) in (2, 3)
        and all(type(v) in (int, float) and -1e9 < v < 1e9 for v in value)
    )


def ellipse(center: Corner, radii: Corner, degrees: float = 0) -> Traced:
    """An ellipse, turned clockwise about its centre, as a polygon; the box is the ellipse's own."""
    (cx, cy), (rx, ry), c, s = center, radii, cos(radians(degrees)), sin(radians(degrees))
    turns = [tau * k / ROUND for k in range(ROUND)]
    ring = tuple((cx + rx * cos(t) * c - ry * sin(t) * s, cy + rx * cos(t) * s + ry * sin(t) * c) for t in turns)
    wide, high = ((rx * c) ** 2 + (ry * s) ** 2) ** 0.5, ((rx * s) ** 2 + (ry * c) ** 2) ** 0.5
    return Traced(cx - wide, cy - high, cx + wide, cy + high, (ring,))


def turned(box: Box, degrees: float, about: Corner | None = None) -> Traced | Box:
    """The box around a box that was turned clockwise, about its centre where nothing else is said; its four corners stay."""
    if degrees % 360 == 0:
        return box
    (cx, cy), c, s = about or (box.center.x, box.center.y), cos(radians(degrees)), sin(radians(degrees))
    corners = ((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2))
    return traced((tuple((cx + (x - cx) * c - (y - cy) * s, cy + (x - cx) * s + (y - cy) * c) for x, y in corners),))


def cut(shape: Shape, size: Size) -> Shape:
    """The part of the shape, and of its outline, that lies in an image of (width, height) pixels."""
    if not isinstance(shape, Traced):
        return clip(shape, size)
    polygons = (_cut(polygon, size) for polygon in shape.outline)
    return Traced(*clip(Box(*shape.xyxy), size).xyxy, tuple(p for p in polygons if len(p) >= 3))


def _cut(polygon: Polygon, size: Size) -> Polygon:
    """Border by border (Sutherland and Hodgman)."""
    for axis in (0, 1):
        for limit, side in ((0.0, -1), (float(size[axis]), 1)):
            if any(side * (corner[axis] - limit) > 0 for corner in polygon):
                polygon = tuple(_beside(polygon, axis, limit, side))
    return polygon


def _beside(polygon: Polygon, axis: int, limit: float, side: int) -> Iterator[Corner]:
    """The corners on the inner side of a border, and those where the polygon crosses it."""
    for a, b in _sides(polygon):
        if side * (a[axis] - limit) <= 0:
            yield a
        if (a[axis] - limit) * (b[axis] - limit) < 0:
            share = (limit - a[axis]) / (b[axis] - a[axis])
            other = a[1 - axis] + share * (b[1 - axis] - a[1 - axis])
            yield (limit, other) if axis == 0 else (other, limit)


def moved(shape: Traced, box: Box) -> Traced:
    """The outline in another box."""
    return replace(shape, x1=box.x1, y1=box.y1, x2=box.x2, y2=box.y2)


def point_or_box(values: Sequence[float]) -> Shape:
    """A point of two numbers, or the box between any two opposite corners of four."""
    if len(values) == 2:
        return Point(*values)
    return around([(values[0], values[1]), (values[2], values[3])])
