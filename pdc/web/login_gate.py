"""What stands before a password is looked at: two at a time, and whoever fails often waits longer and longer.

A password costs 64 MB and a good part of a second to check. Without a gate, sixty wrong ones at once stop the server. Failures
are counted in the database, for all processes together.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pdc.domain.errors import Busy, TooManyTries
from pdc.store.store import Store

AT_ONCE = 2
WAITING = 20  # further ones are sent away
FREE = {"name": 5, "address": 30, "token": 30}  # failures that cost no waiting; many people may share an address
FIRST, MOST = 2.0, 300.0  # seconds
FORGOTTEN = 3600.0  # seconds after the last failure
Key = tuple[str, str]  # what is counted, and of whom
log = logging.getLogger(__name__)


@dataclass(slots=True)
class LoginGate:
    """Counts failures by name and by address; a success forgets the name's. `clock` gives seconds since 1970."""

    store: Store
    clock: Callable[[], float] = time.time
    inside: int = 0
    """who is checked or waits for it; only the event loop counts"""
    refused: Callable[[str], object] = lambda why: None
    """told why somebody was not let in: a wrong `password`, a wrong `token`, or `early` after too many of them"""
    places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(AT_ONCE))

    async def check(self, name: str, address: str, fits: Callable[[], bool]) -> bool:
        """Whether the password fits, by `fits`, which is asked in a thread in its turn. Who waits for it holds no thread.

        TooManyTries before the name or the address may try again; Busy where too many others wait.
        """
        await run_sync(self._refuse_early, name, address)
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
            self.store.forget_failures(_hash(("name", name)))
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
        free, now = {_hash(key): FREE[key[0]] for key in keys}, self.clock()
        return max((_left(n, last, free[key], now) for key, (n, last) in self.store.failures(free).items()), default=0.0)

    def _count(self, keys: Sequence[Key]) -> None:
        """A failure of each."""
        now = self.clock()
        self.store.count_failures([*map(_hash, keys)], now, now - FORGOTTEN)


def _left(failures: int, last: float, free: int, now: float) -> float:
    """Seconds until the next try is taken."""
    if failures < free or now - last >= FORGOTTEN:
        return 0.0
    return max(last + min(FIRST * 2.0 ** min(failures - free, 20), MOST) - now, 0.0)


def _keys(name: str, address: str) -> tuple[Key, Key]:
    return ("name", name), ("address", address)


def _hash(key: Key) -> str:
    """What the database holds: somebody may have typed a password in the place of a name."""
    return sha256("\0".join(key).encode()).hexdigest()
