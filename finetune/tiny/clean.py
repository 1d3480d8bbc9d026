"""Pieces of images that hold none of the objects: what a model says about them is a false alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import ceil, floor

from pdc.domain.geometry import Size
from pdc.domain.values import Box

LEAST_SIDE = 60  # pixels: less shows too little of an organ to be a frame of its own

Piece = tuple[int, int, int, int]  # left, top, right, bottom, as PIL crops


def clean_piece(wh: Size, boxes: Sequence[Box]) -> Piece | None:
    """The largest rectangle of an image of (width, height) that touches no box, in whole pixels; None where either side of
    every one is below LEAST_SIDE."""
    xs = sorted({0, wh[0], *(floor(b.x1) for b in boxes), *(ceil(b.x2) for b in boxes)})
    free = [p for left, right in combinations(xs, 2) for p in _gaps(left, right, wh[1], boxes)]
    wide = [p for p in free if min(p[2] - p[0], p[3] - p[1]) >= LEAST_SIDE]
    return max(wide, key=lambda p: (p[2] - p[0]) * (p[3] - p[1]), default=None)


def _gaps(left: int, right: int, height: int, boxes: Sequence[Box]) -> Iterator[Piece]:
    """The free rectangles between two columns, from box to box."""
    top = 0
    for box in sorted((b for b in boxes if b.x1 < right and b.x2 > left), key=lambda b: b.y1):
        yield left, top, right, floor(box.y1)
        top = max(top, ceil(box.y2))
    yield left, top, right, height
