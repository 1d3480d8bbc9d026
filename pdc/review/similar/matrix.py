"""The reviewed images' vectors, kept in memory as sketches: a bit for each of a vector's numbers, 128 bytes an image.

The images whose sketches differ least from one's are the candidates; their vectors are read from the store, so that their order
is exact. What was stored since, by this process or another, is taken in before each answer, and nothing is read twice.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from threading import Lock

import numpy as np

from pdc.store.store import Store

CANDIDATES = 400  # images whose vectors are compared
AT_ONCE = 1000  # rows that are taken in together
MOST = 1024  # numbers of a vector: a large model's features have many more, and 10,000 images would take 280 MB


class ReviewedVectors:
    """Of every image with a usable review, current or not, that has a vector of this `model`. Any thread."""

    def __init__(self, store: Store, model: str) -> None:
        self._store, self._model, self._lock = store, model, Lock()
        self._numbers = array("q")  # of the vectors, in the order of the sketches
        self._places: dict[int, int] = {}
        self._of = defaultdict[str, array](lambda: array("q"))  # by author the places of the images that they reviewed
        self._sketches, self._first = np.zeros((0, 0), np.uint64), list[np.ndarray]()
        self._mean: np.ndarray | None = None
        self._last_review = 0
        self._last_vector: int | None = None

    def likest(self, sha256: str, author: str | None = None) -> list[tuple[str, float]]:
        """(sha256, cosine -1 to 1) of other images that this author reviewed, or anybody, the likest first: at most CANDIDATES.
        Empty where this one has no vector."""
        packed = self._store.vector(sha256, self._model)
        if packed is None:
            return []
        vector = np.frombuffer(packed, "<f2").astype(np.float32)
        with self._lock:
            self._add_new()
            numbers = self._nearest(vector, author)
        found = [(sha, float(vector @ np.frombuffer(other, "<f2"))) for _, sha, other in self._store.vectors_at(numbers)]
        return sorted((one for one in found if one[0] != sha256), key=lambda one: -one[1])

    def _nearest(self, vector: np.ndarray, author: str | None) -> list[int]:
        """The numbers of the vectors whose sketches differ least."""
        numbers, rows = np.array(self._numbers, np.int64), None if author is None else np.array(self._of[author], np.int64)
        numbers = numbers if rows is None else numbers[rows]
        if len(numbers) <= CANDIDATES or self._mean is None:
            return numbers.tolist()
        sketches = self._sketches[: len(self._numbers)] if rows is None else self._sketches[rows]
        far = np.bitwise_count(sketches ^ _sketch(vector, self._mean)).sum(1, dtype=np.int32)
        return numbers[np.argpartition(far, CANDIDATES)[:CANDIDATES]].tolist()

    # Taking in what is new

    def _add_new(self) -> None:
        """Reviews first: what was described before them is found by them, and what came later by its number."""
        if self._last_vector is None:
            self._last_vector = self._store.newest_vector()
        while reviews := self._store.usable_since(self._last_review, AT_ONCE):
            self._put(self._store.vectors_of(self._model, {sha for _, sha, _ in reviews}), (r[1:] for r in reviews))
            self._last_review = reviews[-1][0]
        while vectors := self._store.vectors_after(self._model, self._last_vector, AT_ONCE):
            self._put(vectors, self._store.usable_authors({sha for _, sha, _ in vectors}))
            self._last_vector = vectors[-1][0]

    def _put(self, vectors: Iterable[tuple[int, str, bytes]], reviewed: Iterable[tuple[str, str]]) -> None:
        """Those vectors of reviewed images, each with its authors."""
        authors = defaultdict[str, set[str]](set)
        for sha, author in reviewed:
            authors[sha].add(author)
        for number, sha, packed in vectors:
            if sha not in authors:
                continue
            if number not in self._places:
                self._places[number] = len(self._numbers)
                self._numbers.append(number)
                self._keep(np.frombuffer(packed, "<f2").astype(np.float32))
            place = self._places[number]
            for author in authors[sha]:
                self._of[author].append(place)

    def _keep(self, vector: np.ndarray) -> None:
        """The sketch; of the first images, from whose mean all differ, the vector until there are enough."""
        if self._mean is None:
            self._first.append(vector)
            if len(self._first) > CANDIDATES:
                self._mean = mean = np.mean(self._first, 0)
                self._sketches = np.stack([_sketch(one, mean) for one in self._first])
                self._first = []
            return
        n = len(self._numbers) - 1
        if n == len(self._sketches):
            self._sketches = np.concatenate([self._sketches, np.zeros_like(self._sketches)])
        self._sketches[n] = _sketch(vector, self._mean)


def _sketch(vector: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """uint64 [numbers / 64]: which numbers are above the mean."""
    bits = np.zeros(-(-len(vector) // 64) * 64, bool)
    bits[: len(vector)] = vector > mean
    return np.packbits(bits).view(np.uint64)


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
