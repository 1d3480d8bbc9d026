"""What is asked of all images at once, kept in memory: their vectors as one matrix, and whose usable reviews they have.

Both take in what was stored since before each answer, by this process or another, and read nothing twice.
"""

from __future__ import annotations

from collections.abc import Set
from threading import Lock

import numpy as np

from pdc.store.store import Store

LEAST = 64  # rows that the matrix begins with; it doubles when it is full
MOST = 1024  # numbers of a vector: a large model's features have many more, and 10,000 images would take 280 MB


class ReviewedImages:
    """Which images have a usable review, current or not, and by whom. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self._authors: dict[str, set[str]] = {}
        self._last = 0

    def by(self, author: str | None = None) -> Set[str]:
        """The sha256 of those that this author reviewed, or anybody."""
        with self._lock:
            for seq, sha256, name in self._store.usable_since(self._last):
                self._authors.setdefault(sha256, set()).add(name)
                self._last = seq
            return {sha for sha, names in self._authors.items() if author is None or author in names}


class VectorMatrix:
    """The rows that `store` keeps of one model: the likest images are one product away. Any thread."""

    def __init__(self, store: Store, model: str) -> None:
        self._store, self._model, self._lock = store, model, Lock()
        self._rows = np.zeros((0, 0), np.float32)
        self._places: dict[str, int] = {}
        self._last = 0

    def likest(self, sha256: str) -> list[tuple[str, float]]:
        """(sha256, cosine -1 to 1) of every other image, the likest first; empty where this one has no vector."""
        with self._lock:
            self._add_new()
            names, rows, place = list(self._places), self._rows[: len(self._places)], self._places.get(sha256)
        if place is None:
            return []
        cosines = rows @ rows[place]
        return [(names[i], float(cosines[i])) for i in np.argsort(-cosines, kind="stable") if i != place]

    def _add_new(self) -> None:
        for seq, sha256, packed in self._store.vectors_after(self._model, self._last):
            self._put(sha256, np.frombuffer(packed, "<f2"))
            self._last = seq

    def _put(self, sha256: str, vector: np.ndarray) -> None:
        n = len(self._places)
        if n == len(self._rows):
            grown = np.zeros((max(2 * n, LEAST), len(vector)), np.float32)
            grown[:n] = self._rows[:, : len(vector)] if n else 0
            self._rows = grown
        self._rows[n] = vector
        self._places[sha256] = n


def pack(description: np.ndarray) -> bytes:
    """A description as it is kept: of length 1, in float16, of at most MOST numbers."""
    vector = _folded(description.astype(np.float64))
    return (vector / (np.linalg.norm(vector) or 1.0)).astype("<f2").tobytes()


def _folded(vector: np.ndarray) -> np.ndarray:
    """Numbers past MOST are added to those before, each with a sign of its own; cosines stay nearly the same (count sketch,
    Charikar et al. 2002)."""
    if len(vector) <= MOST:
        return vector
    index = np.arange(len(vector), dtype=np.uint64)
    signs = 1.0 - 2.0 * ((index * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63))
    return np.bincount(index.astype(int) % MOST, vector * signs, MOST)
