"""Images that show the same thing: perceptual hashes of an image and of its quarters, and keypoints. Pixels in, text out.

A hash says which of the 64 lowest frequencies of the grey image are above their median (Zauner 2010, pHash): a copy that was
re-encoded, scaled, brightened or captioned keeps nearly all of it. Two images are alike when their hashes nearly agree in
one of the 8 symmetries, when three of their four quarters do, when one is a quarter of the other, or when keypoints match:
those know a copy that was turned, cut or sheared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from pdc.domain.errors import BadImage
from pdc.images.hash_index import HashIndex
from pdc.images.keypoints import CORRELATION, KeypointIndex, Keypoints, correlation, find_keypoints, match

SIDE, KEPT = 32, 8
NEAR = 6  # bits that may differ
RULE = 2  # version of what an ImageHash holds; one of an older rule is made again
NEAR_QUARTER = 4
FLAT = 2.0  # grey levels; less contrast than this says nothing about what is shown
Symmetry = tuple[bool, bool, bool]  # transposed, then mirrored left to right, then top to bottom
AUGMENTED = re.compile(r"(?P<original>.+)\.rf\.[0-9A-Za-z_-]{6,}(\.\w+)?")  # how Roboflow names the copies it makes
SYMMETRIES: tuple[Symmetry, ...] = tuple((t, x, y) for t in (False, True) for x in (False, True) for y in (False, True))


@dataclass(frozen=True, slots=True)
class ImageHash:
    """Hash of the whole and of its quarters, row by row; None where the image is flat. `keypoints` None: not looked for."""

    whole: int | None
    quarters: tuple[int | None, ...]
    keypoints: Keypoints | None = None

    def __str__(self) -> str:
        hashes = " ".join("-" if h is None else f"{h:016x}" for h in (self.whole, *self.quarters))
        return hashes if self.keypoints is None else f"{hashes} sift:{self.keypoints}"

    @classmethod
    def parse(cls, text: str) -> ImageHash:
        """The inverse of str."""
        hashes, _, keypoints = text.partition(" sift:")
        whole, *quarters = (None if part == "-" else int(part, 16) for part in hashes.split())
        return cls(whole, tuple(quarters), Keypoints.parse(keypoints) if " sift:" in text else None)


def hash_image(path: Path, *, keypoints: bool = True) -> ImageHash:
    """Of an image file; BadImage when it cannot be read. Without keypoints it is quick, and knows no cut or sheared copy."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise BadImage(f"{path} is not an image that can be read.")
    return hash_pixels(pixels, keypoints=keypoints)


def hash_pixels(grey: np.ndarray, *, keypoints: bool = True) -> ImageHash:
    """Of uint8 [h, w]."""
    h, w = grey.shape
    rows, columns = (slice(0, max(1, h // 2)), slice(h // 2, h)), (slice(0, max(1, w // 2)), slice(w // 2, w))
    quarters = tuple(_hash(grey[r, c]) for r in rows for c in columns)
    return ImageHash(_hash(grey), quarters, find_keypoints(grey) if keypoints else None)


def _hash(grey: np.ndarray) -> int | None:
    import cv2

    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < FLAT:
        return None
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()
    return int("".join("1" if above else "0" for above in low > np.median(low[1:])), 2)


def are_near_duplicates(a: ImageHash, b: ImageHash) -> bool:
    """Whether the two most likely show the same thing."""
    return _hashes_agree(a, b) or (a.keypoints is not None and b.keypoints is not None and match(a.keypoints, b.keypoints))


def show_the_same_whole(a: ImageHash, b: ImageHash) -> bool:
    """Of two that are alike: whether they show the same whole, in one of the symmetries; else one is a part of the other."""
    return any(_near(_turn_hash(a.whole, symmetry), b.whole, NEAR) for symmetry in SYMMETRIES)


def _hashes_agree(a: ImageHash, b: ImageHash) -> bool:
    """The frame of an endoscope is much the same mirrored: of a turned copy the small pictures must agree too."""
    upright, *turned = SYMMETRIES
    return _same_way_up(_turn(a, upright), b) or any(_same_way_up(_turn(a, s), b) and _small_agree(a, b, s) for s in turned)


def _small_agree(a: ImageHash, b: ImageHash, symmetry: Symmetry) -> bool:
    if a.keypoints is None or b.keypoints is None:
        return False
    small = a.keypoints.thumb
    small = small.T if symmetry[0] else small
    small = small[:: -1 if symmetry[2] else 1, :: -1 if symmetry[1] else 1]
    return correlation(small, b.keypoints.thumb) >= CORRELATION


def _same_way_up(a: ImageHash, b: ImageHash) -> bool:
    if _near(a.whole, b.whole, NEAR):
        return True
    if sum(_near(p, q, NEAR) for p, q in zip(a.quarters, b.quarters, strict=True)) >= 3:
        return True
    return any(_near(a.whole, q, NEAR_QUARTER) for q in b.quarters) or any(_near(b.whole, q, NEAR_QUARTER) for q in a.quarters)


def _near(a: int | None, b: int | None, bits: int) -> bool:
    return a is not None and b is not None and (a ^ b).bit_count() <= bits


def _turn(image: ImageHash, symmetry: Symmetry) -> ImageHash:
    """The hashes of the transposed or mirrored image, but for bits at the median."""
    quarters = (_turn_hash(image.quarters[i], symmetry) for i in _turn_quarters(symmetry))
    return ImageHash(_turn_hash(image.whole, symmetry), tuple(quarters))


def _turn_quarters(symmetry: Symmetry) -> list[int]:
    """Which quarter stands where."""
    order = np.arange(4).reshape(2, 2)
    order = order.T if symmetry[0] else order
    order = order[:, ::-1] if symmetry[1] else order
    return (order[::-1] if symmetry[2] else order).ravel().tolist()


def _turn_hash(value: int | None, symmetry: Symmetry) -> int | None:
    """Mirroring turns the sign of every odd frequency along its axis."""
    if value is None:
        return None
    transposed, across, down = symmetry
    value = _transpose(value) if transposed else value
    return value ^ (ODD_COLUMNS if across else 0) ^ (ODD_ROWS if down else 0)


def _transpose(value: int) -> int:
    bits = f"{value:064b}"
    return int("".join(bits[i::KEPT] for i in range(KEPT)), 2)


ODD_COLUMNS = int("01" * 32, 2)
ODD_ROWS = _transpose(ODD_COLUMNS)


def near_duplicate_pairs(some: Mapping[str, ImageHash], others: Mapping[str, ImageHash]) -> list[tuple[str, str]]:
    """Names that are alike, one of `some` and one of `others`; a name is always like itself.

    Of an image with more than CANDIDATES turned or cut copies each finds those most like it: they hang together all the same.
    """
    shared = some.keys() & others.keys()
    found = {(name, name) for name in shared}
    names, other_names = list(some), list(others)
    for i, j in _candidates(list(some.values()), list(others.values())):
        one, other = names[i], other_names[j]
        if (one, other) not in found and are_near_duplicates(some[one], others[other]):
            found |= {(one, other), (other, one)} if {one, other} <= shared else {(one, other)}
    return sorted(found)


def same_original_pairs(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Keys of `names` (key -> file name) whose names say that they are augmented copies of one image; both ways round."""
    keys: dict[str, list[str]] = {}
    for key, name in names.items():
        if told := AUGMENTED.fullmatch(name):
            keys.setdefault(told["original"], []).append(key)
    return [(a, b) for copies in keys.values() for a, b in permutations(copies, 2)]


def _candidates(some: Sequence[ImageHash], others: Sequence[ImageHash]) -> Iterator[tuple[int, int]]:
    """Index pairs in which a hash of one is near a hash of the other, or keypoints may match; in the order of both."""
    if not some or not others:
        return
    near = [set[int]() for _ in some]
    for i, j in _near_hashes(_table(some), _table(others)):
        near[i].add(j)
    pointed = [j for j, other in enumerate(others) if other.keypoints is not None]
    index = KeypointIndex([k for other in others if (k := other.keypoints) is not None]) if pointed else None
    for i, one in enumerate(some):
        if index is not None and one.keypoints is not None:
            near[i].update(pointed[k] for k in index.find(one.keypoints))
        yield from ((i, j) for j in sorted(near[i]))


def _near_hashes(some: np.ndarray, others: np.ndarray) -> set[tuple[int, int]]:
    """Rows of the two tables that may be alike: all that `_hashes_agree` knows, and more. Of three quarters that agree one is
    the first or the last, so these two are looked up."""
    whole, quarters = others[:, 0], others[:, 1:]
    wholes, corners = HashIndex(whole, NEAR), {k: HashIndex(quarters[:, k], NEAR) for k in (0, 3)}
    parts, larger = HashIndex(quarters.ravel(), NEAR_QUARTER), HashIndex(whole, NEAR_QUARTER)
    found = set[tuple[int, int]]()
    for symmetry in SYMMETRIES:
        turned = _turn_all(some, symmetry)
        order = _turn_quarters(symmetry)
        found |= _rows(wholes.near(turned[:, 0]))
        for k, corner in corners.items():
            found |= _rows(corner.near(turned[:, 1 + order[k]]))
        found |= _rows(parts.near(turned[:, 0]), of=4) | _rows(larger.near(turned[:, 1:].ravel()), by=4)
    return found


def _rows(pairs: Iterable[tuple[np.ndarray, np.ndarray]], by: int = 1, of: int = 1) -> set[tuple[int, int]]:
    """Rows of tables with `by` and `of` hashes each."""
    return {pair for asking, places in pairs for pair in zip((asking // by).tolist(), (places // of).tolist(), strict=True)}


def _turn_all(table: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """`_turn_hash` of every hash; 0, which is none, stays."""
    transposed, across, down = symmetry
    turned = table
    if transposed:
        bits = np.unpackbits(table.astype(">u8").view(np.uint8)).reshape(-1, KEPT, KEPT).transpose(0, 2, 1)
        turned = np.packbits(bits).view(">u8").astype(np.uint64).reshape(table.shape)
    flips = (ODD_COLUMNS if across else 0) ^ (ODD_ROWS if down else 0)
    return np.where(table == 0, table, turned ^ np.uint64(flips))


def _table(some: Sequence[ImageHash]) -> np.ndarray:
    """uint64 [n, 5]; 0 for a flat part."""
    return np.array([[0 if h is None else h for h in (one.whole, *one.quarters)] for one in some], np.uint64)
