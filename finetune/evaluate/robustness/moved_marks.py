"""An image seen otherwise (turned, nearer, farther, through a round stop) with its true marks. Pure.

Images are uint8 RGB [height, width, 3], marks in their pixels. Every frame keeps its size but for the quarter turn. A box is
taken for the ellipse inside it: turned, that is what a cell, a nucleus or a polyp fills. A mark that is mostly out of sight
is no longer in the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import cos, hypot, radians, sin

import cv2
import numpy as np

from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Findings, Mark, Point, Shape

LEAST_VISIBLE = 0.4  # share of a box that must be in sight
FILLS = 0.25  # or this share of the frame
TOUCHES = 2.0  # pixels: an object so near to a mirror makes one object with its reflection
Pixels = np.ndarray
Interval = tuple[float, float]


def quarter_turn(image: Pixels, findings: Findings) -> tuple[Pixels, Findings]:
    """Turned left by 90 degrees: width and height change places."""
    w = image.shape[1]
    return np.ascontiguousarray(np.rot90(image)), _in_sight(findings, (image.shape[0], w), lambda s: _turned(s, 0, -1, 0, w))


def turned(image: Pixels, findings: Findings, degrees: float) -> tuple[Pixels, Findings]:
    """Turned left about the middle of the frame; the corners show the mirrored surroundings."""
    h, w = image.shape[:2]
    wide, marks, (px, py) = _mirrored(image, findings)
    c, s = cos(radians(degrees)), sin(radians(degrees))
    cx, cy = px + w / 2, py + h / 2
    dx, dy = w / 2 - c * cx - s * cy, h / 2 + s * cx - c * cy
    centred = np.array([[c, s, dx + (c + s - 1) / 2], [-s, c, dy + (c - s - 1) / 2]])  # OpenCV counts from pixels' middles
    seen = cv2.warpAffine(wide, centred, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return seen, _in_sight(marks, (w, h), lambda shape: _turned(shape, c, -s, dx, dy))


def nearer(image: Pixels, findings: Findings, factor: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    """Objects `factor` times as large: a window about one of them, drawn at random, fills the frame."""
    h, w = image.shape[:2]
    cw, ch = max(1, round(w / factor)), max(1, round(h / factor))
    about = findings.marks[rng.integers(len(findings.marks))].shape.center if findings.marks else Point(w / 2, h / 2)
    x, y = (round(min(max(c - side / 2, 0), whole - side)) for c, side, whole in ((about.x, cw, w), (about.y, ch, h)))
    return _window(image, findings, (x, y, x + cw, y + ch), (w, h))


def farther(image: Pixels, findings: Findings, factor: float) -> tuple[Pixels, Findings]:
    """Objects `factor` times as large, from 0.5 on: the image goes on mirrored around itself, and so do its objects."""
    h, w = image.shape[:2]
    wide, marks, _ = _mirrored(image, findings)
    cw, ch = min(wide.shape[1], round(w / factor)), min(wide.shape[0], round(h / factor))
    x, y = (wide.shape[1] - cw) // 2, (wide.shape[0] - ch) // 2
    return _window(wide, marks, (x, y, x + cw, y + ch), (w, h))


def on_plain_ground(image: Pixels, findings: Findings, factor: float, rng: np.random.Generator) -> tuple[Pixels, Findings]:
    """The image `factor` times as large, somewhere in a frame of black, grey, white or its own mean colour: a hard edge."""
    h, w = image.shape[:2]
    sw, sh = max(1, round(w * factor)), max(1, round(h * factor))
    colours = ((0, 0, 0), (128, 128, 128), (255, 255, 255), tuple(image.reshape(-1, 3).mean(0)))
    frame = np.full_like(image, np.array(colours[rng.integers(len(colours))]).astype(np.uint8))
    x, y = int(rng.integers(w - sw + 1)), int(rng.integers(h - sh + 1))
    frame[y : y + sh, x : x + sw] = cv2.resize(image, (sw, sh), interpolation=cv2.INTER_AREA)
    return frame, _in_sight(findings, (w, h), lambda s: _scaled(s, sw / w, sh / h, x, y))


def through_round_stop(image: Pixels, findings: Findings) -> tuple[Pixels, Findings]:
    """Black outside of the largest circle in the middle of the frame. Of a mark that the rim cuts the visible part remains."""
    h, w = image.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w]
    open_part = np.hypot(xx + 0.5 - w / 2, yy + 0.5 - h / 2) <= min(w, h) / 2
    kept = (_behind(m, open_part) for m in findings.marks)
    return image * open_part[..., None].astype(np.uint8), replace(findings, marks=tuple(m for m in kept if m))


def _behind(mark: Mark, open_part: np.ndarray) -> Mark | None:
    """What can be seen of a mark where `open_part` is true; None where that is too little."""
    if isinstance(mark.shape, Point):
        h, w = open_part.shape
        return mark if open_part[min(int(mark.shape.y), h - 1), min(int(mark.shape.x), w - 1)] else None
    body = _ellipse(mark.shape, open_part.shape)
    seen = body & open_part
    if not seen.any() or seen.sum() < LEAST_VISIBLE * body.sum():
        return None
    ys, xs = np.nonzero(seen)
    part = Box(float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
    return mark if seen.sum() == body.sum() else _at(mark, part)


def _ellipse(box: Box, hw: tuple[int, int]) -> np.ndarray:
    """bool [height, width]: the ellipse inside the box."""
    yy, xx = np.mgrid[0 : hw[0], 0 : hw[1]]
    c, a, b = box.center, max(box.width / 2, 0.5), max(box.height / 2, 0.5)
    return ((xx + 0.5 - c.x) / a) ** 2 + ((yy + 0.5 - c.y) / b) ** 2 <= 1


def _window(image: Pixels, findings: Findings, window: tuple[int, int, int, int], wh: Size) -> tuple[Pixels, Findings]:
    """The window, in whole pixels, made as large as `wh`."""
    x1, y1, x2, y2 = window
    sx, sy = wh[0] / (x2 - x1), wh[1] / (y2 - y1)
    seen = cv2.resize(image[y1:y2, x1:x2], wh, interpolation=cv2.INTER_AREA if sx < 1 else cv2.INTER_CUBIC)
    return seen, _in_sight(findings, wh, lambda s: _scaled(s, sx, sy, -x1 * sx, -y1 * sy))


def _mirrored(image: Pixels, findings: Findings) -> tuple[Pixels, Findings, tuple[int, int]]:
    """The image with half of itself mirrored on every side, its marks with their reflections, and where it begins."""
    h, w = image.shape[:2]
    px, py = w // 2, h // 2
    wide = cv2.copyMakeBorder(image, py, py, px, px, cv2.BORDER_REFLECT)
    marks = tuple(_at(m, s, f"{m.id}-{i}") for m in findings.marks for i, s in enumerate(_reflections(m.shape, (w, h))))
    moved = _in_sight(replace(findings, marks=marks), (w + 2 * px, h + 2 * py), lambda s: _scaled(s, 1, 1, px, py))
    return wide, moved, (px, py)


def _reflections(shape: Shape, wh: Size) -> Iterator[Shape]:
    x1, y1, x2, y2 = (shape.x, shape.y, shape.x, shape.y) if isinstance(shape, Point) else shape.xyxy
    for left, right in _copies((x1, x2), wh[0]):
        for top, bottom in _copies((y1, y2), wh[1]):
            yield Point(left, top) if isinstance(shape, Point) else Box(left, top, right, bottom)


def _copies(found: Interval, side: float) -> list[Interval]:
    """An interval with its reflections at 0 and at `side`; those that touch are one."""
    lo, hi = found
    joined: list[Interval] = [(-hi, -lo)]
    for a, b in ((lo, hi), (2 * side - hi, 2 * side - lo)):
        touches = lo < hi and a - joined[-1][1] <= TOUCHES
        joined[-1:] = [(joined[-1][0], b)] if touches else [joined[-1], (a, b)]
    return joined


def _in_sight(findings: Findings, wh: Size, move: Callable[[Shape], Shape]) -> Findings:
    """The moved marks, cut by a frame of (width, height); without those that are mostly outside."""
    kept = ((m, _cut(move(m.shape), wh)) for m in findings.marks)
    return replace(findings, marks=tuple(_at(m, shape) for m, shape in kept if shape is not None))


def _cut(shape: Shape, wh: Size) -> Shape | None:
    inside = clip(shape, wh)
    if isinstance(shape, Point) or isinstance(inside, Point):
        return shape if inside == shape else None
    enough = inside.area >= min(LEAST_VISIBLE * shape.area, FILLS * wh[0] * wh[1])
    return inside if enough and inside.area else None


def _at(mark: Mark, shape: Shape, id: str | None = None) -> Mark:
    return replace(mark, id=id or mark.id, shape=shape, extent=None, outline=())


def _scaled(shape: Shape, sx: float, sy: float, dx: float, dy: float) -> Shape:
    if isinstance(shape, Point):
        return Point(shape.x * sx + dx, shape.y * sy + dy)
    return Box(shape.x1 * sx + dx, shape.y1 * sy + dy, shape.x2 * sx + dx, shape.y2 * sy + dy)


def _turned(shape: Shape, c: float, s: float, dx: float, dy: float) -> Shape:
    """The matrix [[c, -s], [s, c]] and a shift."""
    centre = Point(c * shape.center.x - s * shape.center.y + dx, s * shape.center.x + c * shape.center.y + dy)
    if isinstance(shape, Point):
        return centre
    a, b = shape.width / 2, shape.height / 2
    rx, ry = hypot(c * a, s * b), hypot(s * a, c * b)
    return Box(centre.x - rx, centre.y - ry, centre.x + rx, centre.y + ry)
