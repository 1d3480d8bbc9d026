"""From many grey levels to 256: the window of brightness that is shown, and what can be said of a picture that shows little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

CLIPPED = 1000
"""One in so many values at either end lies outside the window, so that a hot pixel does not decide what is black."""
FEW = 100  # values; with fewer than these none is left out
CHUNK = 2**22  # values looked at together: a copy of a whole large image would not fit into the worker's memory
BLACK, ONE_GREY = 24, 6  # levels of 255: below, and nearer together than this, hardly anything can be seen
LABELS = 0.85  # the share of neighbours with equal numbers from which on numbers are labels, no brightness


@dataclass(frozen=True, slots=True)
class Window:
    """The values shown black and white; what is below or above is shown so too."""

    low: float
    high: float

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The values as 0 to 255, uint8. Of a window without width everything is black."""
        scale = 255 / (self.high - self.low) if self.high > self.low else 0.0
        if values.dtype in (np.uint8, np.uint16):
            levels = np.arange(np.iinfo(values.dtype).max + 1, dtype=np.float64)
            return _level(levels, self.low, scale)[values]
        flat, out = values.reshape(-1), np.empty(values.size, np.uint8)
        for at in range(0, flat.size, CHUNK):
            out[at : at + CHUNK] = _level(flat[at : at + CHUNK].astype(np.float64), self.low, scale)
        return out.reshape(values.shape)


def _level(values: np.ndarray, low: float, scale: float) -> np.ndarray:
    """A value that is no number is black."""
    return np.nan_to_num(np.clip((values - low) * scale + 0.5, 0, 255), nan=0).astype(np.uint8)


def percentile_window(values: np.ndarray) -> Window:
    """From the 0.1st to the 99.9th percentile of the finite values; from the least to the greatest where these are one."""
    low, high = _inner(values)
    return Window(low, high) if high > low else Window(*_outer(values))


def _inner(values: np.ndarray) -> tuple[float, float]:
    if values.dtype in (np.uint8, np.uint16):
        return _by_histogram(values)
    some = values.reshape(-1)[:: max(1, values.size // 2**24)]
    some = some[np.isfinite(some)]
    left_out = _left_out(some.size)
    ordered = np.partition(some, (left_out, some.size - 1 - left_out))
    return float(ordered[left_out]), float(ordered[-1 - left_out])


def _left_out(n: int) -> int:
    return max(1, n // CLIPPED) if n >= FEW else 0


def _by_histogram(values: np.ndarray) -> tuple[float, float]:
    up_to = np.cumsum(_histogram(values))
    left_out = _left_out(values.size)
    return float(np.searchsorted(up_to, left_out, "right")), float(np.searchsorted(up_to, values.size - left_out, "left"))


def _histogram(values: np.ndarray) -> np.ndarray:
    """How many there are of each number from 0 to 65535."""
    counts, flat = np.zeros(2**16, np.int64), values.reshape(-1)
    for at in range(0, flat.size, CHUNK):
        counts += np.bincount(flat[at : at + CHUNK].astype(np.uint16), minlength=2**16)
    return counts


def _outer(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return float(finite.min()), float(finite.max())


def looks(rgb: Image.Image) -> str | None:
    """`black` or `one grey` for a picture in which hardly anything can be seen, as the model gets it; else None."""
    spans = [_span(channel.histogram()) for channel in rgb.split()]
    if max(high for _, high in spans) < BLACK:
        return "black"
    return "one grey" if max(high - low for low, high in spans) < ONE_GREY else None


def _span(histogram: list[int]) -> tuple[int, int]:
    """The levels that all but one in a thousand pixels lie between."""
    up_to = np.cumsum(histogram)
    left_out = up_to[-1] // CLIPPED
    return int(np.searchsorted(up_to, left_out, "right")), int(np.searchsorted(up_to, up_to[-1] - left_out, "left"))


def labels_in(values: np.ndarray) -> int | None:
    """The greatest number of a label image (numbers of objects or classes, 0 for none); None for any other.

    Its numbers leave few gaps from 0 on, and most neighbours, none of them 0, have the same.
    """
    if values.ndim != 2 or values.dtype.kind not in "ui" or values.min() != 0 or not 0 < values.max() < 2**16:
        return None
    greatest, left, right = int(values.max()), values[:, :-1], values[:, 1:]
    if np.count_nonzero(_histogram(values)) * 2 < greatest:
        return None
    either = (left > 0) | (right > 0)
    same = np.count_nonzero(either & (left == right))
    return greatest if same >= LABELS * max(1, np.count_nonzero(either)) else None
