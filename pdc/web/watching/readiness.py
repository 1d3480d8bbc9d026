"""Whether this process should be sent requests: what is missing, one word a thing, for a proxy and whoever runs PDC."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pdc.domain.errors import PdcError
from pdc.domain.message import Message

AGAIN = 15.0  # seconds between two tries to reach a model server that was away at the start
KEPT = 1.0  # seconds that an answer stands: anybody may ask, and each look asks the database
MISSING = {
    "stopping": Message("PDC is stopping."),
    "database": Message("The database does not answer."),
    "migrations": Message("The database is of another version of PDC."),
    "model": Message("The model is not loaded, or its server does not answer."),
    "disk": Message("The disk is nearly full."),
}
log = logging.getLogger(__name__)


class Again:
    """Whether `reached`; until it is, `reach` is called now and then, for while the process is not ready nobody else asks."""

    def __init__(
        self, reached: Callable[[], bool], reach: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.reached, self.reach, self.clock = reached, reach, clock
        self.tried = clock()

    def __call__(self) -> bool:
        if not self.reached() and self.clock() - self.tried >= AGAIN:
            self.tried = self.clock()
            self.reach()
        return self.reached()


class Readiness:
    """`checks`: by the words of MISSING, whether each thing is as it should be; an error also means that it is not."""

    def __init__(self, checks: Mapping[str, Callable[[], bool]], clock: Callable[[], float] = time.monotonic) -> None:
        self.checks, self.clock = checks, clock
        self._one = CapacityLimiter(1)  # who waits for the look of another holds no thread
        self._looked, self._missing = -KEPT, tuple[str, ...]()

    async def missing(self) -> tuple[str, ...]:
        """What is not as it should be; empty: ready. Asked often, it looks once a second."""
        return await run_sync(self.now, limiter=self._one)

    def now(self) -> tuple[str, ...]:
        """The same, for whoever asks alone."""
        if self.clock() - self._looked >= KEPT:
            before, self._missing = self._missing, tuple(name for name, check in self.checks.items() if not _holds(check))
            self._looked = self.clock()
            if self._missing != before:
                log.warning("not ready: %s", ", ".join(self._missing)) if self._missing else log.warning("ready")
        return self._missing


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (PdcError, OSError):
        return False
