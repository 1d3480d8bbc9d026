"""How much a visitor of a public Space may bring and ask, so that there is something left for the next one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from pdc.domain.errors import QuotaReached
from pdc.images.intake import ImageFiles
from pdc.review.limits.disk import MB, Disk
from pdc.store.store import Store

MINUTE = 60.0
MOST = 10_000  # visitors whose questions are remembered
IMAGES = (
    "You have brought {n} images, and each visitor of this Space may bring {most}. "
    "Install PDC on a computer of your own for more."
)
BYTES = (
    "Your images take {n} MB with this one, and each visitor of this Space may keep {most} MB. "
    "Install PDC on a computer of your own for more."
)
QUESTIONS = "The model has answered you {most} times within a minute. Wait {n} seconds, then ask again; your marks stay."


@dataclass(frozen=True, slots=True)
class Most:
    """Of each visitor: images, megabytes, and questions a minute."""

    images: int
    mb: int
    questions: int


@dataclass(slots=True)
class Quotas:
    """What each user has used of it; `exempt` says who is no visitor. `clock` gives seconds. Any thread."""

    store: Store
    files: ImageFiles
    most: Most
    exempt: Callable[[str], bool] = lambda user: False
    clock: Callable[[], float] = time.monotonic
    lock: Lock = field(default_factory=Lock)
    asked: dict[str, deque[float]] = field(default_factory=dict)

    def bring(self, owner: str, size: int) -> None:
        """QuotaReached where one more image, of so many bytes, is too much."""
        if self.exempt(owner):
            return
        here = [kept for sha in self.store.brought_by(owner) if (kept := self.files.size(sha))]
        if len(here) >= self.most.images:
            raise QuotaReached(IMAGES, n=len(here), most=self.most.images)
        total = sum(here) + size
        if total > self.most.mb * MB:
            raise QuotaReached(BYTES, n=-(-total // MB), most=self.most.mb)

    def ask(self, user: str) -> None:
        """One question more. QuotaReached, with how long to wait, where that is too many a minute."""
        if self.exempt(user):
            return
        with self.lock:
            now = self.clock()
            if len(self.asked) > MOST:
                self.asked = {name: times for name, times in self.asked.items() if times and now - times[-1] < MINUTE}
            times = self.asked.setdefault(user, deque())
            while times and now - times[0] >= MINUTE:
                times.popleft()
            if len(times) >= self.most.questions:
                raise QuotaReached(QUESTIONS, most=self.most.questions, n=int(MINUTE - (now - (times[0] if times else now))) + 1)
            times.append(now)


@dataclass(frozen=True, slots=True)
class Limits:
    """What stands before an upload, a save and a question; without quotas the disk alone."""

    disk: Disk
    quotas: Quotas | None = None

    def bring(self, owner: str | None, size: int) -> None:
        """DiskFull or QuotaReached where a file of so many bytes is not taken."""
        self.disk.refuse_upload(size)
        if self.quotas is not None and owner is not None:
            self.quotas.bring(owner, size)

    def save(self) -> None:
        """DiskFull where a review is not taken."""
        self.disk.refuse_save()

    def ask(self, user: str) -> None:
        """QuotaReached where the user asked too often."""
        if self.quotas is not None:
            self.quotas.ask(user)
