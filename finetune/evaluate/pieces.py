"""Pieces of frames, cut by one rule: some show none of the objects, and as many, of the same sizes and places, show one.

What a model says about a clean piece is a false alarm. Pieces that are cut otherwise than those with an object can be told
apart by their size or their black border, which is no test. So they come in pairs: one rectangle, cut from a frame where it is
clean and from another frame of the same size where it shows an object. Sizes, aspects and distances from the frame's border
are then the same on both sides, exactly. Corners and captions that frames are born with can be painted over, to see
whether a model goes by them. Pure, and the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor

import cv2
import numpy as np

from pdc.domain.geometry import Size
from pdc.domain.values import Box

LEAST_SIDE = 60  # pixels: less shows too little of an organ to be a frame of its own
DRAWN = 300  # rectangles tried in a frame, beside the largest free ones
GAP = 3.0  # pixels between a clean piece and the nearest box: a box is drawn a little too tight
SHOWN = 0.75  # share of an object's box that a piece must hold to show it; one that holds less, but some, is not used
DARK = 40  # grey levels of 255: the black around a frame is darker in every channel
GREEN = 40  # grey levels by which the green or blue of a position guide exceeds its red; tissue is never so flat
FLAT = 12  # grey levels that it varies by within 5 x 5 pixels
STROKE = 11  # pixels: letters of a caption have thinner strokes
CONTRAST = 50  # grey levels by which they are brighter than what is around them
SMOOTH = 3.0  # pixels by which the paint is blurred
RIM = 0.16  # share of a side within which captions stand

Piece = tuple[int, int, int, int]  # left, top, right, bottom, as PIL crops


@dataclass(frozen=True, slots=True)
class Pair:
    """One rectangle of two frames, which are named by their places in the list: clean in one, with an object in the other."""

    clean: int
    shown: int
    window: Piece


def clean_piece(wh: Size, boxes: Sequence[Box]) -> Piece | None:
    """The largest rectangle of an image of (width, height) that touches no box, in whole pixels; None where either side of
    every one is below LEAST_SIDE."""
    return max(_free_pieces(wh, boxes), key=_area, default=None)


def pairs(frames: Sequence[tuple[Size, Sequence[Box]]], seed: int = 0) -> list[Pair]:
    """As many pairs as can be cut from frames, each of a size and the true boxes in it. A frame gives at most one piece of
    either sort, and never both of a pair."""
    rng = np.random.default_rng(seed)
    options = {i: _options(i, frames, rng) for i in range(len(frames))}
    return [Pair(clean, shown, options[clean][shown]) for shown, clean in sorted(_matching(options).items())]


def visible(box: Box, window: Piece) -> float:
    """The share of the box that lies in the window."""
    return float(_shares(np.array([window]), [box])[0, 0])


def cut_box(box: Box, window: Piece) -> Box:
    """What the window shows of a box that it touches, in the window's own pixels."""
    left, top, right, bottom = window
    x1, y1, x2, y2 = box.xyxy
    return Box(max(x1, left) - left, max(y1, top) - top, min(x2, right) - left, min(y2, bottom) - top)


def shows(boxes: Sequence[Box], window: Piece) -> bool:
    """Whether the window shows an object, and none of which it cuts off too much."""
    return bool(boxes) and bool(_shows(_shares(np.array([window]), boxes))[0])


def _free_pieces(wh: Size, boxes: Sequence[Box]) -> list[Piece]:
    xs = sorted({0, wh[0], *(min(max(floor(b.x1), 0), wh[0]) for b in boxes), *(min(max(ceil(b.x2), 0), wh[0]) for b in boxes)})
    found = [p for left, right in combinations(xs, 2) for p in _gaps(left, right, wh[1], boxes)]
    return [p for p in found if min(p[2] - p[0], p[3] - p[1]) >= LEAST_SIDE]


def _gaps(left: int, right: int, height: int, boxes: Sequence[Box]) -> Iterator[Piece]:
    """The free rectangles between two columns, from box to box."""
    top = 0
    for box in sorted((b for b in boxes if b.x1 < right and b.x2 > left), key=lambda b: b.y1):
        yield left, top, right, floor(box.y1)
        top = max(top, ceil(box.y2))
    yield left, top, right, height


def _area(p: Piece) -> int:
    return (p[2] - p[0]) * (p[3] - p[1])


def _options(i: int, frames: Sequence[tuple[Size, Sequence[Box]]], rng: np.random.Generator) -> dict[int, Piece]:
    """Every other frame in which a clean rectangle of frame i shows an object, with the largest such rectangle."""
    wh, boxes = frames[i]
    clean = _clean(wh, boxes, rng)
    found: dict[int, Piece] = {}
    for j, (other_wh, theirs) in enumerate(frames):
        if j != i and other_wh == wh and theirs and len(clean):
            fit = np.flatnonzero(_shows(_shares(clean, theirs)))
            if len(fit):
                found[j] = _piece(clean[fit[0]])
    return found


def _clean(wh: Size, boxes: Sequence[Box], rng: np.random.Generator) -> np.ndarray:
    """int [n, 4]: rectangles that touch no box, largest first."""
    grown = [Box(b.x1 - GAP, b.y1 - GAP, b.x2 + GAP, b.y2 + GAP) for b in boxes]
    if min(wh) < LEAST_SIDE:
        return np.zeros((0, 4), int)
    sides = [np.sort(rng.integers(0, side + 1, (DRAWN, 2)), 1) for side in wh]
    drawn = np.stack([sides[0][:, 0], sides[1][:, 0], sides[0][:, 1], sides[1][:, 1]], 1)
    every = np.concatenate([np.array(_free_pieces(wh, grown), int).reshape(-1, 4), drawn])
    width, height = every[:, 2] - every[:, 0], every[:, 3] - every[:, 1]
    kept = (width >= LEAST_SIDE) & (height >= LEAST_SIDE)
    if grown:
        kept &= (_shares(every, grown) == 0).all(1)
    return every[kept][np.argsort(-(width * height)[kept], kind="stable")]


def _piece(values: np.ndarray) -> Piece:
    left, top, right, bottom = map(int, values)
    return left, top, right, bottom


def _shares(windows: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """float [windows, boxes]: the share of each box that lies in each window."""
    w, b = windows[:, None].astype(float), np.array([box.xyxy for box in boxes])[None]
    across = np.minimum(w[..., 2], b[..., 2]) - np.maximum(w[..., 0], b[..., 0])
    down = np.minimum(w[..., 3], b[..., 3]) - np.maximum(w[..., 1], b[..., 1])
    area = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return np.maximum(across, 0) * np.maximum(down, 0) / np.maximum(area, 1e-9)


def _shows(shares: np.ndarray) -> np.ndarray:
    """bool [windows]: whether each shows an object, and none of which it cuts off too much."""
    return (shares >= SHOWN).any(1) & ((shares >= SHOWN) | (shares == 0)).all(1)


def _matching(options: Mapping[int, Mapping[int, Piece]]) -> dict[int, int]:
    """The most pairs {shown: clean} in which nobody stands twice on a side (augmenting paths, Kuhn 1955)."""
    taken: dict[int, int] = {}

    def place(clean: int, tried: set[int]) -> bool:
        for shown in sorted(options[clean], key=lambda j: (-_area(options[clean][j]), j)):
            if shown not in tried:
                tried.add(shown)
                if shown not in taken or place(taken[shown], tried):
                    taken[shown] = clean
                    return True
        return False

    for clean in sorted(options, key=lambda i: (len(options[i]), i)):
        place(clean, set())
    return taken


def painted_over(rgb: np.ndarray) -> np.ndarray:
    """The uint8 frame [h, w, 3] with its black border, and the captions at its rim, in the colours of what is beside them."""
    hidden = _border(rgb) | _captions(rgb)
    if not hidden.any() or hidden.all():
        return rgb
    filled, left, unpainted = rgb.astype(np.float32), ~hidden, hidden
    for reach in _reaches(rgb.shape[:2]):  # from what is near first: what that does not reach is painted from further off
        weight = cv2.blur(left.astype(np.float32), (reach, reach))
        mean = cv2.blur(rgb * left[..., None].astype(np.float32), (reach, reach))
        painted = unpainted & (weight > 0.05)
        filled[painted] = mean[painted] / weight[painted, None]
        unpainted = unpainted & ~painted
    filled[unpainted] = rgb[left].mean(0)
    smooth = cv2.GaussianBlur(filled, (0, 0), SMOOTH)
    return np.where(hidden[..., None], smooth.round(), rgb).clip(0, 255).astype(np.uint8)


def _reaches(hw: Sequence[int]) -> Iterator[int]:
    """Sides of squares, in pixels, over which the mean is taken."""
    side = 15
    while side < max(hw):
        yield side
        side = 2 * side + 1


def _border(rgb: np.ndarray) -> np.ndarray:
    """bool [h, w]: what is black, or a position guide, from the image's edge on, with what stands in it, and its blurred edge."""
    dark = ((rgb.max(2) < DARK) | _guide(rgb)).astype(np.uint8)
    padded = np.pad(dark, STROKE, constant_values=1)  # the padding joins all that touches an edge
    _, parts = cv2.connectedComponents(cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((STROKE, STROKE), np.uint8)))
    outside = (parts == parts[0, 0])[STROKE:-STROKE, STROKE:-STROKE]
    return cv2.dilate(outside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _guide(rgb: np.ndarray) -> np.ndarray:
    """bool [h, w]: a flat field of green or blue, as some scopes draw their position on."""
    kernel = np.ones((5, 5), np.uint8)
    flat = (cv2.dilate(rgb, kernel).astype(int) - cv2.erode(rgb, kernel)).max(2) <= FLAT
    return flat & (rgb[..., 1:].max(2).astype(int) - rgb[..., 0] > GREEN)


def _captions(rgb: np.ndarray) -> np.ndarray:
    """bool [h, w]: thin bright strokes near the image's edge."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    strokes = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((STROKE, STROKE), np.uint8)) > CONTRAST
    rim = np.ones(grey.shape, bool)
    y, x = (round(RIM * side) for side in grey.shape)
    rim[y : grey.shape[0] - y, x : grey.shape[1] - x] = False
    return cv2.dilate((strokes & rim).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
