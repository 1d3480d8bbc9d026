"""Images that show the same thing: perceptual hashes of an image and of its quarters. Pixels in, 64-bit numbers out.

A hash says which of the 64 lowest frequencies of the grey image are above their median (Zauner 2010, pHash): a copy that was
re-encoded, scaled, brightened or captioned keeps nearly all of it. Two images are alike when their hashes nearly agree,
when three of their four quarters do, or when one is a quarter of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdc.domain.errors import BadImage

SIDE, KEPT = 32, 8
NEAR = 6  # bits of 64 that may differ between copies
NEAR_QUARTER = 4
FLAT = 2.0  # grey levels; less contrast than this says nothing about what is shown


@dataclass(frozen=True, slots=True)
class ImageHash:
    """Hash of the whole and of its quarters, row by row; None where the image is flat."""

    whole: int | None
    quarters: tuple[int | None, ...]

    def __str__(self) -> str:
        return " ".join("-" if h is None else f"{h:016x}" for h in (self.whole, *self.quarters))

    @classmethod
    def parse(cls, text: str) -> ImageHash:
        """The inverse of str."""
        whole, *quarters = (None if part == "-" else int(part, 16) for part in text.split())
        return cls(whole, tuple(quarters))


def hash_image(path: Path) -> ImageHash:
    """Of an image file; BadImage when it cannot be read."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise BadImage(f"{path} is not an image that can be read.")
    return hash_pixels(pixels)


def hash_pixels(grey: np.ndarray) -> ImageHash:
    """Of uint8 [h, w]."""
    h, w = grey.shape
    rows, columns = (slice(0, max(1, h // 2)), slice(h // 2, h)), (slice(0, max(1, w // 2)), slice(w // 2, w))
    return ImageHash(_hash(grey), tuple(_hash(grey[r, c]) for r in rows for c in columns))


def _hash(grey: np.ndarray) -> int | None:
    import cv2

    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < FLAT:
        return None
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()
    return int("".join("1" if above else "0" for above in low > np.median(low[1:])), 2)


def are_near_duplicates(a: ImageHash, b: ImageHash) -> bool:
    """Whether the two most likely show the same thing."""
    if _near(a.whole, b.whole, NEAR):
        return True
    if sum(_near(p, q, NEAR) for p, q in zip(a.quarters, b.quarters, strict=True)) >= 3:
        return True
    return any(_near(a.whole, q, NEAR_QUARTER) for q in b.quarters) or any(_near(b.whole, q, NEAR_QUARTER) for q in a.quarters)


def _near(a: int | None, b: int | None, bits: int) -> bool:
    return a is not None and b is not None and (a ^ b).bit_count() <= bits


def near_duplicate_pairs(some: Mapping[str, ImageHash], others: Mapping[str, ImageHash]) -> list[tuple[str, str]]:
    """Names that are alike, one of `some` and one of `others`; a name is always like itself."""
    found = {(name, name) for name in some.keys() & others.keys()}
    candidates = _candidates(list(some.values()), list(others.values()))
    names, other_names = list(some), list(others)
    for i, j in candidates:
        if names[i] != other_names[j] and are_near_duplicates(some[names[i]], others[other_names[j]]):
            found.add((names[i], other_names[j]))
    return sorted(found)


def _candidates(some: Sequence[ImageHash], others: Sequence[ImageHash]) -> Iterable[tuple[int, int]]:
    """Index pairs in which any hash of one is near any hash of the other; a superset of those that are alike."""
    if not some or not others:
        return
    table = _table(others)
    for i, one in enumerate(some):
        hashes = [h for h in (one.whole, *one.quarters) if h is not None]
        near = np.zeros(len(others), bool)
        for h in hashes:
            near |= (np.bitwise_count(table ^ np.uint64(h)) <= NEAR).any(1)
        yield from ((i, int(j)) for j in np.flatnonzero(near))


def _table(some: Sequence[ImageHash]) -> np.ndarray:
    """uint64 [n, 5]. A flat part becomes a hash that no real one is near to by more than chance; `alike` decides."""
    return np.array([[0 if h is None else h for h in (one.whole, *one.quarters)] for one in some], np.uint64)
