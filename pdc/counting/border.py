"""Which objects at the edge of the counting frame count.

The two-sided rule is Gundersen's counting frame for a rectangle: an object that touches one of two adjacent sides is out, one
that touches only the others is in. Then each object belongs to exactly one frame of a plane without gaps, whatever its size
(Gundersen 1977, "Notes on the estimation of the numerical density of arbitrary profiles: the edge effect", J. Microscopy 111).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pdc.domain.values import Box, Point

TOUCH = 1.0  # pixels: a box that ends so near the image's edge is taken to touch it


class Side(StrEnum):
    LEFT = "left"
    TOP = "top"
    RIGHT = "right"
    BOTTOM = "bottom"


class BorderKind(StrEnum):
    """`two-sided`: out where it touches one of two sides. `whole`: in only when no side touches it. `all`: in when any part lies
    in the frame. `centre`: in when its centre does."""

    TWO_SIDED = "two-sided"
    WHOLE = "whole"
    ALL = "all"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class BorderRule:
    """`out` are the sides of the two-sided rule whose touch excludes; one of left and right, one of top and bottom."""

    kind: BorderKind
    out: tuple[Side, Side] = (Side.RIGHT, Side.BOTTOM)

    def __post_init__(self) -> None:
        across, down = {Side.LEFT, Side.RIGHT} & set(self.out), {Side.TOP, Side.BOTTOM} & set(self.out)
        if len(across) != 1 or len(down) != 1:
            raise ValueError(f"two sides that meet are left out, such as right and bottom, not {' and '.join(self.out)}")


def frame_of(width: float, height: float, rule: BorderRule, touch: float = TOUCH) -> Box:
    """The counting frame that is a whole image, in its pixels.

    A box that ends within `touch` pixels of a side whose touch excludes is taken to touch it.
    """
    sides = {BorderKind.WHOLE: tuple(Side), BorderKind.TWO_SIDED: rule.out}
    out = sides.get(rule.kind, ())
    left, top, right, bottom = (touch if side in out else 0.0 for side in (Side.LEFT, Side.TOP, Side.RIGHT, Side.BOTTOM))
    return Box(left, top, max(width - right, left), max(height - bottom, top))


def split(frame: Box, columns: int, rows: int) -> list[Box]:
    """The frame cut into equal frames side by side, row by row; under the two-sided rule their counts add up to the whole's."""
    xs = [frame.x1 + (frame.x2 - frame.x1) * i / columns for i in range(columns)] + [frame.x2]
    ys = [frame.y1 + (frame.y2 - frame.y1) * i / rows for i in range(rows)] + [frame.y2]
    return [Box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]


def counts(shape: Box | Point, frame: Box, rule: BorderRule) -> bool:
    """Whether an object counts in this frame. Shape and frame in the same pixels.

    The frame is half-open, so that frames side by side share no object: with the right side out, x from x1 up to but without x2.
    """
    x1, y1, x2, y2 = shape.xyxy if isinstance(shape, Box) else (shape.x, shape.y, shape.x, shape.y)
    match rule.kind:
        case BorderKind.ALL:
            return x1 < frame.x2 and x2 > frame.x1 and y1 < frame.y2 and y2 > frame.y1
        case BorderKind.WHOLE:
            return x1 > frame.x1 and x2 < frame.x2 and y1 > frame.y1 and y2 < frame.y2
        case BorderKind.CENTRE:
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            return frame.x1 <= x < frame.x2 and frame.y1 <= y < frame.y2
        case BorderKind.TWO_SIDED:
            across = _belongs(x1, x2, frame.x1, frame.x2, far=Side.RIGHT in rule.out)
            return across and _belongs(y1, y2, frame.y1, frame.y2, far=Side.BOTTOM in rule.out)


def _belongs(low: float, high: float, start: float, end: float, far: bool) -> bool:
    """Along one axis an object belongs where its end towards the side that is out lies."""
    return start <= high < end if far else start < low <= end


def divide(shapes: Iterable[Box | Point], frame: Box, rule: BorderRule) -> tuple[list[int], list[int]]:
    """The places in `shapes` of those that count, and of those that do not."""
    inside: list[int] = []
    outside: list[int] = []
    for at, shape in enumerate(shapes):
        (inside if counts(shape, frame, rule) else outside).append(at)
    return inside, outside
