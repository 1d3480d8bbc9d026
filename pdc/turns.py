"""Who asks the model next: the image on somebody's screen before images looked at ahead, and nobody asks the same twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock


class Turns:
    """Shared by everybody who asks one model. Any thread."""

    def __init__(self) -> None:
        self._free = Condition()
        self._first = 0
        self._locks: dict[Hashable, Lock] = {}
        self._holders: Counter[Hashable] = Counter()

    @contextmanager
    def first(self) -> Iterator[None]:
        """While a reader waits for an answer: nobody who asks ahead may start."""
        with self._free:
            self._first += 1
        try:
            yield
        finally:
            with self._free:
                self._first -= 1
                self._free.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until no reader waits for an answer; whether that is so."""
        with self._free:
            return self._free.wait_for(lambda: not self._first, seconds)

    @contextmanager
    def alone(self, key: Hashable) -> Iterator[None]:
        """One at a time for each key."""
        with self._free:
            lock = self._locks.setdefault(key, Lock())
            self._holders[key] += 1
        try:
            with lock:
                yield
        finally:
            with self._free:
                self._holders[key] -= 1
                if not self._holders[key]:
                    del self._holders[key], self._locks[key]
