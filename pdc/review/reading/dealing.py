"""Images dealt out to readers, so that each has about as many and no two always read together. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence


def deal(
    shas: Sequence[str], readers: Sequence[str], each: int, loads: Mapping[str, int], has: Mapping[str, Collection[str]]
) -> list[tuple[str, str]]:
    """(image, reader) for every read that is to be given: `each` new or old readers of `readers` for every image.

    Always to those with the fewest reads so far (`loads` are those they have); among equals by a draw that depends on the image
    and the reader only, so that the same request gives the same result. `has`: who reads an image already.
    """
    given = {reader: loads.get(reader, 0) for reader in readers}
    dealt: list[tuple[str, str]] = []
    for sha in dict.fromkeys(shas):
        has_it = set(has.get(sha, ()))
        free = sorted((r for r in readers if r not in has_it), key=lambda r: (given[r], draw(sha, r)))
        for reader in free[: max(0, each - len(has_it.intersection(readers)))]:
            given[reader] += 1
            dealt.append((sha, reader))
    return dealt


def chosen(shas: Sequence[str], n: int, seed: str = "") -> list[str]:
    """`n` of the images at random, always the same for the same images and seed, in the order in which they came."""
    drawn = set(sorted(dict.fromkeys(shas), key=lambda sha: draw(sha, seed))[:n])
    return [sha for sha in dict.fromkeys(shas) if sha in drawn]


def draw(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
