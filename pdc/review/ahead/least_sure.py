"""Which images are worth a look next: those where the model is least sure, and no twenty of a kind. From stored answers alone.

As `finetune simulate` chooses (`pdc.inference.choosing`), with what lists know of an answer in place of the vision tower's
features: its counts, how much the image is like those that the model was trained on, and the size of the frame. Images answered
with "none" have their share: what the model misses shows only there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from pdc.inference.choosing import choose_diverse
from pdc.store.records import Digest

BATCH = 20  # images that are chosen together
LOOKED_AT = 150  # of each sort, the most doubtful, when a batch is chosen
SEED = 1
FIRST = 1.01  # an unusual image goes before the most doubtful of the others


@dataclass(frozen=True, slots=True)
class Answered:
    """An image with its answer; `open`: somebody still has to work on it."""

    sha256: str
    size: tuple[int, int]
    said: Digest
    open: bool


def doubts_of(images: Sequence[Answered]) -> dict[str, float]:
    """sha256 -> how many edits its answer is expected to need. What is not known is taken to be as usual; an unusual image needs
    more than any other."""
    known = [i.said.doubt for i in images if i.said.doubt is not None]
    usual, most = (fmean(known), max(known)) if known else (1.0, 1.0)
    return {i.sha256: FIRST * most if i.said.unlike else usual if i.said.doubt is None else i.said.doubt for i in images}


def choose(images: Sequence[Answered], doubts: Mapping[str, float], n: int = BATCH) -> list[str]:
    """The sha256 of `n` of them, the most doubtful first. Those answered with "none" have their share, and one at least."""
    sorts = [[i for i in images if bool(i.said.total) is found] for found in (True, False)]
    return choose_of(sorts, [len(of) for of in sorts], doubts, n)


def choose_of(
    sorts: Sequence[Sequence[Answered]], sizes: Sequence[int], doubts: Mapping[str, float], n: int = BATCH
) -> list[str]:
    """As `choose`, of the most doubtful images (`LOOKED_AT` are enough) of each sort, and how many there are of it."""
    shares = _shares(sizes, min(n, sum(sizes)))
    return list(_interleaved([_diverse(of, doubts, share) for of, share in zip(sorts, shares, strict=True)]))


def _shares(sizes: Sequence[int], n: int) -> list[int]:
    """How many of each sort: by their sizes, but at least one of each that there is."""
    if 0 in sizes or n < len(sizes):
        return [min(size, n) for size in sizes]
    first = min(max(round(n * sizes[0] / sum(sizes)), 1), n - 1)
    return [first, n - first]


def _diverse(images: Sequence[Answered], doubts: Mapping[str, float], n: int) -> list[str]:
    looked_at = sorted(images, key=lambda i: -doubts[i.sha256])[:LOOKED_AT]
    if len(looked_at) <= n:
        return [i.sha256 for i in looked_at]
    weights = [doubts[i.sha256] for i in looked_at]
    return [looked_at[k].sha256 for k in choose_diverse(_features(looked_at), weights, n, np.random.default_rng(SEED))]


def _features(images: Sequence[Answered]) -> np.ndarray:
    """[images, 2 + 2 * labels]: the logarithms of the frame's sides and of the counts, and the likeness, label by label."""
    labels = sorted({label for i in images for label in (*i.said.counts, *i.said.likeness)})
    sides = np.log([i.size for i in images])
    counts = np.log1p([[i.said.counts.get(label, 0) for label in labels] for i in images])
    likeness = np.array([[i.said.likeness.get(label, 1.0) for label in labels] for i in images])
    return np.hstack([sides, counts, likeness])


def _interleaved(parts: Sequence[Sequence[str]]) -> Iterator[str]:
    """All of them, each part spread evenly over the whole."""
    placed = [((k + 0.5) / len(part), sha) for part in parts for k, sha in enumerate(part)]
    yield from (sha for _, sha in sorted(placed))
