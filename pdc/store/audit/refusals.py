"""Refused logins in the record: a row a name and minute at most, with how many there were, however many try."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Timer
from typing import Any

from pdc.store.audit.kinds import AuditKind

EVERY = 60.0  # seconds
ADDRESSES = 10  # that a row names


@dataclass(slots=True)
class Tries:
    n: int = 0
    addresses: set[str] = field(default_factory=set)

    @property
    def told(self) -> dict[str, Any]:
        return {"tries": self.n, "addresses": sorted(self.addresses)[:ADDRESSES]}


@dataclass(slots=True)
class Refusals:
    """`record` writes a row, `known` says whether there is such a user: what others typed as a name is not kept, for it may be
    a password. The first one is written at once, those of the minute after it together."""

    record: Callable[..., None]
    known: Callable[[str], bool]
    clock: Callable[[], float] = time.monotonic
    waiting: dict[str, Tries] = field(default_factory=dict)
    written: float = float("-inf")
    timer: Timer | None = None
    lock: Lock = field(default_factory=Lock)

    def add(self, name: str, address: str) -> None:
        """A login was refused."""
        name = name if self.known(name) else ""
        with self.lock:
            tries = self.waiting.setdefault(name, Tries())
            tries.n += 1
            tries.addresses.add(address)
            left = self.written + EVERY - self.clock()
            if left > 0 and self.timer is None:
                self.timer = Timer(left, self.flush)
                self.timer.daemon = True
                self.timer.start()
        if left <= 0:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self.lock:
            waiting, self.waiting, self.written = self.waiting, {}, self.clock()
            if self.timer is not None:
                self.timer.cancel()
            self.timer = None
        for name, tries in waiting.items():
            self.record(AuditKind.LOGIN_REFUSED, name, **tries.told)
