"""Of a found grid, the most whole squares that an image shows: what is proposed as its counting area."""

from __future__ import annotations

from math import cos, floor, hypot, radians, sin

import numpy as np

from pdc.counting.area import AreaSource, CountingArea, Rectangle
from pdc.counting.chambers import Chamber
from pdc.counting.finding.grid import Grid, find_grid

SLACK = 0.5  # pixels by which a line may lie outside the image


def find_squares(grey: np.ndarray, chamber: Chamber) -> CountingArea | None:
    """Of a grey image [h, w] of this chamber; None where its grid is not found, or is not looked for."""
    grid = chamber.pattern and find_grid(grey, chamber.pattern)
    return proposed(grid, grey.shape[1], grey.shape[0], chamber) if grid else None


def proposed(grid: Grid, width: int, height: int, chamber: Chamber) -> CountingArea | None:
    """Where the image shows no whole square, the most whole periods of the lines; their size is known all the same."""
    assert chamber.pattern is not None, "only a ruled chamber has a grid"
    many = round(chamber.width_mm / chamber.pattern.period)
    whole = _largest(grid, width, height, many)
    shape = whole or _largest(grid, width, height, 1)
    if shape is None:
        return None
    side = grid.period * many
    squares = round(shape.width / side) * round(shape.height / side) if whole else None
    return CountingArea(
        shape=shape, mm_per_pixel=grid.mm_per_pixel, squares=squares, chamber=chamber.name, source=AreaSource.GRID
    )


def _largest(grid: Grid, width: int, height: int, many: int) -> Rectangle | None:
    """The largest rectangle in the image whose sides span a multiple of `many` periods; of equal ones that nearest the middle."""
    reach = floor(hypot(width, height) / grid.period) + 1
    found = [
        (w * h, -hypot(r.x - width / 2, r.y - height / 2), r)
        for w in range(many, reach + 1, many)
        for h in range(many, reach + 1, many)
        if w * h * grid.period**2 <= width * height
        for r in _places(grid, width, height, w, h)
    ]
    return max(found, key=lambda f: f[:2])[2] if found else None


def _places(grid: Grid, width: int, height: int, w: int, h: int) -> list[Rectangle]:
    """Where a rectangle of so many periods lies on lines and inside the image."""
    c, s = cos(radians(grid.angle)), sin(radians(grid.angle))
    reach_x, reach_y = (w * abs(c) + h * abs(s)) * grid.period / 2, (w * abs(s) + h * abs(c)) * grid.period / 2
    n = floor(hypot(width, height) / grid.period) + 1
    u, v = np.meshgrid(np.arange(-n, n + 1) + w / 2, np.arange(-n, n + 1) + h / 2)
    x, y = grid.x + (u * c - v * s) * grid.period, grid.y + (u * s + v * c) * grid.period
    fits = (abs(x - width / 2) + reach_x <= width / 2 + SLACK) & (abs(y - height / 2) + reach_y <= height / 2 + SLACK)
    wide, high = w * grid.period, h * grid.period
    centres = zip(x[fits], y[fits], strict=True)
    return [Rectangle(x=float(a), y=float(b), width=wide, height=high, angle=grid.angle) for a, b in centres]
