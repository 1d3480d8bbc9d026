"""How far a long piece of work is: told by whoever does it, shown by whoever started it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Takes what is being done ("Importing images"), how many are done, and how many there are in all."""


def unseen(what: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def follow(what: str, items: Collection[T], progress: Progress) -> Iterator[T]:
    """The items one by one; `progress` is told before each and after the last."""
    return counted_off(what, items, len(items), progress)


def counted_off(what: str, items: Iterable[T], total: int, progress: Progress) -> Iterator[T]:
    """`follow`, of items that come one by one; `total` is at least their number."""
    for done, item in enumerate(items):
        progress(what, done, total)
        yield item
    progress(what, total, total)
