"""Pictures whose orientation can be told, for tests that decode them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def corners(width: int = 60, height: int = 40) -> Image.Image:
    """Black, with a red top left, a green top right and a blue bottom left corner."""
    image = Image.new("RGB", (width, height))
    for colour, at in (("red", (0, 0)), ("lime", (width - 16, 0)), ("blue", (0, height - 16))):
        image.paste(colour, (*at, at[0] + 16, at[1] + 16))
    return image


def nearly(colour: tuple[int, ...], name: str) -> bool:
    wanted = Image.new("RGB", (1, 1), name).getpixel((0, 0))
    return all(abs(a - b) < 60 for a, b in zip(colour, wanted, strict=True))


def is_upright(image: Image.Image) -> bool:
    w, h = image.size
    places = {(6, 6): "red", (w - 7, 6): "lime", (6, h - 7): "blue", (w - 7, h - 7): "black"}
    return all(nearly(image.getpixel(at), name) for at, name in places.items())


def cells(wh: tuple[int, int], boxes: Iterable[Sequence[float]]) -> Image.Image:
    """Dark discs that fill these boxes, on a bright and grainy ground."""
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[: wh[1], : wh[0]] + 0.5
    pixels = np.full((wh[1], wh[0], 3), (222, 200, 205), float)
    for x1, y1, x2, y2 in boxes:
        inside = ((xs - (x1 + x2) / 2) / ((x2 - x1) / 2)) ** 2 + ((ys - (y1 + y2) / 2) / ((y2 - y1) / 2)) ** 2 < 1
        pixels[inside] = (120, 70, 140)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8))
