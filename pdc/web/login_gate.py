"""What stands before a password is looked at: two at a time, and whoever fails often waits longer and longer.

A password costs 64 MB and a good part of a second to check. Without a gate, sixty wrong ones at once stop the server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pdc.domain.errors import Busy, TooManyTries

AT_ONCE = 2
WAITING = 20  # further ones are sent away
FREE = {"name": 5, "address": 30, "token": 30}  # failures that cost no waiting; many people may share an address
FIRST, MOST = 2.0, 300.0  # seconds
FORGOTTEN = 3600.0  # seconds after the last failure
NAMES = 10_000  # kept at most
Key = tuple[str, str]  # what is counted, and of whom
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Failures:
    n: int = 0
    last: float = 0.0

    def wait(self, free: int, now: float) -> float:
        """Seconds until the next try is taken."""
        if self.n < free:
            return 0.0
        return max(self.last + min(FIRST * 2.0 ** (self.n - free), MOST) - now, 0.0)


@dataclass(slots=True)
class LoginGate:
    """Counts failures by name and by address; a success forgets the name's. `clock` gives seconds."""

    clock: Callable[[], float] = time.monotonic
    failures: dict[Key, Failures] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    inside: int = 0
    """who is checked or waits for it; only the event loop counts"""
    refused: Callable[[str], object] = lambda why: None
    """told why somebody was not let in: a wrong `password`, a wrong `token`, or `early` after too many of them"""
    places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(AT_ONCE))

    async def check(self, name: str, address: str, fits: Callable[[], bool]) -> bool:
        """Whether the password fits, by `fits`, which is asked in a thread in its turn. Who waits for it holds no thread.

        TooManyTries before the name or the address may try again; Busy where too many others wait.
        """
        self._refuse_early(name, address)
        if self.inside >= AT_ONCE + WAITING:
            raise Busy("Too many people log in at this moment. Try again in a few seconds.")
        self.inside += 1
        try:
            return await run_sync(self._checked, name, address, fits, limiter=self.places)
        finally:
            self.inside -= 1

    def count_wrong_token(self, address: str) -> None:
        """A program came with a wrong token. TooManyTries, beyond the first ones. They are counted apart from passwords, and a
        right token is always taken: behind a proxy one broken program would lock everybody out."""
        key = ("token", address)
        self.refused("token")
        if (wait := self._wait([key])) > 0:
            raise TooManyTries("Too many wrong API tokens. Wait {n} seconds, then try again.", n=int(wait) + 1)
        log.warning("wrong API token from %s", address)
        self._count([key])

    def _checked(self, name: str, address: str, fits: Callable[[], bool]) -> bool:
        self._refuse_early(name, address)  # others of the same name may have failed meanwhile
        good = fits()
        if good:
            self._forget(("name", name))
        else:
            self._count(_keys(name, address))
            self.refused("password")
        log.info("%s: user %r from %s", "logged in" if good else "wrong password", name[:64], address)
        return good

    def _refuse_early(self, name: str, address: str) -> None:
        if (wait := self._wait(_keys(name, address))) > 0:
            self.refused("early")
            log.warning("a login of user %r from %s has to wait for %.0f s", name[:64], address, wait)
            raise TooManyTries("Too many wrong passwords. Wait {n} seconds, then try again.", n=int(wait) + 1)

    def _wait(self, keys: Sequence[Key]) -> float:
        """Seconds until the next try of all of these is taken."""
        now = self.clock()
        with self.lock:
            return max((f.wait(FREE[key[0]], now) for key in keys if (f := self.failures.get(key))), default=0.0)

    def _forget(self, key: Key) -> None:
        with self.lock:
            self.failures.pop(key, None)

    def _count(self, keys: Sequence[Key]) -> None:
        """A failure of each."""
        now = self.clock()
        with self.lock:
            if len(self.failures) > NAMES:
                self.failures = {key: f for key, f in self.failures.items() if now - f.last < FORGOTTEN}
            for key in keys:
                known = self.failures.get(key)
                fresh = known if known and now - known.last < FORGOTTEN else Failures()
                self.failures[key] = Failures(fresh.n + 1, now)


def _keys(name: str, address: str) -> tuple[Key, Key]:
    return ("name", name), ("address", address)
