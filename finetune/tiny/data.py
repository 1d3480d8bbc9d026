"""Training crops for the embedded model: real annotated images, cut, scaled, turned and recoloured at random.

Every batch is a function of (seed, step), so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from finetune.data.drawings import Sample
from finetune.tiny import LABELS, SOURCES, TOKEN_PX
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Task

MAX_OBJECTS = 32  # per crop: fuller fields are served as tiles
LEAST_SHARE = {"blood_cells": 0.35, "nuclei": 0.22, "polyps": 0.5}  # of the image's side: as fine as tiles get when serving
KEEP_SIDE = 512  # stored copies are shrunk to this longer side: nothing is seen larger than that


@dataclass(frozen=True, slots=True)
class Mixture:
    """shares: of each source among the crops; grids: of visual tokens (rows, columns) that a batch may have, and how often;
    glanced: how often a batch is drawn from GLANCED instead."""

    shares: Mapping[str, float]
    grids: tuple[tuple[tuple[int, int], float], ...]
    glanced: float = 0.0


# About the pixel budget used when serving.
GRIDS = (((8, 8), 0.22), ((10, 10), 0.48), ((8, 11), 0.15), ((11, 8), 0.05), ((9, 11), 0.05), ((7, 12), 0.05))
MIXTURE = Mixture({"blood_cells": 0.26, "nuclei": 0.40, "polyps": 0.26, "blank": 0.03, "drawn": 0.05}, GRIDS, glanced=0.5)
# Polyps are large: seen small, twice as many fit into the same time.
GLANCED = Mixture({"polyps": 0.84, "blank": 0.16}, (((5, 5), 0.2), ((6, 6), 0.5), ((7, 7), 0.3)))


def load_split(data: Path, split: str) -> dict[str, list[Sample]]:
    """Every image of a COCO split per source, shrunk to KEEP_SIDE."""
    return {source: _load_source(data / source, source, split) for source in SOURCES}


def _load_source(folder: Path, source: str, split: str) -> list[Sample]:
    def load(row: Row) -> Sample:
        image = _read_image(row.path)
        boxes = np.array([m.shape.xyxy for m in row.findings.marks if isinstance(m.shape, Box)], np.float32).reshape(-1, 4)
        classes = np.array([LABELS.index(m.label) for m in row.findings.marks], np.int64)
        scale = min(1.0, KEEP_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return Sample(image, boxes * scale, classes, source)

    rows = read_coco(folder / f"{split}.json", Task.BOUNDING)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, rows))


def batches(
    samples: dict[str, list[Sample]], size: int, seed: int, start: int, stop: int, mixture: Mixture = MIXTURE
) -> Iterator[tuple[int, list[Sample]]]:
    """(step, `size` crops that share one grid) for start <= step < stop; the next batch is made while this one is used."""

    def make(step: int) -> tuple[int, list[Sample]]:
        rng = np.random.default_rng([seed, step])
        drawn = GLANCED if rng.random() < mixture.glanced else mixture
        grid = drawn.grids[rng.choice(len(drawn.grids), p=[p for _, p in drawn.grids])][0]
        return step, [draw(samples, rng, grid, drawn.shares) for _ in range(size)]

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(make, start)
        for step in range(start, stop):
            ready = pending.result()
            if step + 1 < stop:
                pending = pool.submit(make, step + 1)
            yield ready


def draw(
    samples: dict[str, list[Sample]], rng: np.random.Generator, grid: tuple[int, int], shares: Mapping[str, float]
) -> Sample:
    """One crop of the grid's size from a source drawn by `shares`."""
    source = rng.choice(list(shares), p=list(shares.values()))
    wh = grid[1] * TOKEN_PX, grid[0] * TOKEN_PX
    if source == "blank":
        return _recolour(_blank(samples, rng, wh), rng)
    if source == "drawn":
        return _drawn(rng, wh)
    two = (samples[source][i] for i in rng.integers(len(samples[source]), size=2))
    sample = max(two, key=lambda s: len(set(s.classes.tolist())))  # of two the one with more kinds of objects: platelets are few
    return _recolour(_turn(crop(sample, rng, wh), rng, wh), rng)


def _drawn(rng: np.random.Generator, wh: tuple[int, int]) -> Sample:
    from finetune.data import drawings

    draw = (drawings.smear, drawings.fluorescence, drawings.mucosa)[rng.integers(3)]
    sample = drawings.mucosa(rng, wh, 0) if draw is drawings.mucosa and rng.random() < 0.3 else draw(rng, wh)
    return sample if len(sample.boxes) else Sample(sample.image, sample.boxes, sample.classes, "blank")


def _read_image(path: Path) -> np.ndarray:
    """uint8 RGB [h, w, 3]; BadSetting when the file is no image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise BadSetting(f"The image {path} cannot be read; get the file again.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def crop(sample: Sample, rng: np.random.Generator, wh: tuple[int, int]) -> Sample:
    """A random window of the image, resized to `wh`; half the time the whole image. At most MAX_OBJECTS remain."""
    h, w = sample.image.shape[:2]
    whole = rng.random() < 0.5 and len(sample.boxes) <= MAX_OBJECTS
    share = 1.0 if whole else rng.uniform(LEAST_SHARE[sample.source], 0.95)
    if len(sample.boxes) > MAX_OBJECTS:
        share = min(share, (MAX_OBJECTS / len(sample.boxes)) ** 0.5 * rng.uniform(0.6, 0.95))
    for _ in range(8):
        # The window keeps the canvas's aspect to within a fifth, unless the whole image is shown.
        aspect = (wh[0] / wh[1]) * rng.uniform(0.83, 1.2)
        cw = w if whole else min(w, share * (w * h * aspect) ** 0.5)
        ch = h if whole else min(h, share * (w * h / aspect) ** 0.5)
        x, y = rng.uniform(0, w - cw + 1e-3), rng.uniform(0, h - ch + 1e-3)
        cut = _cut(sample, (x, y, x + cw, y + ch), wh)
        if len(cut.boxes) <= MAX_OBJECTS:
            return cut
        whole, share = False, share * 0.75
    keep = np.arange(len(cut.boxes)) < MAX_OBJECTS
    return Sample(cut.image, cut.boxes[keep], cut.classes[keep], cut.source)


def _cut(sample: Sample, window: tuple[float, float, float, float], wh: tuple[int, int]) -> Sample:
    x1, y1, x2, y2 = (round(v) for v in window)
    h, w = sample.image.shape[:2]
    x1, y1 = min(x1, w - 8), min(y1, h - 8)
    x2, y2 = max(x2, x1 + 8), max(y2, y1 + 8)
    piece = sample.image[y1:y2, x1:x2]
    shrinks = piece.shape[1] * piece.shape[0] > wh[0] * wh[1]
    image = cv2.resize(piece, wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    scale = np.array([wh[0] / piece.shape[1], wh[1] / piece.shape[0]] * 2, np.float32)
    moved = (sample.boxes - np.array([x1, y1, x1, y1], np.float32)) * scale
    clipped = np.clip(moved, 0, np.array([*wh, *wh], np.float32))
    sides, full = clipped[:, 2:] - clipped[:, :2], np.maximum(moved[:, 2:] - moved[:, :2], 1e-3)
    visible = sides.prod(1) / full.prod(1)
    keep = (visible >= 0.3) & (sides.min(1, initial=1e9) >= 4)
    return Sample(image, clipped[keep], sample.classes[keep], sample.source)


def _turn(sample: Sample, rng: np.random.Generator, wh: tuple[int, int]) -> Sample:
    """One of the eight symmetries of the square, or of the four of the rectangle."""
    image, boxes = sample.image, sample.boxes.copy()
    w, h = wh
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], np.stack([w - boxes[:, 2], boxes[:, 1], w - boxes[:, 0], boxes[:, 3]], 1)
    if rng.random() < 0.5:
        image, boxes = image[::-1], np.stack([boxes[:, 0], h - boxes[:, 3], boxes[:, 2], h - boxes[:, 1]], 1)
    if w == h and rng.random() < 0.5:
        image, boxes = image.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return Sample(image, boxes, sample.classes, sample.source)


def _recolour(sample: Sample, rng: np.random.Generator) -> Sample:
    """Gain, offset, gamma, colour cast, sometimes blur or noise: other stains, lamps and cameras."""
    image = sample.image.astype(np.float32) / 255
    if rng.random() < 0.8:
        image = np.clip(image * rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, 3) + rng.uniform(-0.08, 0.08), 0, 1)
        image = image ** rng.uniform(0.7, 1.4)
    if rng.random() < 0.3:
        gray = image.mean(2, keepdims=True)
        image = gray + (image - gray) * rng.uniform(0.2, 1.4)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(np.ascontiguousarray(image, np.float32), (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.25:
        image = image + rng.normal(0, rng.uniform(0.005, 0.03), image.shape)
    return Sample((np.clip(image, 0, 1) * 255).astype(np.uint8), sample.boxes, sample.classes, sample.source)


def _blank(samples: dict[str, list[Sample]], rng: np.random.Generator, wh: tuple[int, int]) -> Sample:
    """Nothing to find: clean mucosa cut from beside a polyp, or an empty field of one colour and a gradient."""
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    if rng.random() < 0.6:
        for _ in range(10):
            sample = samples["polyps"][rng.integers(len(samples["polyps"]))]
            h, w = sample.image.shape[:2]
            side = int(min(h, w) * rng.uniform(0.3, 0.6))
            x, y = rng.integers(0, w - side + 1), rng.integers(0, h - side + 1)
            b = sample.boxes
            touches = (b[:, 0] < x + side) & (b[:, 2] > x) & (b[:, 1] < y + side) & (b[:, 3] > y)
            if not touches.any():
                clean = cv2.resize(sample.image[y : y + side, x : x + side], wh, interpolation=cv2.INTER_CUBIC)
                return Sample(clean, *none, "blank")
    corner = rng.uniform(0, 255, 3)
    across = rng.normal(0, 25, (2, 3))
    yy, xx = np.mgrid[0 : wh[1], 0 : wh[0]].astype(np.float32)
    field = corner + (xx / wh[0])[..., None] * across[0] + (yy / wh[1])[..., None] * across[1]
    return Sample(np.clip(field, 0, 255).astype(np.uint8), *none, "blank")
