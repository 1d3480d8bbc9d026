"""Whether this process is to end, and how many requests it still serves."""

from __future__ import annotations

import time
from dataclasses import dataclass

NOTICED = 2.0  # seconds for which it goes on answering, so that a proxy sees that it is no longer ready


@dataclass(slots=True)
class Life:
    """`seconds`: so long at most the running requests have to end once it is told to stop. Changed by the event loop only."""

    seconds: float = 10.0
    running: int = 0
    """requests but for those that are open as long as a page"""
    told: float | None = None
    """when it was told to stop"""

    @property
    def stopping(self) -> bool:
        return self.told is not None

    def stop(self) -> None:
        """Be ready no more; what runs goes on."""
        self.told = time.monotonic() if self.told is None else self.told

    def is_over(self) -> bool:
        """Whether nothing runs any more, or the time is up."""
        if self.told is None:
            return False
        gone = time.monotonic() - self.told
        return gone >= self.seconds or (gone >= min(NOTICED, self.seconds) and not self.running)
