"""Boxes painted over in an accepted image: the picture, and the numbers behind it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor

import numpy as np
import PIL.Image
import tifffile

from pdc.domain.values import Box
from pdc.images.decode_worker import to_png
from pdc.images.intake import Accepted
from pdc.images.raw_files import to_tiff


def painted(accepted: Accepted, boxes: Sequence[Box]) -> Accepted:
    """The image with these boxes black. Nothing of what was there is in any of its bytes, and its name is a new sha256."""
    pixels = np.array(accepted.pixels())
    _fill(pixels, boxes)
    png = to_png(PIL.Image.fromarray(pixels))
    done = replace(accepted, png=png, sha256=hashlib.sha256(png).hexdigest())
    if accepted.raw is None or accepted.view is None:
        return done
    raw = _painted_raw(accepted.raw, boxes)
    return replace(done, raw=raw, view=replace(accepted.view, raw=hashlib.sha256(raw).hexdigest()))


def _painted_raw(raw: bytes, boxes: Sequence[Box]) -> bytes:
    with tifffile.TiffFile(io.BytesIO(raw)) as tiff:
        values = np.array(tiff.pages[0].asarray(maxworkers=1))
    _fill(values, boxes)
    return to_tiff(values)


def _fill(values: np.ndarray, boxes: Sequence[Box]) -> None:
    """(height, width) or (height, width, channels): the least number that is there anyway, 0 in a picture."""
    least = 0 if values.dtype.kind != "f" else np.nanmin(values)
    for box in boxes:
        values[floor(box.y1) : ceil(box.y2), floor(box.x1) : ceil(box.x2)] = least
