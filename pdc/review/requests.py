"""Requests to the model in flight: one table that knows who waits for what, and who goes first.

The same request twice is one computation with many watchers, and each sees its parts as they come. A request is as urgent
as its most urgent watcher: a reader who opens an image that is being prefetched raises its rank. A request that nobody
watches any more is stopped. A less urgent one gives way within one pass of the model, and starts again later.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from math import inf
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")
Cancelled = Callable[[], bool]
Work = Callable[[Cancelled], Iterator[T]]
"""What a request computes: its parts, the whole last. Once `cancelled()` has said so it ends, unfinished."""


class Priority(IntEnum):
    """How urgent a request is; the smallest goes first."""

    SCREEN = 0
    """a reader waits for it"""
    PREFETCH = 1
    """a reader will probably open the image soon"""
    POOL = 2
    """nobody asks yet: the machine has nothing better to do"""


@dataclass(eq=False, slots=True)
class Request(Generic[T]):
    """One computation. Guarded by the table's lock.

    `parts` counts what came so far, and `part` is the newest; both stay when the request is over.
    """

    key: Hashable
    work: Work[T]
    number: int
    context: Context
    watches: list[Watch[T]] = field(default_factory=list)
    parts: int = 0
    part: T | None = None
    error: Exception | None = None
    running: bool = False
    told_to_stop: bool = False
    over: bool = False

    @property
    def rank(self) -> tuple[Priority, int]:
        """Smaller goes first: the most urgent watcher's priority, then first come, first served."""
        return min(w.priority for w in self.watches), self.number


class RequestTable:
    """All requests to one model; `at_once` of them are computed at a time. Any thread.

    A model in this process answers one at a time; a server takes several. `done` is told of each that was worked at: for whom,
    whether it was answered, failed or stopped, and how many seconds that took.
    """

    def __init__(self, at_once: int = 1) -> None:
        self.changed = Condition()
        self._free, self._numbers = at_once, count()
        self._in_flight: dict[Hashable, Request] = {}
        self._asked_last = -inf
        self.done: Callable[[Priority, str, float], object] = lambda priority, outcome, seconds: None

    def ask(self, key: Hashable, priority: Priority, work: Work[T]) -> Watch[T]:
        """Watch the request in flight under this key, or begin one that does `work` in a copy of this context."""
        with self.changed:
            if priority < Priority.POOL:
                self._asked_last = monotonic()
            if key not in self._in_flight:
                self._in_flight[key] = Request(key, work, next(self._numbers), copy_context())
            watch = Watch(self, self._in_flight[key], priority)
            watch.request.watches.append(watch)
            self._start_next()
        return watch

    def quiet_for(self) -> float:
        """Seconds since the last question that somebody asked was over; 0 while there is one."""
        with self.changed:
            if any(w.priority < Priority.POOL for r in self._in_flight.values() for w in r.watches):
                self._asked_last = monotonic()
            return monotonic() - self._asked_last

    def now(self) -> tuple[int, dict[Priority, int]]:
        """How many are computed, and how many wait, by their most urgent watcher."""
        with self.changed:
            waiting = Counter(r.rank[0] for r in self._waiting())
            return sum(r.running for r in self._in_flight.values()), {priority: waiting[priority] for priority in Priority}

    def finished(self, value: T) -> Watch[T]:
        """A watch of what is known already."""
        request = Request[T](None, lambda _: iter(()), 0, Context(), parts=1, part=value, over=True)
        request.watches.append(watch := Watch(self, request, Priority.SCREEN))
        return watch

    def leave(self, watch: Watch) -> None:
        """Watch it no more. The last watcher to leave stops the work."""
        with self.changed:
            request = watch.request
            if watch in request.watches:
                request.watches.remove(watch)
            if not request.watches and not request.running and not request.over:
                self._end(request)
            self._tell(watch, *request.watches)

    def _start_next(self) -> None:
        """Begin the most urgent requests that wait, while there is room."""
        while self._free and (waiting := self._waiting()):
            request = min(waiting, key=lambda r: r.rank)
            request.running, request.told_to_stop = True, False
            self._free -= 1
            Thread(target=request.context.run, args=(self._run, request), name="request", daemon=True).start()

    def _waiting(self) -> list[Request]:
        return [r for r in self._in_flight.values() if not r.running and r.watches]

    def _run(self, request: Request[T]) -> None:
        began, wanted_by = monotonic(), min((w.priority for w in list(request.watches)), default=Priority.POOL)
        try:
            for part in request.work(lambda: self._must_stop(request)):
                self._add(request, part)
        except Exception as error:
            request.error = error
        outcome = "failed" if request.error else "stopped" if request.told_to_stop else "answered"
        self.done(wanted_by, outcome, monotonic() - began)
        with self.changed:
            if any(w.priority < Priority.POOL for w in request.watches):
                self._asked_last = monotonic()
            self._free, request.running = self._free + 1, False
            if request.error or not request.told_to_stop or not request.watches:
                self._end(request)
            self._start_next()
            self._tell(*request.watches)

    def _must_stop(self, request: Request) -> bool:
        """Whether nobody watches any more, or a more urgent request waits for this one."""
        with self.changed:
            outranked = not self._free and any(r.rank[0] < request.rank[0] for r in self._waiting() if request.watches)
            request.told_to_stop = request.told_to_stop or not request.watches or outranked
            return request.told_to_stop

    def _add(self, request: Request[T], part: T) -> None:
        with self.changed:
            request.parts, request.part = request.parts + 1, part
            self._tell(*request.watches)

    def _end(self, request: Request) -> None:
        request.over = True
        del self._in_flight[request.key]

    def _tell(self, *watches: Watch) -> None:
        self.changed.notify_all()
        for watch in watches:
            watch.tell()


class Watch(Generic[T]):
    """One watcher's view of a request. Iterate it from a thread, or with `async for`, which holds no thread.

    Both give (the newest part or None, whether it is over), now and after each change; parts that come too fast are left
    out. They end after the last one, or once the watcher has left, and raise what went wrong.
    """

    def __init__(self, table: RequestTable, request: Request[T], priority: Priority) -> None:
        self.table, self.request, self.priority = table, request, priority
        self._listeners: list[Callable[[], None]] = []

    @property
    def over(self) -> bool:
        """Whether nothing more will come: it is computed, it failed, or this watcher has left."""
        return self.request.over or self not in self.request.watches

    def leave(self) -> None:
        """Watch no more; the last watcher to leave stops the work."""
        self.table.leave(self)

    @property
    def newest(self) -> tuple[int, T | None]:
        """How many parts came so far, and the newest."""
        with self.table.changed:
            return self.request.parts, self.request.part

    def result(self) -> T | None:
        """Wait for the whole; None when this watcher has left before. Raises what went wrong."""
        return next((part for part, over in self if over), None)

    async def whole(self) -> T | None:
        """`result`, holding no thread."""
        found = None
        async for part, over in self:
            found = part if over else None
        return found

    def __iter__(self) -> Iterator[tuple[T | None, bool]]:
        shown, over = -1, False
        while not over:
            with self.table.changed:
                self.table.changed.wait_for(lambda shown=shown: self.over or self.request.parts != shown)
                shown, part, over = self.request.parts, self.request.part, self.over
            if over and not self._finished():
                return
            yield part, over

    async def __aiter__(self) -> AsyncIterator[tuple[T | None, bool]]:
        shown, over, news = -1, False, asyncio.Event()
        with self._listening(asyncio.get_running_loop(), news):
            while not over:
                news.clear()
                with self.table.changed:
                    parts, part, over = self.request.parts, self.request.part, self.over
                if over and not self._finished():
                    return
                if over or parts != shown:
                    shown = parts
                    yield part, over
                else:
                    await news.wait()

    def tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _finished(self) -> bool:
        """Whether it is over because it was computed to its end; raises what went wrong."""
        if self not in self.request.watches:
            return False
        if self.request.error:
            raise self.request.error
        return True

    @contextmanager
    def _listening(self, loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> Iterator[None]:
        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(news.set)

        self._listeners.append(wake)
        try:
            yield
        finally:
            self._listeners.remove(wake)
