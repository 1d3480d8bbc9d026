"""Drawn images with exact boxes: blood smears, fluorescent nuclei, mucosa with polyps, rods. Ours to ship and to train on.

Rods are a kind that the embedded model never sees in its own training: they show the loop of corrections and training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

LABELS = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
RED, WHITE, PLATELET, NUCLEUS, POLYP = range(len(LABELS))
RODS = 200  # images, where a command is told to draw them
DARK_FIELD, CROWDED = 0.15, 0.15  # of the images of rods
FEW, MANY = (4, 14), (16, 30)  # rods in an image, and in a crowded one; the last is not reached


@dataclass(frozen=True, slots=True)
class Sample:
    """image: uint8 RGB [h, w, 3]; boxes: float32 [n, 4] xyxy in its pixels; classes: int64 [n] indices into LABELS."""

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    source: str


class _Field:
    """An image being drawn, float RGB 0..255 [h, w, 3], with the boxes drawn so far."""

    def __init__(self, wh: tuple[int, int], colour: np.ndarray) -> None:
        self.w, self.h = wh
        self.image = np.empty((self.h, self.w, 3), np.float32)
        self.image[:] = colour
        self.boxes: list[tuple[float, ...]] = []
        self.classes: list[int] = []
        self.yy, self.xx = np.mgrid[0 : self.h, 0 : self.w].astype(np.float32)

    def distance(self, x: float, y: float, rx: float, ry: float, turn: float, bumps: np.ndarray) -> np.ndarray:
        """Distance from (x, y) in radii of a turned, slightly bumpy ellipse: 1 on its rim."""
        dx, dy = self.xx - x, self.yy - y
        u = (dx * np.cos(turn) + dy * np.sin(turn)) / rx
        v = (dy * np.cos(turn) - dx * np.sin(turn)) / ry
        angle = np.arctan2(v, u)
        rim = 1 + sum(a * np.cos((k + 2) * angle + p) for k, (a, p) in enumerate(bumps))
        return np.hypot(u, v) / rim

    def paint(self, cover: np.ndarray, colour: np.ndarray) -> None:
        self.image += cover[..., None] * (colour - self.image)

    def add(self, inside: np.ndarray, label: int) -> None:
        """Box of the pixels where `inside` is true, if enough of them are in the image."""
        ys, xs = np.nonzero(inside)
        if len(xs) >= 12:
            self.boxes.append((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
            self.classes.append(label)

    def sample(self, rng: np.random.Generator, source: str, noise: float, blur: float) -> Sample:
        image = cv2.GaussianBlur(self.image, (0, 0), blur) + rng.normal(0, noise, self.image.shape)
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        return Sample(np.clip(image, 0, 255).astype(np.uint8), boxes, np.array(self.classes, np.int64), source)


def smear(rng: np.random.Generator, wh: tuple[int, int] = (480, 360)) -> Sample:
    """A stained blood smear: discs with a pale centre, now and then a white cell with a lobed nucleus, and platelets."""
    paper = np.array([232, 224, 222]) + rng.normal(0, 8, 3)
    field = _Field(wh, paper)
    r = wh[1] * rng.uniform(0.09, 0.125)
    taken: list[tuple[float, float, float]] = []
    cell = np.array([205, 140, 145]) + rng.normal(0, 12, 3)
    for _ in range(rng.integers(9, 24)):
        if place := _free(rng, wh, r, taken, 0.9):
            _disc(field, rng, *place, r * rng.uniform(0.85, 1.1), cell)
    for _ in range(rng.choice(3, p=[0.35, 0.5, 0.15])):
        if place := _free(rng, wh, r * 1.5, taken, 0.85):
            _white(field, rng, *place, r * rng.uniform(1.25, 1.6))
    for _ in range(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])):
        if place := _free(rng, wh, r * 0.35, taken, 1.0):
            d = field.distance(*place, r * rng.uniform(0.25, 0.38), r * rng.uniform(0.25, 0.38), 0, _bumps(rng, 0.12))
            field.paint(_edge(d, 0.15) * 0.8, np.array([140, 90, 160]) + rng.normal(0, 12, 3))
            field.add(d < 1.05, PLATELET)
    return field.sample(rng, "blood_cells", rng.uniform(2, 5), rng.uniform(0.6, 1.1))


def _disc(field: _Field, rng: np.random.Generator, x: float, y: float, r: float, colour: np.ndarray) -> None:
    d = field.distance(x, y, r, r * rng.uniform(0.85, 1.0), rng.uniform(0, 3.1), _bumps(rng, 0.03))
    pale = np.exp(-((d / rng.uniform(0.35, 0.55)) ** 2)) * rng.uniform(0.2, 0.6)
    field.paint(_edge(d, 0.06) * (0.85 - pale), colour + rng.normal(0, 6, 3))
    field.add(d < 1.0, RED)


def _white(field: _Field, rng: np.random.Generator, x: float, y: float, r: float) -> None:
    d = field.distance(x, y, r, r * rng.uniform(0.88, 1.0), rng.uniform(0, 3.1), _bumps(rng, 0.04))
    field.paint(_edge(d, 0.08) * 0.75, np.array([205, 185, 215]) + rng.normal(0, 8, 3))
    for _ in range(rng.integers(2, 5)):
        a, s = rng.uniform(0, 6.3), r * 0.35
        n = field.distance(x + s * np.cos(a), y + s * np.sin(a), r * 0.48, r * 0.4, rng.uniform(0, 3.1), _bumps(rng, 0.08))
        field.paint(_edge(n, 0.12) * 0.85, np.array([105, 60, 150]) + rng.normal(0, 8, 3))
    field.add(d < 1.0, WHITE)


def fluorescence(rng: np.random.Generator, wh: tuple[int, int] = (360, 360)) -> Sample:
    """Stained nuclei on a dark field, some touching, of uneven brightness."""
    field = _Field(wh, np.full(3, rng.uniform(4, 18)))
    r = wh[1] * rng.uniform(0.03, 0.055)
    taken: list[tuple[float, float, float]] = []
    bright = rng.uniform(50, 190)
    for _ in range(rng.integers(8, 34)):
        if place := _free(rng, wh, r, taken, 0.95):
            rx, ry = r * rng.uniform(0.8, 1.3), r * rng.uniform(0.7, 1.0)
            d = field.distance(*place, rx, ry, rng.uniform(0, 3.1), _bumps(rng, 0.06))
            level = bright * rng.uniform(0.5, 1.3)
            field.paint(_edge(d, 0.2) * (0.8 + 0.2 * np.cos(d * 2)), np.full(3, min(level, 250.0)))
            field.add(d < 1.02, NUCLEUS)
    return field.sample(rng, "nuclei", rng.uniform(1, 3), rng.uniform(0.7, 1.3))


def mucosa(rng: np.random.Generator, wh: tuple[int, int] = (400, 400), polyps: int | None = None) -> Sample:
    """A view into the colon: folds, a dark lumen, vessels, wet highlights, and 0 to 2 polyps."""
    field = _Field(wh, np.array([196, 112, 88]) + rng.normal(0, 14, 3))
    lx, ly = rng.uniform(0.2, 0.8, 2) * wh
    away = np.hypot(field.xx - lx, field.yy - ly) / max(wh)
    folds = np.sin(away * rng.uniform(16, 30) + 2 * _cloud(rng, wh, 60))
    field.image *= (0.45 + 0.75 * np.clip(away * 1.6, 0, 1) + 0.08 * folds + 0.06 * _cloud(rng, wh, 25))[..., None]
    for _ in range(rng.choice(3, p=[0.1, 0.75, 0.15]) if polyps is None else polyps):
        r = wh[1] * rng.uniform(0.1, 0.24)
        x, y = rng.uniform(r, wh[0] - r), rng.uniform(r, wh[1] - r)
        d = field.distance(x, y, r, r * rng.uniform(0.7, 1.0), rng.uniform(0, 3.1), _bumps(rng, 0.06))
        shade = 0.75 + 0.45 * np.exp(-(((field.xx - x + r * 0.3) / r) ** 2 + ((field.yy - y + r * 0.4) / r) ** 2))
        field.image *= (1 - 0.35 * np.exp(-((np.maximum(d - 1, 0) / 0.12) ** 2)) * (d > 1))[..., None]
        colour = np.array([205, 105, 90]) + rng.normal(0, 12, 3)
        field.paint(_edge(d, 0.05) * 0.9, colour * (shade + 0.06 * _cloud(rng, wh, 8))[..., None])
        field.add(d < 1.0, POLYP)
    for _ in range(rng.integers(2, 9)):
        x, y = rng.uniform(0, 1, 2) * wh
        s = field.distance(x, y, rng.uniform(2, 8), rng.uniform(1, 4), rng.uniform(0, 3.1), _bumps(rng, 0.2))
        field.paint(_edge(s, 0.4) * 0.85, np.full(3, 250.0))
    return field.sample(rng, "polyps", rng.uniform(2, 5), rng.uniform(0.8, 1.3))


def rods(rng: np.random.Generator, wh: tuple[int, int] = (320, 320)) -> Sample:
    """Rod-shaped bacteria, all of class 0: dark on a bright field, at times bright on a dark one, at times crowded."""
    kind = rng.random()
    dark, number = kind < DARK_FIELD, rng.integers(*(MANY if kind > 1 - CROWDED else FEW))
    field = _Field(wh, np.full(3, rng.uniform(14, 40) if dark else rng.uniform(190, 232)) + rng.normal(0, 4, 3))
    field.image += (_cloud(rng, wh, 60) * 4)[..., None]
    length, width = wh[1] * rng.uniform(0.08, 0.13), wh[1] * rng.uniform(0.022, 0.034)
    colour = np.array([205, 215, 200] if dark else [96, 74, 132]) + rng.normal(0, 14, 3)
    taken: list[tuple[float, float, float]] = []
    for _ in range(number):
        if place := _free(rng, wh, length / 2, taken, 0.8):
            half = length * rng.uniform(0.35, 0.6)
            d = _from_segment(field, *place, half, rng.uniform(0, np.pi)) / (width * rng.uniform(0.85, 1.2))
            field.paint(_edge(d, 0.35) * rng.uniform(0.6, 0.9), colour + rng.normal(0, 8, 3))
            field.add(d < 1.05, 0)
    return field.sample(rng, "rods", rng.uniform(2, 6), rng.uniform(0.7, 1.2))


def _from_segment(field: _Field, x: float, y: float, half: float, turn: float) -> np.ndarray:
    """Distance in pixels from a segment about (x, y) of 2 * half pixels."""
    dx, dy = field.xx - x, field.yy - y
    along = np.clip(dx * np.cos(turn) + dy * np.sin(turn), -half, half)
    return np.hypot(dx - along * np.cos(turn), dy - along * np.sin(turn))


def write_rods(folder: Path, number: int, seed: int = 0, label: str = "bacterium") -> Path:
    """Draw images of rods with their boxes; returns the COCO file beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in range(number):
        sample = rods(np.random.default_rng([seed, i]))
        height, width = sample.image.shape[:2]
        images.append({"id": i + 1, "file_name": f"rods-{i:03}.png", "width": width, "height": height})
        cv2.imwrite(str(folder / f"rods-{i:03}.png"), cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR))
        for x1, y1, x2, y2 in sample.boxes.tolist():
            bbox = [x1, y1, x2 - x1, y2 - y1]
            annotations.append({"id": len(annotations) + 1, "image_id": i + 1, "category_id": 1, "bbox": bbox, "iscrowd": 0})
    told = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": label}]}
    (folder / "rods.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / "rods.json"


def _free(rng: np.random.Generator, wh: tuple[int, int], r: float, taken: list, gap: float) -> tuple[float, float] | None:
    """A place for radius r that overlaps what is there by little, or None after a few tries."""
    for _ in range(12):
        x, y = rng.uniform(0, wh[0]), rng.uniform(0, wh[1])
        if all(np.hypot(x - a, y - b) > (r + s) * gap for a, b, s in taken):
            taken.append((x, y, r))
            return x, y
    return None


def _bumps(rng: np.random.Generator, size: float) -> np.ndarray:
    return np.stack([rng.normal(0, size / 2, 3), rng.uniform(0, 6.3, 3)], 1)


def _edge(d: np.ndarray, soft: float) -> np.ndarray:
    """1 inside, 0 outside, a ramp of `soft` radii at the rim."""
    return np.clip((1 + soft / 2 - d) / soft, 0, 1)


def _cloud(rng: np.random.Generator, wh: tuple[int, int], cell: int) -> np.ndarray:
    """Smooth noise of about unit size whose grains are `cell` pixels wide."""
    small = rng.normal(0, 1, (wh[1] // cell + 2, wh[0] // cell + 2)).astype(np.float32)
    return cv2.resize(small, wh, interpolation=cv2.INTER_CUBIC)
