"""Text in pixels, found and read by RapidOCR, whose models lie in its own package: nothing is fetched.

Small images are looked at enlarged. A large one is looked at reduced, and its borders, where instruments write, once more in
full. That bounds the work: an image of 50 megapixels takes about as long as one of four.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from pdc.images.burned_in.rules import Kind, kind_of

SMALL, LARGE = 480, 1280  # longer sides: below it an image is enlarged, above it reduced
ENLARGED = 2.0
BORDER = 0.15  # of a large image's side
STRIP = 2560  # longest side of a border that is looked at
LEAST_SCORE = 0.6  # of what is read; tissue that looks like letters scores lower
TALLEST = 64, 0.15  # pixels, or share of the image's shorter side: a higher line is no line, but cells that look like noughts
MOST = 100  # pieces of text that are read in one look


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text: its box in pixels of the image, and how sure its reading is, 0 to 1."""

    text: str
    score: float
    xyxy: tuple[float, float, float, float]

    @property
    def height(self) -> float:
        """Of its line, in pixels, whichever way it is turned."""
        x1, y1, x2, y2 = self.xyxy
        return min(x2 - x1, y2 - y1)

    @property
    def kind(self) -> Kind:
        return kind_of(self.text)


def texts_in(rgb: np.ndarray) -> list[Text]:
    """Every piece of text in an image (height, width, 3), once for each look that found it."""
    tallest = max(TALLEST[0], TALLEST[1] * min(rgb.shape[:2]))
    return [found for look in _looks(rgb) for found in _read(*look) if found.height <= tallest]


def _looks(rgb: np.ndarray) -> Iterator[tuple[np.ndarray, float, int, int]]:
    """(pixels, their scale, x and y of their corner in the image)."""
    height, width = rgb.shape[:2]
    longer = max(height, width)
    if longer <= LARGE:
        yield _scaled(rgb, ENLARGED if longer <= SMALL else 1.0), ENLARGED if longer <= SMALL else 1.0, 0, 0
        return
    yield _scaled(rgb, LARGE / longer), LARGE / longer, 0, 0
    for x1, y1, x2, y2 in _borders(width, height):
        scale = min(1.0, STRIP / max(x2 - x1, y2 - y1))
        yield _scaled(rgb[y1:y2, x1:x2], scale), scale, x1, y1


def _borders(width: int, height: int) -> list[tuple[int, int, int, int]]:
    across, down = int(width * BORDER), int(height * BORDER)
    return [
        (0, 0, width, down),
        (0, height - down, width, height),
        (0, down, across, height - down),
        (width - across, down, width, height - down),
    ]


def _scaled(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return pixels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)


def _read(pixels: np.ndarray, scale: float, x: int, y: int) -> Iterator[Text]:
    said = _engine()(np.ascontiguousarray(pixels[..., ::-1]))
    if said.boxes is None or said.txts is None or said.scores is None:
        return
    for corners, text, score in zip(said.boxes, said.txts, said.scores, strict=True):
        if score >= LEAST_SCORE:
            across, down = np.asarray(corners, float).T / scale
            yield Text(text, float(score), (across.min() + x, down.min() + y, across.max() + x, down.max() + y))


@cache
def _engine() -> Any:
    """One thread: it stands beside a model that answers."""
    from rapidocr import RapidOCR

    own = {"limit_type": "max", "limit_side_len": STRIP, "max_candidates": MOST}
    options = {"Global.log_level": "critical", "Global.max_side_len": STRIP, "Global.text_score": 0.0}
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    return RapidOCR(params={**options, **threads, **{f"Det.{name}": value for name, value in own.items()}})
