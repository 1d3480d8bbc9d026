"""Painted masks, as the tools pack them, and the outlines around them. Arrays are (height, width), true where painted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Outline
from pdc.formats.shapes.outlines import MOST_CORNERS, RAGGED

Mask = NDArray[np.bool_]
Corner = tuple[int, int]
LARGEST = 400_000_000  # pixels of one mask


def outline(mask: Mask) -> Outline:
    """The outlines of a mask's parts, along the edges of its pixels. Holes are filled; parts that touch at a corner are two.
    BadSetting when it is too ragged."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return ()
    top, left = int(rows[0]), int(columns[0])
    rings = _rings(np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1))
    return tuple(tuple((x + left - 1, y + top - 1) for x, y in ring) for ring in rings if _turns_right(ring))


def _rings(mask: Mask) -> Iterator[list[Corner]]:
    """Closed lines along the edges of the pixels, the painted side always to the right; every corner is a turn."""
    ahead = _edges(mask)
    while ahead:
        start = next(iter(ahead))
        ring, at, step = [start], start, ahead[start][0]
        while True:
            _go(ahead, at, step)
            at = (at[0] + step[0], at[1] + step[1])
            if at == start:
                break
            turn = _right_most(ahead[at], step)
            if turn != step:
                ring.append(at)
            step = turn
        yield ring[1:] if len(ring) > 1 and _straight(ring[-1], ring[0], ring[1]) else ring


def _edges(mask: Mask) -> dict[Corner, list[Corner]]:
    """Steps (dx, dy) along the edges, by the corner (x, y) that they start from."""
    ahead: dict[Corner, list[Corner]] = {}
    down, across = np.diff(mask.astype(np.int8), axis=0), np.diff(mask.astype(np.int8), axis=1)
    if np.count_nonzero(down) + np.count_nonzero(across) > 2 * MOST_CORNERS:
        raise BadSetting(RAGGED)
    for step, places, shift in (
        ((1, 0), down == 1, (0, 1)),
        ((-1, 0), down == -1, (1, 1)),
        ((0, 1), across == -1, (1, 0)),
        ((0, -1), across == 1, (1, 1)),
    ):
        for y, x in np.argwhere(places).tolist():
            ahead.setdefault((x + shift[0], y + shift[1]), []).append(step)
    return ahead


def _go(ahead: dict[Corner, list[Corner]], at: Corner, step: Corner) -> None:
    ahead[at].remove(step)
    if not ahead[at]:
        del ahead[at]


def _right_most(steps: Sequence[Corner], step: Corner) -> Corner:
    right = (-step[1], step[0])
    return right if right in steps else steps[0]


def _straight(a: Corner, b: Corner, c: Corner) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0])


def _turns_right(ring: Sequence[Corner]) -> bool:
    """Whether a ring goes round a part, and not round a hole in it."""
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, (*ring[1:], ring[0]), strict=True)) > 0


def from_coco(value: Any, size: Size, where: str) -> Mask:
    """COCO's run lengths down the columns: a list of numbers, or a string as pycocotools packs it."""
    height_width = value.get("size") if isinstance(value, dict) else None
    if height_width != [size[1], size[0]]:
        raise BadSetting("{where} has a mask of another size than its image; correct the file.", where=where)
    counts = value.get("counts")
    lengths = _unpacked(counts, where) if isinstance(counts, str) else counts
    return _runs(lengths, size, where).reshape(size).T


def _unpacked(counts: str, where: str) -> list[int]:
    """Run lengths, as pycocotools packs them: five bits a character, and from the fourth on the difference to the one before
    the last."""
    lengths: list[int] = []
    value = shift = 0
    for bits in (ord(c) - 48 for c in counts):
        if not 0 <= bits < 64 or shift > 60:
            raise BadSetting("{where} has a mask that cannot be unpacked; export it again.", where=where)
        value, shift = value | (bits & 0x1F) << shift, shift + 5
        if not bits & 0x20:
            value = value - (1 << shift) if bits & 0x10 else value
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths


def _check_runs(lengths: Any, size: Size, where: str) -> None:
    fits = isinstance(lengths, list) and all(type(n) is int and n >= 0 for n in lengths) and sum(lengths) == size[0] * size[1]
    if not fits or size[0] * size[1] > LARGEST:
        raise BadSetting("{where} has a mask whose run lengths do not fill its image; export it again.", where=where)


def _runs(lengths: Any, size: Size, where: str) -> NDArray[np.bool_]:
    """Lengths of runs, unpainted and painted in turn, as one flat array."""
    _check_runs(lengths, size, where)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def from_rows(lengths: Any, corner: Corner, size: Size, where: str) -> Outline:
    """The outline of CVAT's run lengths along the rows of a box of `size`, whose first pixel is `corner`."""
    rings = outline(_runs(lengths, size, where).reshape(size[1], size[0]))
    return tuple(tuple((x + corner[0], y + corner[1]) for x, y in ring) for ring in rings)


def from_label_studio(values: Any, size: Size, where: str) -> Mask:
    """Label Studio's packed RGBA image (the @thi.ng/rle-pack format); painted where its alpha is set."""
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v < 256 for v in values):
        raise BadSetting("{where} has a mask that is no list of bytes; export it again.", where=where)
    try:
        flat = _bytes_of(_Bits(values), 4 * size[0] * size[1])
    except ValueError:
        raise BadSetting("{where} has a mask that does not fill its image; export it again.", where=where) from None
    return flat.reshape(size[1], size[0], 4)[:, :, 3] > 0


class _Bits:
    """Numbers of any width, from the highest bit down."""

    def __init__(self, values: Sequence[int]) -> None:
        self.bits, self.at = "".join(f"{v:08b}" for v in values), 0

    def take(self, width: int) -> int:
        self.at += width
        return int(self.bits[self.at - width : self.at], 2)  # ValueError past the end


def _bytes_of(bits: _Bits, expected: int) -> NDArray[np.uint8]:
    """The unpacked bytes; ValueError when they are not `expected` many."""
    total, word = bits.take(32), bits.take(5) + 1
    widths = [bits.take(4) + 1 for _ in range(4)]
    if total != expected or expected > 4 * LARGEST or word > 8:
        raise ValueError(total)
    flat, i = np.zeros(total, np.uint8), 0
    while i < total:
        same, end = bits.take(1), i + 1 + bits.take(widths[bits.take(2)])
        flat[i:end] = bits.take(word) if same else [bits.take(word) for _ in range(i, end)]
        i = end
    return flat
