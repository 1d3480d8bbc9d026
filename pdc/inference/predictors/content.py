"""The part of an image that shows something: without a plain frame around it, such as padding or the rim of an eyepiece.

A frame makes what is in it smaller for the model, which sees every image at one size. It is told from the empty background of
a field by what it surrounds: a frame holds a picture that fills its box, a background only objects here and there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdc.domain.values import Box

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

SAMPLED = 256  # pixels of the longer side that are looked at
TOLERANCES = 2, 14  # grey levels by which a frame may differ from its colour: padding, and a dark rim with noise
SPECKS = 0.02  # of a row or column: fewer other pixels are dust or noise
FILLED = 0.55  # of the box: a round field fills 0.79 of it
LEAST_SHARE = 0.3  # of each side of the image
MOST_AREA = 0.8  # of the image: a narrower frame is not worth a crop


def content_box(image: PilImage) -> Box | None:
    """The box, in whole image pixels, of what a plain frame surrounds; None where there is no frame worth a crop."""
    pixels = _sample(image)
    found = (_inside_frame(pixels, tolerance) for tolerance in TOLERANCES)
    share = next((s for s in found if s), None)
    if share is None:
        return None
    w, h = image.size
    return Box(*(float(round(s * side)) for s, side in zip(share, (w, h, w, h), strict=True)))


def whole_picture(image: PilImage) -> PilImage:
    """The image without a plain frame around it."""
    box = content_box(image)
    return image.crop((round(box.x1), round(box.y1), round(box.x2), round(box.y2))) if box else image


def _sample(image: PilImage) -> Any:
    """int16 RGB [rows, columns, 3] of single pixels: none is mixed, so that a plain frame stays plain and its edge hard."""
    import numpy as np
    from PIL.Image import Resampling

    scale = min(1.0, SAMPLED / max(image.size))
    wh = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.convert("RGB").resize(wh, Resampling.NEAREST)).astype(np.int16)


def _inside_frame(pixels: Any, tolerance: int) -> tuple[float, float, float, float] | None:
    """(x1, y1, x2, y2), as shares of the sides, of what differs from the corners' colour, if it is a picture in a frame."""
    import numpy as np

    colour = np.median(pixels[[0, 0, -1, -1], [0, -1, 0, -1]], 0)
    other = np.abs(pixels - colour).max(-1) > tolerance
    ys, xs = (np.flatnonzero(other.mean(axis) > SPECKS) for axis in (1, 0))
    if not len(ys) or not len(xs):
        return None
    h, w = other.shape
    y1, y2, x1, x2 = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
    across, down, filled = (x2 - x1) / w, (y2 - y1) / h, other[y1:y2, x1:x2].mean()
    if min(across, down) < LEAST_SHARE or across * down > MOST_AREA or filled < FILLED:
        return None
    return x1 / w, y1 / h, x2 / w, y2 / h
