"""Finds 64-bit hashes that nearly agree, without comparing each with each.

Of two hashes that differ in at most 6 bits at least two of their eight bytes are equal. So the hashes are sorted by each two of
their bytes, 28 ways in all, and only those are compared that share one (multi-index hashing, Norouzi 2012). Where at most 4 bits
differ, four bytes are equal; of any four bytes two stand in one of three groups, and 7 ways do. Nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

GROUPS = ((0, 1, 2), (3, 4, 5), (6, 7))
PAIRS = {6: tuple(combinations(range(8), 2)), 4: tuple(pair for group in GROUPS for pair in combinations(group, 2))}
"""bits that may differ -> the bytes by which hashes are sorted"""
AT_ONCE = 4_000_000  # hashes that are compared together


class HashIndex:
    """Of uint64 [n], of which 0 is no hash, for pairs that differ in at most `bits`, a key of PAIRS."""

    def __init__(self, hashes: np.ndarray, bits: int) -> None:
        self._bits, self._at = bits, np.flatnonzero(hashes)
        self._hashes = hashes[self._at]
        self._sorted = [self._by(pair) for pair in PAIRS[bits]]

    def _by(self, pair: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The hashes in the order of two bytes, and where each value of these begins."""
        keys = _keys(self._hashes, pair)
        order = np.argsort(keys, kind="stable")
        return order.astype(np.int32), np.searchsorted(keys[order], np.arange(2**16 + 1))

    def near(self, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Index pairs, of `wanted` (uint64 [m]) and of the index, of hashes that nearly agree. A pair may come several times."""
        for pair, (order, starts) in zip(PAIRS[self._bits], self._sorted, strict=True):
            keys = _keys(wanted, pair).astype(np.int64)
            begins, counts = starts[keys], starts[keys + 1] - starts[keys]
            for part in _parts(counts):
                yield self._compared(wanted, part, order, begins[part], counts[part])

    def _compared(
        self, wanted: np.ndarray, part: slice, order: np.ndarray, begins: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of some of the wanted those that are near to what shares the two bytes with them."""
        asking = np.repeat(np.arange(part.start, part.stop), counts)
        places = order[np.repeat(begins - counts.cumsum() + counts, counts) + np.arange(counts.sum())]
        near = (np.bitwise_count(wanted[asking] ^ self._hashes[places]) <= self._bits) & (wanted[asking] != 0)
        return asking[near], self._at[places[near]]


def _keys(hashes: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """uint16: two of the bytes of each."""
    parts = np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)
    return parts[:, pair[0]].astype(np.uint16) << 8 | parts[:, pair[1]]


def _parts(counts: np.ndarray) -> Iterator[slice]:
    """The wanted in runs that have about AT_ONCE to compare with."""
    ends = np.searchsorted(counts.cumsum(), np.arange(AT_ONCE, counts.sum() + AT_ONCE, AT_ONCE), "right")
    bounds = np.unique([0, *ends.clip(1), len(counts)])
    yield from (slice(int(a), int(b)) for a, b in pairwise(bounds))
