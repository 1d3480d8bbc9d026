"""Three corners that a person set on a chamber's lines become the counting area and the size of a pixel."""

from __future__ import annotations

from math import atan2, degrees, hypot

from pdc.counting.area import AreaSource, CountingArea, Rectangle
from pdc.counting.chambers import Chamber
from pdc.domain.errors import PdcError

Place = tuple[float, float]
SLANT = 0.05  # the cosine of the corner, at most
UNLIKE = 0.05  # share by which the two sides may say another size of a pixel


class BadCorners(PdcError):
    """Three places are no corners of squares of this chamber."""


def from_corners(a: Place, b: Place, c: Place, squares: tuple[int, int], chamber: Chamber) -> CountingArea:
    """The rectangle with the sides a to b and b to c, which span so many squares; pixels of the image.

    BadCorners where the sides do not meet at a right angle, or the pixel would be of two sizes.
    """
    (ax, ay), (bx, by), (cx, cy) = a, b, c
    along, down = hypot(bx - ax, by - ay), hypot(cx - bx, cy - by)
    if min(along, down) < 1 or min(squares) < 1:
        raise BadCorners("Two of the corners are the same place: set three different corners.")
    slant = abs((bx - ax) * (cx - bx) + (by - ay) * (cy - by)) / (along * down)
    first, second = squares[0] * chamber.width_mm / along, squares[1] * chamber.height_mm / down
    if slant > SLANT or abs(first / second - 1) > UNLIKE:
        raise BadCorners("The three corners do not make {n} by {m} squares: set them again.", n=squares[0], m=squares[1])
    shape = _rectangle(((ax + cx) / 2, (ay + cy) / 2), along, down, degrees(atan2(by - ay, bx - ax)))
    size = (first * second) ** 0.5
    return CountingArea(
        shape=shape, mm_per_pixel=size, squares=squares[0] * squares[1], chamber=chamber.name, source=AreaSource.CLICKS
    )


def _rectangle(centre: Place, along: float, down: float, angle: float) -> Rectangle:
    """However it is turned, its right side is the one that faces right."""
    quarter = round(angle / 90)
    width, height = (down, along) if quarter % 2 else (along, down)
    return Rectangle(x=centre[0], y=centre[1], width=width, height=height, angle=angle - 90 * quarter)
