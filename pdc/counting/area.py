"""What of an image is counted, and how large that is: a shape in its pixels, the size of a pixel or squares of a chamber, and
where that size comes from.

The border rule holds in the shape's own directions. A box stands for the ellipse inside it: a turned line that cuts only a
corner of the box does not cut a round cell. The two-sided rule needs sides that meet at right angles, so in polygons and discs an
object belongs where its centre is; parts of them add up to the whole as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from math import atan2, cos, degrees, hypot, pi, radians, sin
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pdc.counting.border import BorderKind, BorderRule, counts, frame_of
from pdc.counting.chambers import CHAMBERS
from pdc.counting.protocol import Part
from pdc.domain.errors import PdcError
from pdc.domain.values import Box, Point

Size = Annotated[float, Field(gt=0)]
Place = tuple[float, float]  # x, y
OUTLINE = 32  # places on the edge of an ellipse that stand for it


class BadArea(PdcError):
    """A counting area cannot be used."""


class AreaSource(StrEnum):
    """Where the size comes from; `none`: it is not known, and no result gets a unit by it."""

    GRID = "grid found in the image"
    CLICKS = "three clicks on the grid"
    TYPED = "typed by the reader"
    FILE = "pixel size of the file"
    NONE = "none"


class Whole(Part):
    """The whole image, of so many pixels."""

    kind: Literal["whole"] = "whole"
    width: Size
    height: Size

    @property
    def pixels(self) -> float:
        return self.width * self.height

    def holds(self, body: Box | Point, rule: BorderRule) -> bool:
        return counts(body, frame_of(self.width, self.height, rule), rule)


class Rectangle(Part):
    """`x`, `y` is its centre. It is turned clockwise by `angle` degrees, and its right side stays the one that faces right."""

    kind: Literal["rectangle"] = "rectangle"
    x: float
    y: float
    width: Size
    height: Size
    angle: Annotated[float, Field(ge=-45, le=45)] = 0.0

    @property
    def pixels(self) -> float:
        return self.width * self.height

    @property
    def corners(self) -> tuple[Place, ...]:
        """Left top, right top, right bottom, left bottom, in pixels of the image."""
        c, s = cos(radians(self.angle)), sin(radians(self.angle))
        halves = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        own = ((i * self.width / 2, j * self.height / 2) for i, j in halves)
        return tuple((self.x + u * c - v * s, self.y + u * s + v * c) for u, v in own)

    def holds(self, body: Box | Point, rule: BorderRule) -> bool:
        frame = Box(-self.width / 2, -self.height / 2, self.width / 2, self.height / 2)
        return counts(self._own(body), frame, rule)

    def _own(self, body: Box | Point) -> Box:
        """How far the object reaches along the rectangle's own directions, from its centre."""
        c, s = cos(radians(self.angle)), sin(radians(self.angle))
        x, y = body.center.x - self.x, body.center.y - self.y
        a, b = (body.width / 2, body.height / 2) if isinstance(body, Box) else (0.0, 0.0)
        u, v, du, dv = x * c + y * s, y * c - x * s, hypot(a * c, b * s), hypot(a * s, b * c)
        return Box(u - du, v - dv, u + du, v + dv)


class Outlined(Part):
    """A shape without sides that meet: it knows which places are inside it."""

    def contains(self, x: float, y: float) -> bool:
        raise NotImplementedError

    def holds(self, body: Box | Point, rule: BorderRule) -> bool:
        centre = self.contains(body.center.x, body.center.y)
        match rule.kind:
            case BorderKind.WHOLE:
                return centre and all(self.contains(x, y) for x, y in outline(body))
            case BorderKind.ALL:
                return centre or any(self.contains(x, y) for x, y in outline(body))
            case BorderKind.TWO_SIDED | BorderKind.CENTRE:
                return centre


class Polygon(Outlined):
    """Corners in order, in pixels of the image; the last is joined to the first."""

    kind: Literal["polygon"] = "polygon"
    corners: Annotated[tuple[Place, ...], Field(min_length=3, max_length=500)]

    @model_validator(mode="after")
    def _plain(self) -> Self:
        sides = self._sides
        apart = [(a, b) for i, a in enumerate(sides) for j, b in enumerate(sides) if j > i + 1 and j - i < len(sides) - 1]
        if any(_cross(a, b) for a, b in apart):
            raise ValueError("the sides of the polygon cross; draw it without crossing")
        if not self.pixels:
            raise ValueError("the corners of the polygon lie on one line")
        return self

    @property
    def pixels(self) -> float:
        return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in self._sides)) / 2

    def contains(self, x: float, y: float) -> bool:
        """A ray to the right crosses an odd number of sides; half-open, so that polygons side by side share no place."""
        crossed = ((x1, y1, x2, y2) for (x1, y1), (x2, y2) in self._sides if (y1 > y) != (y2 > y))
        return sum(x < x1 + (y - y1) / (y2 - y1) * (x2 - x1) for x1, y1, x2, y2 in crossed) % 2 == 1

    @cached_property
    def _sides(self) -> list[tuple[Place, Place]]:
        return list(zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True))


class Disc(Outlined):
    """A disc, or a sector of it: `span` degrees clockwise from `start`, which is 0 towards the right."""

    kind: Literal["disc"] = "disc"
    x: float
    y: float
    radius: Size
    start: Annotated[float, Field(ge=0, lt=360)] = 0.0
    span: Annotated[float, Field(gt=0, le=360)] = 360.0

    @property
    def share(self) -> float:
        """Of the disc that is counted."""
        return self.span / 360

    @property
    def pixels(self) -> float:
        return pi * self.radius**2 * self.share

    def contains(self, x: float, y: float) -> bool:
        if hypot(x - self.x, y - self.y) >= self.radius:
            return False
        return self.span == 360 or (degrees(atan2(y - self.y, x - self.x)) - self.start) % 360 < self.span


Shape = Annotated[Whole | Rectangle | Polygon | Disc, Field(discriminator="kind")]


class CountingArea(Part):
    """What is counted. `mm_per_pixel` is the size of a pixel; `squares` of `chamber` are those that the shape covers.

    In JSON: {"shape": {"kind": "rectangle", "x": ...}, "mm_per_pixel": ..., "squares": ..., "chamber": ..., "source": ...}.
    """

    shape: Shape
    mm_per_pixel: Size | None = None
    squares: Annotated[int, Field(ge=1)] | None = None
    chamber: str | None = None
    source: AreaSource = AreaSource.NONE

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        if self.chamber is not None and self.chamber not in CHAMBERS:
            raise ValueError(f"there is no chamber {self.chamber!r}; there are {', '.join(CHAMBERS)}")
        if self.source is AreaSource.NONE and (self.mm_per_pixel is not None or self.squares is not None):
            raise ValueError("a size needs its source: found, clicked, typed, or from the file")
        return self

    def inside(self, body: Box | Point, rule: BorderRule) -> bool:
        """Whether an object counts, by the border rule in the shape's own directions. In pixels of the image."""
        return self.shape.holds(body, rule)

    def mm2(self) -> float | None:
        """Square millimetres of the sample under the shape; None where no source says so."""
        if self.squares is not None and self.chamber is not None:
            return self.squares * CHAMBERS[self.chamber].square_mm2
        return None if self.mm_per_pixel is None else self.shape.pixels * self.mm_per_pixel**2

    @property
    def part(self) -> float:
        """The share of a dish that is counted; its result is estimated when that is less than 1."""
        return self.shape.share if isinstance(self.shape, Disc) else 1.0

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


def whole_image(width: float, height: float, *, mm_per_pixel: float | None = None, squares: int | None = None) -> CountingArea:
    """The whole image as the counting area; its size is what a person typed, where given."""
    known = mm_per_pixel is not None or squares is not None
    source = AreaSource.TYPED if known else AreaSource.NONE
    return CountingArea(shape=Whole(width=width, height=height), mm_per_pixel=mm_per_pixel, squares=squares, source=source)


def area_of(value: object) -> CountingArea:
    """A counting area from its JSON; BadArea says what is wrong with it."""
    try:
        return CountingArea.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " > ".join(map(str, first["loc"])) or "area"
        what = str(first["msg"]).removeprefix("Value error, ")
        raise BadArea("The counting area cannot be used. At {where}: {what}.", where=where, what=what) from None


def outline(body: Box | Point) -> Sequence[Place]:
    """Places along the edge of an object: of the ellipse in its box, or the point itself."""
    if isinstance(body, Point):
        return ((body.x, body.y),)
    x, y, a, b = body.center.x, body.center.y, body.width / 2, body.height / 2
    turns = (2 * pi * i / OUTLINE for i in range(OUTLINE))
    return [(x + a * cos(t), y + b * sin(t)) for t in turns]


def _cross(a: tuple[Place, Place], b: tuple[Place, Place]) -> bool:
    """Whether two stretches cross between their ends."""
    return _left(*a, b[0]) * _left(*a, b[1]) < 0 and _left(*b, a[0]) * _left(*b, a[1]) < 0


def _left(a: Place, b: Place, c: Place) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
