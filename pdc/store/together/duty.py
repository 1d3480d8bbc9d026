"""Work that one of all processes does, as long as it lives; then another."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from pdc.domain.errors import StoreUnavailable
from pdc.store.together.queries import TogetherQueries

SECONDS = 60.0


class Duty:
    """`seconds`: after so long without a word of the process that does it, another takes it. `clock` gives seconds since 1970."""

    def __init__(
        self, store: TogetherQueries, name: str, seconds: float = SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self.store, self.name, self.seconds, self.clock = store, name, seconds, clock
        self.holder = uuid4().hex

    def mine(self) -> bool:
        """Whether this process does it now; False also where the database does not answer."""
        try:
            return self.store.hold_duty(self.name, self.holder, self.clock(), self.seconds)
        except StoreUnavailable:
            return False

    def end(self) -> None:
        """Leave it to the others."""
        with suppress(StoreUnavailable):
            self.store.end_duty(self.name, self.holder)
