"""Nobody asks the same twice: whoever asks what is being asked waits for that answer. Who goes first is the queue's affair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """Shared by everybody who asks one model. Any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._locks: dict[Hashable, Lock] = {}
        self._holders: Counter[Hashable] = Counter()

    @contextmanager
    def alone(self, key: Hashable) -> Iterator[None]:
        """One at a time for each key."""
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
            self._holders[key] += 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                self._holders[key] -= 1
                if not self._holders[key]:
                    del self._holders[key], self._locks[key]
