"""Events of the interface that wait: so many at most, and what no page comes for is let go. Gradio itself keeps them for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pdc.domain.errors import Busy
from pdc.web.limits.turns import RETRY_SECONDS

MOST_QUEUED = 500  # that wait for their turn, of all pages
MOST_OF_A_PAGE = 50  # of which the page has not taken the outcome
MOST_PAGES = 1_000  # that have not taken an outcome
KEPT_SECONDS = 600.0  # from the last event of a page until what it did not take is let go
SWEPT_SECONDS = 30.0
TOO_MANY = "Too much is asked of the server at this moment. Nothing was changed; try again in {n} seconds."


@dataclass(slots=True)
class Events:
    """What waits in the queue of one interface, page by page."""

    blocks: Any
    clock: Callable[[], float] = time.monotonic
    joined: dict[str, float] = field(default_factory=dict)
    swept: float = 0.0

    def admit(self, page: str) -> None:
        """Busy where one more event of this page would be too many."""
        now, waiting = self.clock(), self.blocks._queue.pending_event_ids_session
        if now - self.swept > SWEPT_SECONDS:
            self._sweep(now)
        if len(waiting.get(page, ())) >= MOST_OF_A_PAGE or (page not in self.joined and len(self.joined) >= MOST_PAGES):
            raise Busy(TOO_MANY, n=RETRY_SECONDS)
        self.joined[page] = now

    def _sweep(self, now: float) -> None:
        """Let go of pages that took everything, and of outcomes that nobody came for."""
        queue, self.swept = self.blocks._queue, now
        for page, last in list(self.joined.items()):
            ids = queue.pending_event_ids_session.get(page, set())
            if not ids or (now - last > KEPT_SECONDS and not ids & queue.event_ids_to_events.keys()):
                del self.joined[page]
                queue.pending_event_ids_session.pop(page, None)
                if ids:
                    queue.pending_messages_per_session.pop(page, None)
