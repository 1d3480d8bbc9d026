"""The numbers of an image as its file had them: a TIFF of our own beside the picture, and its planes for the screen."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from pdc.domain.errors import NotFound, StoreUnavailable

STEPS = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Plane:
    """One channel, or all colours of each pixel after another: little-endian uint16, row by row.

    A number in the file is `base` + `step` times the one here: equal for whole numbers up to 65535.
    """

    data: bytes
    base: float
    step: float


def to_tiff(values: np.ndarray) -> bytes:
    """The numbers, compressed without loss, and nothing else."""
    buffer = io.BytesIO()
    photometric = "rgb" if values.ndim == 3 and values.shape[2] == 3 else "minisblack"
    # level 1: higher ones take many times as long for a few percent
    tifffile.imwrite(
        buffer,
        values,
        photometric=photometric,
        planarconfig="contig" if values.ndim == 3 else None,
        compression="zlib",
        compressionargs={"level": 1},
        maxworkers=1,
        metadata=None,
        software=False,
        predictor=values.dtype.kind in "ui",
    )
    return buffer.getvalue()


def plane(path: Path, channel: int | None) -> Plane:
    """A channel, counted from 0, of a file that `to_tiff` made; None for all. NotFound when there is no such channel."""
    values = _values(path)
    if channel is not None and not (values.ndim == 2 and channel == 0):
        if values.ndim == 2 or not 0 <= channel < values.shape[2]:
            raise NotFound("The image has no channel {n}; reload the page.", n=channel + 1)
        values = values[..., channel]
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return Plane(np.ascontiguousarray(values, "<u2").tobytes(), 0, 1)
    return _in_steps(values)


def _values(path: Path) -> np.ndarray:
    try:
        with tifffile.TiffFile(path) as tiff:
            return tiff.pages[0].asarray(maxworkers=1)
    except FileNotFoundError:
        raise NotFound("The numbers of this image are missing; upload the image again.") from None
    except Exception:
        raise StoreUnavailable("The image file {path} is damaged; restore it from a backup.", path=path) from None


def _in_steps(values: np.ndarray) -> Plane:
    """Fractions and large numbers in 65536 steps from the least to the greatest; what is no number is the least."""
    finite = values[np.isfinite(values)]
    base = float(finite.min())
    step = (float(finite.max()) - base) / STEPS or 1.0
    placed = np.nan_to_num((values.astype(np.float64) - base) / step, nan=0, posinf=STEPS, neginf=0)
    return Plane(np.rint(placed).astype("<u2").tobytes(), base, step)
