"""Pictures whose orientation can be told, for tests that decode them."""

from __future__ import annotations

import io

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
