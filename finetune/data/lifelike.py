"""Drawings that look like the real thing, for the examples that ship with PDC where no real image may be shipped.

`python -m finetune.data.lifelike FOLDER` draws them. A smear is drawn as light sees it: each cell absorbs, and two that overlap
absorb together. Mucosa is a relief, lit from where the camera is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from finetune.data.drawings import PLATELET, POLYP, RED, WHITE, Sample

EOSIN = np.array([0.13, 0.29, 0.19], np.float32)  # what a red cell's full thickness absorbs of red, green and blue
AZURE = np.array([1.25, 1.75, 0.66], np.float32)  # a white cell's nucleus, the granules of a platelet
PLASMA = np.array([0.14, 0.34, 0.12], np.float32)  # the cytoplasm of a white cell
QUALITY = 92  # of the JPEG files


class Light:
    """What a slide of (width, height) pixels absorbs: float32 [h, w, 3], 0 where it is clear; with the boxes of its objects."""

    def __init__(self, rng: np.random.Generator, wh: tuple[int, int]) -> None:
        self.rng, self.wh = rng, wh
        self.absorbed = np.zeros((wh[1], wh[0], 3), np.float32)
        self.yy, self.xx = np.mgrid[0 : wh[1], 0 : wh[0]].astype(np.float32)
        self.boxes: list[tuple[float, ...]] = []
        self.classes: list[int] = []

    def radii(self, x: float, y: float, r: float, flat: float = 1.0, bumps: float = 0.03) -> np.ndarray:
        """Distance from (x, y) in radii of a turned, slightly uneven ellipse: 1 on its rim."""
        turn = self.rng.uniform(0, np.pi)
        dx, dy = self.xx - x, self.yy - y
        u, v = dx * np.cos(turn) + dy * np.sin(turn), (dy * np.cos(turn) - dx * np.sin(turn)) / flat
        angle = np.arctan2(v, u)
        rim = sum(self.rng.normal(0, bumps / (k - 1)) * np.cos(k * angle + self.rng.uniform(0, 6.3)) for k in (2, 3, 4, 5))
        return np.hypot(u, v) / (r * (1 + rim))

    def add(self, inside: np.ndarray, label: int) -> None:
        ys, xs = np.nonzero(inside)
        self.boxes.append((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
        self.classes.append(label)

    def image(self, lamp: np.ndarray, blur: float, noise: float) -> np.ndarray:
        """uint8 RGB, as a camera takes it: unsharp, unevenly lit, with the grain of its sensor."""
        across = 1 - 0.04 * np.hypot(self.xx / self.wh[0] - 0.55, self.yy / self.wh[1] - 0.45)
        seen = lamp * across[..., None] * np.exp(-self.absorbed)
        grain = cv2.GaussianBlur(self.rng.normal(0, 1, seen.shape).astype(np.float32), (0, 0), 0.8)
        seen = cv2.GaussianBlur(seen, (0, 0), blur) + grain * noise * 2.2
        return np.clip(seen, 0, 255).astype(np.uint8)


def blood_smear(
    rng: np.random.Generator, wh: tuple[int, int] = (400, 400), r: float = 48, cells: int = 12, platelets: int = 3
) -> Sample:
    """A stained blood smear: many red cells, of which some touch, one granulocyte, and platelets."""
    slide = Light(rng, wh)
    places = [(wh[0] * 0.62, wh[1] * 0.42, r * 1.75)]
    _granulocyte(slide, *places[0][:2], r * 1.55)
    for x, y in _apart(rng, wh, [r] * cells, places, 0.93):
        _red_cell(slide, x, y, r * rng.uniform(0.88, 1.08))
    for x, y in _apart(rng, wh, [r * 0.4] * platelets, places, 1.15, inside=True):
        _platelet(slide, x, y, r * rng.uniform(0.3, 0.4))
    image = slide.image(np.array([253, 237, 208], np.float32), 0.7, 1.0)
    return Sample(image, np.array(slide.boxes, np.float32), np.array(slide.classes, np.int64), "blood_cells")


def _apart(
    rng: np.random.Generator,
    wh: tuple[int, int],
    sizes: Iterable[float],
    taken: list[tuple[float, float, float]],
    gap: float,
    inside: bool = False,
) -> list[tuple[float, float]]:
    """Places for circles of these radii that hardly overlap what is there; those that find none are left out."""
    found = []
    for r in sizes:
        for _ in range(60):
            edge = r if inside else r * 0.2
            x, y = rng.uniform(edge, wh[0] - edge), rng.uniform(edge, wh[1] - edge)
            if all(np.hypot(x - a, y - b) > (r + s) * gap for a, b, s in taken):
                taken.append((x, y, r))
                found.append((x, y))
                break
    return found


def _red_cell(slide: Light, x: float, y: float, r: float) -> None:
    """A disc that is thinner in its middle, with a bright line around it where the light bends."""
    d = slide.radii(x, y, r, slide.rng.uniform(0.88, 1.0))
    dip, wide = slide.rng.uniform(0.3, 0.85), slide.rng.uniform(0.36, 0.5)
    thick = _inside(d, 0.07) * (1 - dip * np.exp(-((d / wide) ** 2)) + 0.10 * np.exp(-(((d - 0.9) / 0.1) ** 2)))
    bright = 0.05 * np.exp(-(((d - 1.09) / 0.05) ** 2))
    slide.absorbed += (thick * slide.rng.uniform(0.86, 1.08))[..., None] * EOSIN - bright[..., None]
    slide.add(d < 1, RED)


def _granulocyte(slide: Light, x: float, y: float, r: float) -> None:
    """A cell with fine granules and a nucleus of three lobes."""
    d = slide.radii(x, y, r, 0.95)
    grain = 1 + 0.35 * _cloud(slide.rng, slide.wh, 3) + 0.2 * _cloud(slide.rng, slide.wh, 9)
    slide.absorbed += (_inside(d, 0.08) * np.clip(grain, 0.3, 2))[..., None] * PLASMA
    lobes, turn = np.zeros_like(d), slide.rng.uniform(0, 6.3)
    for k in range(3):
        a = turn + k * 1.75
        lobe = slide.radii(x + 0.40 * r * np.cos(a), y + 0.40 * r * np.sin(a), 0.36 * r, 0.8, 0.05)
        lobes = np.maximum(lobes, _inside(lobe, 0.18))
    chromatin = np.clip(1 + 0.28 * _cloud(slide.rng, slide.wh, 6), 0.45, 1.5)
    slide.absorbed += (lobes * chromatin)[..., None] * AZURE
    slide.add(d < 1, WHITE)


def _platelet(slide: Light, x: float, y: float, r: float) -> None:
    d = slide.radii(x, y, r, slide.rng.uniform(0.7, 0.95), 0.08)
    grain = np.clip(0.75 + 0.25 * _cloud(slide.rng, slide.wh, 4), 0.3, 1.3)
    slide.absorbed += (_inside(d, 0.4) * grain)[..., None] * AZURE * 0.62
    slide.add(d < 1.1, PLATELET)


def colon(rng: np.random.Generator, wh: tuple[int, int] = (480, 480)) -> Sample:
    """A view into the colon: folds around a dark lumen, fine vessels, wet highlights, and one polyp on a fold."""
    w, h = wh
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    deep = np.hypot((xx - 0.34 * w) / w, (yy - 0.36 * h) / h)
    height = 34 * np.sin(26 * deep**0.75 + 1.1 * _cloud(rng, wh, 120)) * np.clip(deep * 2.2, 0, 1)
    height += 3.2 * _cloud(rng, wh, 34) + 0.9 * _cloud(rng, wh, 11)
    x, y, r = 0.64 * w, 0.60 * h, 0.19 * h
    angle = np.arctan2(yy - y, xx - x)
    d = np.hypot(xx - x, (yy - y) / 0.86) / (r * (1 + 0.05 * np.cos(3 * angle + 1) + 0.04 * np.cos(2 * angle)))
    dome = np.clip(1 - d**2, 0, 1) ** 0.9
    height = height * (1 - 0.75 * _inside(d, 0.25)) + 0.55 * r * dome + 0.9 * _inside(d, 0.1) * _cloud(rng, wh, 15)
    shade, glint = _lit(height, xx - 0.45 * w, yy - 0.45 * h, 0.62 * w)
    colour = np.array([244, 142, 122], np.float32) + 10 * _cloud(rng, wh, 90)[..., None]
    colour = colour * (1 - 0.20 * _vessels(rng, wh, d)[..., None] * np.array([0.5, 1, 1], np.float32))
    redder = _inside(d, 0.12)[..., None] * np.array([1.08, 0.90, 0.90], np.float32)
    colour = colour * np.where(redder > 0, redder + (1 - _inside(d, 0.12)[..., None]), 1)
    around = 1 - 0.22 * np.exp(-(((d - 1.03) / 0.07) ** 2))
    far = np.clip(0.16 + 1.5 * deep**0.9, 0, 1.04)
    seen = colour * (shade * far * around)[..., None] + 255 * glint[..., None]
    seen = cv2.GaussianBlur(seen * _scope(xx, yy, wh)[..., None], (0, 0), 0.8)
    seen += cv2.GaussianBlur(rng.normal(0, 1, seen.shape).astype(np.float32), (0, 0), 0.9) * 4
    ys, xs = np.nonzero(d < 1)
    box = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
    return Sample(np.clip(seen, 0, 255).astype(np.uint8), box, np.array([POLYP], np.int64), "polyps")


def _lit(height: np.ndarray, dx: np.ndarray, dy: np.ndarray, away: float) -> tuple[np.ndarray, np.ndarray]:
    """How bright a relief is under a lamp beside the camera, and where it is wet enough to mirror the lamp."""
    gy, gx = np.gradient(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 2.0))
    length = np.sqrt(gx**2 + gy**2 + 1)
    far = np.sqrt(dx**2 + dy**2 + away**2)
    facing = np.clip((gx * dx + gy * dy + away) / (length * far), 0, 1)
    lobe = np.clip((0.35 * gx - 0.55 * gy + 1) / (length * 1.2), 0, 1)  # from the side, so that domes look round
    return 0.36 + 0.55 * facing**1.4 + 0.38 * lobe**3, 0.95 * np.clip((facing - 0.9965) / 0.003, 0, 1) * (lobe > 0.86)


def _vessels(rng: np.random.Generator, wh: tuple[int, int], d: np.ndarray) -> np.ndarray:
    """Fine branching lines, 0 to 1; none on the polyp."""
    lines = np.zeros((wh[1], wh[0]), np.float32)
    for _ in range(9):
        _branch(lines, rng, rng.uniform(0, 1, 2) * wh, rng.uniform(0, 6.3), 4, 90)
    return cv2.GaussianBlur(lines, (0, 0), 1.1) * (1 - _inside(d, 0.3))


def _branch(lines: np.ndarray, rng: np.random.Generator, at: np.ndarray, turn: float, left: int, steps: int) -> None:
    for _ in range(steps):
        turn += rng.normal(0, 0.12)
        on = at + 2.2 * np.array([np.cos(turn), np.sin(turn)])
        cv2.line(lines, tuple(at.astype(int).tolist()), tuple(on.astype(int).tolist()), 1.0, max(1, left - 1), cv2.LINE_AA)
        at = on
        if left > 1 and rng.random() < 0.03:
            _branch(lines, rng, at, turn + rng.choice([-1, 1]) * rng.uniform(0.4, 0.9), left - 1, steps // 2)


def _scope(xx: np.ndarray, yy: np.ndarray, wh: tuple[int, int]) -> np.ndarray:
    """The black corners that an endoscope leaves, and the light that falls off towards them."""
    u, v = np.abs(xx / wh[0] - 0.5) * 2, np.abs(yy / wh[1] - 0.5) * 2
    cut = np.clip((1.62 - u - v) / 0.01, 0, 1) * np.clip((0.985 - np.maximum(u, v)) / 0.01, 0, 1)
    return cut * (1 - 0.22 * np.clip(np.hypot(u, v) - 0.3, 0, 1) ** 1.5)


def _inside(d: np.ndarray, soft: float) -> np.ndarray:
    """1 inside the rim, 0 outside, smooth over `soft` radii."""
    t = np.clip((1 + soft / 2 - d) / soft, 0, 1)
    return t * t * (3 - 2 * t)


def _cloud(rng: np.random.Generator, wh: tuple[int, int], cell: int) -> np.ndarray:
    """Smooth noise of about unit size whose grains are `cell` pixels wide."""
    small = rng.normal(0, 1, (wh[1] // cell + 3, wh[0] // cell + 3)).astype(np.float32)
    return cv2.resize(small, wh, interpolation=cv2.INTER_CUBIC)


def write_examples(folder: Path) -> None:
    """The drawn examples, as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in (("blood", blood_smear(np.random.default_rng(9))), ("polyp", colon(np.random.default_rng(3)))):
        pixels = cv2.cvtColor(drawn.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}-drawing.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    write_examples(Path(sys.argv[1]))
