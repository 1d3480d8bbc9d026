"""Turns at heavy work: a few have theirs at once, some more wait without holding a thread, and beyond that a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pdc.domain.errors import Busy

T = TypeVar("T")

RETRY_SECONDS = 3  # after which one that was sent away may come again
BUSY = "The server is busy with other images. Nothing was changed; try again in {n} seconds."


@dataclass(slots=True)
class Turns:
    """`at_once` pieces of work, and so many more that wait. Only the event loop counts them."""

    at_once: int
    waiting: int
    inside: int = 0
    threads: CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.threads = CapacityLimiter(self.at_once)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among those that wait, before there is anything to work on. Busy where none is left."""
        if self.inside >= self.at_once + self.waiting:
            raise Busy(BUSY, n=RETRY_SECONDS)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    async def work(self, work: Callable[[], T]) -> T:
        """What it returns, worked in a thread of these turns, for whoever has a place."""
        return await run_sync(work, limiter=self.threads)

    async def run(self, work: Callable[[], T]) -> T:
        """`work`, with a place for so long. Busy where too many wait."""
        async with self.place():
            return await self.work(work)


@dataclass(frozen=True, slots=True)
class HeavyWork:
    """What takes a core for a while, each kind with turns of its own, so that no kind stops another."""

    uploads: Turns = field(default_factory=lambda: Turns(3, 61))  # two are decoded; a third is hashed and written meanwhile
    thumbnails: Turns = field(default_factory=lambda: Turns(2, 200))
    numbers: Turns = field(default_factory=lambda: Turns(2, 50))
