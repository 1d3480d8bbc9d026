"""What each training crop shows: a window of a stored image, chosen at random, with its boxes. No pixels: `pixels` cuts them.

Every batch is a function of (seed, step), so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from finetune.data.drawings import Sample
from finetune.tiny import TOKEN_PX

MAX_OBJECTS = 32  # per crop: fuller fields are served as tiles
LEAST_SHARE = {
    "blood_cells": 0.35,
    "nuclei": 0.22,
    "polyps": 0.5,
    "drawn": 0.4,
}  # of the image's side: as fine as tiles when serving
SHOWN = 0.3  # an object of which a smaller share lies in the window is not asked for
LEAST_SIDE = 4  # pixels of the crop: what is narrower is not asked for
PIECES = 0.24, 0.85  # sides of pieces, as a share of the image's shorter side; of clean ones and of others alike
WIDE = 0.2  # how often a field is shown small: half of these in a plain frame, half amid its own mirror images
FRAMED = 1.15, 2.2  # side of such a window in sides of the field
NOTHING = -1  # `index` of a view of no image: a plain field

Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mixture:
    """shares: of each source among the crops; grids: of visual tokens (rows, columns) that a batch may have, and how often;
    glanced: how often a batch is drawn from GLANCED instead."""

    shares: Mapping[str, float]
    grids: tuple[tuple[tuple[int, int], float], ...]
    glanced: float = 0.0


# Up to about the pixels of a look when serving, and some larger.
GRIDS = (((8, 8), 0.14), ((10, 10), 0.46), ((8, 11), 0.12), ((11, 8), 0.06), ((9, 11), 0.06), ((7, 12), 0.06), ((12, 12), 0.10))
MIXTURE = Mixture({"blood_cells": 0.31, "nuclei": 0.36, "polyps": 0.20, "blank": 0.09, "drawn": 0.04}, GRIDS, glanced=0.12)
SEEN = Mixture({"blood_cells": 0.18, "nuclei": 0.24, "polyps": 0.38, "blank": 0.16, "drawn": 0.04}, GRIDS)
TAUGHT = Mixture({"polyps": 0.56, "blank": 0.30, "blood_cells": 0.07, "nuclei": 0.07}, (((10, 10), 1.0),))
# Polyps are large: seen small, more of them fit into the same time.
GLANCED = Mixture({"polyps": 0.7, "blank": 0.3}, (((5, 5), 0.2), ((6, 6), 0.5), ((7, 7), 0.3)))


@dataclass(frozen=True, slots=True)
class View:
    """A crop before it is cut: `window` (x1, y1, x2, y2) of the stored image `index`, in its pixels, and how it is turned.

    Where the window is larger than the image, what lies around it is a plain colour, or `mirrored` images of it.
    `turn` = (left to right, top to bottom, transposed): the crop is transposed first, then mirrored. `boxes` [n, 4] and
    `classes` [n] are what it shows, in pixels of the crop of `grid` (rows, columns) visual tokens.
    """

    index: int
    window: Window
    turn: tuple[bool, bool, bool]
    grid: tuple[int, int]
    boxes: np.ndarray
    classes: np.ndarray
    source: str
    mirrored: bool = False


class Catalogue:
    """Sizes, boxes and classes of the stored images, by source; `index` gives the numbers of a source's images."""

    def __init__(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        flat = [s for some in samples.values() for s in some]
        starts = np.cumsum([0, *(len(some) for some in samples.values())]).tolist()
        self.index = {source: range(starts[i], starts[i + 1]) for i, source in enumerate(samples)}
        self.sizes = [(s.image.shape[1], s.image.shape[0]) for s in flat]
        self.boxes, self.classes = [s.boxes for s in flat], [s.classes for s in flat]
        self.sources = [s.source for s in flat]
        self.kinds = [len(set(s.classes.tolist())) for s in flat]


def batch_of_views(catalogue: Catalogue, size: int, seed: int, step: int, mixture: Mixture) -> list[View]:
    """The `size` views of a step, which share one grid."""
    rng = np.random.default_rng([seed, step])
    drawn = GLANCED if rng.random() < mixture.glanced else mixture
    grid = drawn.grids[rng.choice(len(drawn.grids), p=[p for _, p in drawn.grids])][0]
    return [draw(catalogue, rng, grid, drawn.shares) for _ in range(size)]


def draw(catalogue: Catalogue, rng: np.random.Generator, grid: tuple[int, int], shares: Mapping[str, float]) -> View:
    """One view of the grid's size from a source drawn by `shares`."""
    source = str(rng.choice(list(shares), p=list(shares.values())))
    if source == "blank":
        found = _piece(catalogue, rng, grid, clean=True) if rng.random() < 0.85 else None
        return found or _nothing(rng, grid)
    if source == "polyps" and rng.random() < 0.4 and (found := _piece(catalogue, rng, grid, clean=False)):
        return found
    # Of two images the one with more kinds of objects: platelets are few.
    pool = catalogue.index[source]
    index = max((pool[i] for i in rng.integers(len(pool), size=2)), key=lambda i: catalogue.kinds[i])
    return _crop(catalogue, index, rng, grid, LEAST_SHARE[source])


def _crop(catalogue: Catalogue, index: int, rng: np.random.Generator, grid: tuple[int, int], least: float) -> View:
    """A random window of the image; half the time the whole image, sometimes small in a frame. At most MAX_OBJECTS remain."""
    (w, h), n = catalogue.sizes[index], len(catalogue.boxes[index])
    if n <= MAX_OBJECTS and rng.random() < WIDE:
        window, mirrored = _frame(w, h, rng, grid), bool(rng.random() < 0.5)
        view = view_of(catalogue, index, window, rng, grid, mirrored=mirrored)
        return view if len(view.boxes) <= MAX_OBJECTS else view_of(catalogue, index, window, rng, grid)
    whole = rng.random() < 0.5 and n <= MAX_OBJECTS
    share = 1.0 if whole else rng.uniform(least, 0.95)
    if n > MAX_OBJECTS:
        share = min(share, (MAX_OBJECTS / n) ** 0.5 * rng.uniform(0.6, 0.95))
    for _ in range(8):
        # The window keeps the crop's aspect to within a fifth, unless the whole image is shown.
        aspect = (grid[1] / grid[0]) * rng.uniform(0.83, 1.2)
        cw = w if whole else min(w, share * (w * h * aspect) ** 0.5)
        ch = h if whole else min(h, share * (w * h / aspect) ** 0.5)
        x, y = rng.uniform(0, w - cw + 1e-3), rng.uniform(0, h - ch + 1e-3)
        view = view_of(catalogue, index, (x, y, x + cw, y + ch), rng, grid)
        if len(view.boxes) <= MAX_OBJECTS:
            return view
        whole, share = False, share * 0.75
    return replace(view, boxes=view.boxes[:MAX_OBJECTS], classes=view.classes[:MAX_OBJECTS])


def _frame(w: int, h: int, rng: np.random.Generator, grid: tuple[int, int]) -> Window:
    """A window larger than the image: the field at a lower magnification."""
    side = rng.uniform(*FRAMED) * max(w / grid[1], h / grid[0])
    fw, fh = side * grid[1], side * grid[0]
    x, y = -rng.uniform(0, fw - w), -rng.uniform(0, fh - h)
    return x, y, x + fw, y + fh


def _piece(catalogue: Catalogue, rng: np.random.Generator, grid: tuple[int, int], *, clean: bool) -> View | None:
    """A piece of an endoscopy frame, cut by one rule whether it shows an object or none; None where none was found soon."""
    pool = catalogue.index["polyps"]
    for _ in range(16):
        index = pool[rng.integers(len(pool))]
        (w, h), boxes = catalogue.sizes[index], catalogue.boxes[index]
        side, stretch = min(w, h) * rng.uniform(*PIECES), rng.uniform(0.8, 1.25)
        cw, ch = min(w, side * stretch), min(h, side / stretch)
        x, y = rng.uniform(0, w - cw + 1e-3), rng.uniform(0, h - ch + 1e-3)
        shown = _shown(boxes, (x, y, x + cw, y + ch))
        if clean and not (shown > 0).any():
            view = view_of(catalogue, index, (x, y, x + cw, y + ch), rng, grid)
            return replace(view, boxes=view.boxes[:0], classes=view.classes[:0], source="blank")
        if not clean and (shown >= SHOWN).any() and not ((shown > 0) & (shown < SHOWN)).any():
            return view_of(catalogue, index, (x, y, x + cw, y + ch), rng, grid)
    return None


def _nothing(rng: np.random.Generator, grid: tuple[int, int]) -> View:
    return View(NOTHING, (0, 0, 1, 1), _turn(rng, grid), grid, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "blank")


def _shown(boxes: np.ndarray, window: Window) -> np.ndarray:
    """The share of each box that lies in the window."""
    low, high = np.maximum(boxes[:, :2], window[:2]), np.minimum(boxes[:, 2:], window[2:])
    return np.clip(high - low, 0, None).prod(1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-3)


def view_of(
    catalogue: Catalogue, index: int, window: Window, rng: np.random.Generator, grid: tuple[int, int], mirrored: bool = False
) -> View:
    known = catalogue.boxes[index], catalogue.classes[index]
    boxes, classes = _boxes_in(*(_reflected(*known, catalogue.sizes[index]) if mirrored else known), window, grid)
    turn, source = _turn(rng, grid), catalogue.sources[index]
    return View(index, window, turn, grid, _turned(boxes, turn, grid), classes, source, mirrored)


def _reflected(boxes: np.ndarray, classes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The boxes and those of the eight mirror images around an image of (width, height)."""
    w, h = size
    across = np.stack([-boxes[:, 2], boxes[:, 1], -boxes[:, 0], boxes[:, 3]], 1)
    rows = np.concatenate([boxes, across, across + np.array([2 * w, 0] * 2, np.float32)])
    down = np.stack([rows[:, 0], -rows[:, 3], rows[:, 2], -rows[:, 1]], 1)
    return np.concatenate([rows, down, down + np.array([0, 2 * h] * 2, np.float32)]), np.tile(classes, 9)


def _boxes_in(boxes: np.ndarray, classes: np.ndarray, window: Window, grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What the window shows, in pixels of its crop: (boxes [n, 4], classes [n])."""
    x1, y1, x2, y2 = window
    wh = np.array([grid[1] * TOKEN_PX, grid[0] * TOKEN_PX] * 2, np.float32)
    moved = (boxes - np.array([x1, y1, x1, y1], np.float32)) * (wh / np.array([x2 - x1, y2 - y1] * 2, np.float32))
    clipped = np.clip(moved, 0, wh)
    sides = clipped[:, 2:] - clipped[:, :2]
    keep = (_shown(boxes, window) >= SHOWN) & (sides.min(1, initial=1e9) >= LEAST_SIDE)
    return clipped[keep], classes[keep]


def _turn(rng: np.random.Generator, grid: tuple[int, int]) -> tuple[bool, bool, bool]:
    """One of the eight symmetries of the square, or of the four of the rectangle."""
    flips = rng.random(3) < 0.5
    return bool(flips[0]), bool(flips[1]), bool(flips[2] and grid[0] == grid[1])


def _turned(boxes: np.ndarray, turn: tuple[bool, bool, bool], grid: tuple[int, int]) -> np.ndarray:
    h, w = (side * TOKEN_PX for side in grid)
    if turn[2]:
        boxes = boxes[:, [1, 0, 3, 2]]
    if turn[0]:
        boxes = np.stack([w - boxes[:, 2], boxes[:, 1], w - boxes[:, 0], boxes[:, 3]], 1)
    if turn[1]:
        boxes = np.stack([boxes[:, 0], h - boxes[:, 3], boxes[:, 2], h - boxes[:, 1]], 1)
    return boxes


def order_and_owners(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(indices of the boxes in reading order, owner token of each in that order).

    A visual token *owns* an object when the object's centre lies in it. Objects are listed in reading order of their owners.
    """
    h, w = view.grid
    center = (view.boxes[:, :2] + view.boxes[:, 2:]) / 2
    col = np.clip(center[:, 0] // TOKEN_PX, 0, w - 1).astype(int)
    row = np.clip(center[:, 1] // TOKEN_PX, 0, h - 1).astype(int)
    order = np.lexsort((center[:, 0], center[:, 1], row * w + col))
    return order, (row * w + col)[order]
