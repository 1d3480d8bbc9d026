"""A visitor of a Space who does not come back: after some days their images go.

What is append-only stays, as its law says: the rows of images, predictions and reviews, with the names that were typed. The
pixels, drafts, small pictures and descriptions go, and nobody is shown the image any more.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from pdc.domain.errors import PdcError
from pdc.images.intake import ImageFiles
from pdc.images.thumbnails import Thumbnails
from pdc.store.audit.kinds import AuditKind
from pdc.store.records import CLEANER, Brought, EventKind
from pdc.store.store import Store
from pdc.store.together.duty import Duty

log = logging.getLogger(__name__)
WHY = "no visit for {days} days"
HOUR = 3600.0


@dataclass(slots=True)
class Visits:
    """When each visitor came last: a file each, whose time of change that is."""

    folder: Path
    noted: dict[str, datetime] = field(default_factory=dict)

    def note(self, name: str) -> None:
        """They are here now; written once an hour."""
        now = datetime.now(UTC)
        if now - self.noted.get(name, datetime.min.replace(tzinfo=UTC)) < timedelta(hours=1):
            return
        self.noted[name] = now
        with suppress(OSError):  # a full disk keeps nobody out
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file(name).touch()

    def last(self, name: str) -> datetime | None:
        """None where no visit is known."""
        file = self._file(name)
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None

    def forget(self, name: str) -> None:
        self.noted.pop(name, None)
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / hashlib.sha256(name.encode()).hexdigest()[:32]


class Cleaning:
    """Takes away what visitors brought who have not come for `days` days; `stays` says whose images do not go. 0 days: never."""

    def __init__(
        self,
        store: Store,
        files: ImageFiles,
        thumbnails: Thumbnails,
        visits: Visits,
        days: int,
        stays: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.store, self.files, self.thumbnails, self.visits = store, files, thumbnails, visits
        self.days, self.stays = days, stays
        self.duty = Duty(store, "cleaning up", HOUR / 2)
        self._over = Event()
        self._thread: Thread | None = None

    def run(self, now: datetime | None = None) -> int:
        """How many images went."""
        if not self.days:
            return 0
        before = (now or datetime.now(UTC)) - timedelta(days=self.days)
        brought = self.store.brought()
        gone = {name: theirs for name, theirs in _by_owner(brought).items() if self._is_gone(name, theirs, before)}
        here = {image.sha256 for image in brought if image.owner not in gone}
        return sum(self._take(name, [b.sha256 for b in theirs], here) for name, theirs in gone.items())

    def start(self) -> None:
        """Now and every hour, in the background."""
        if self.days and self._thread is None:
            self._thread = Thread(target=self._keep_on, name="cleaning", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 10) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _keep_on(self) -> None:
        while not self._over.is_set():
            try:
                if self.duty.mine() and (n := self.run()):
                    log.info("%d images of visitors who did not come back were removed", n)
            except (PdcError, OSError):
                log.exception("Cleaning up after visitors failed; it is tried again in an hour")
            self._over.wait(HOUR)

    def _is_gone(self, name: str, theirs: list[Brought], before: datetime) -> bool:
        last = max([image.at for image in theirs] + [seen for seen in [self.visits.last(name)] if seen])
        return last < before and not self.stays(name)

    def _take(self, name: str, theirs: list[str], here: set[str]) -> int:
        """Out of this visitor's list; off the disk, unless somebody who is still here brought the same image."""
        retired = self.store.retired(name)
        left = [sha for sha in theirs if sha not in retired or retired[sha].by != CLEANER]
        self.store.add_events(left, EventKind.RETIRED, by=CLEANER, reader=name, note=WHY.format(days=self.days))
        files = [sha for sha in theirs if sha not in here and self.files.has(sha)]
        for sha in files:
            self.thumbnails.remove(sha)
            self.files.remove(self.store.image(sha))
        if left or files:
            self.store.forget(name, files)
            self.visits.forget(name)
            self.store.record_event(AuditKind.CLEANED_UP, name, images=len(left), files=len(files))
        return len(files)


def _by_owner(brought: list[Brought]) -> dict[str, list[Brought]]:
    found: dict[str, list[Brought]] = {}
    for image in brought:
        found.setdefault(image.owner, []).append(image)
    return found
