"""The anchor: a file beside the database with the last link after each write, so that a tail cut off the chain is missed."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread

from pdc.domain.errors import BadSetting

SYNC_SECONDS = 5.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The last link: its number (0: there is none) and its code."""

    n: int = 0
    mac: str = ""

    def __str__(self) -> str:
        return f"{self.n} {self.mac}"


@dataclass(slots=True)
class Anchor:
    """Lines are only added. They are there after a kill at once; forced to disk every few seconds, and at the end."""

    path: Path | None
    handle: int | None = None
    synced: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def write(self, head: Head) -> None:
        """A line about the last link. What the disk refuses is logged: the write that it is about is done already."""
        if self.path is None:
            return
        try:
            with self.lock:
                if self.handle is None:
                    self.handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                os.write(self.handle, f"{head} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
            if time.monotonic() - self.synced > SYNC_SECONDS:
                self.synced = time.monotonic()
                Thread(target=self.sync, name="anchor", daemon=True).start()
        except OSError as error:
            log.error("the anchor %s of the record cannot be written: %s", self.path, error)

    def sync(self) -> None:
        """Force what was written to disk."""
        with self.lock:
            handle = os.dup(self.handle) if self.handle is not None else None
        if handle is not None:
            os.fsync(handle)
            os.close(handle)

    def close(self) -> None:
        """Nothing is written any more."""
        self.sync()
        with self.lock:
            if self.handle is not None:
                os.close(self.handle)
            self.handle = None


def anchored(path: Path) -> Head | None:
    """The farthest link that an anchor file names; None where there is no file, or no line in it. A line that was not
    written whole is passed over. BadSetting when the file cannot be read."""
    farthest = None
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                head = read_head(line)
                if head and (farthest is None or head.n > farthest.n):
                    farthest = head
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadSetting("{path} cannot be read ({why}); check the path.", path=path, why=error.strerror) from None
    return farthest


def read_head(line: str) -> Head | None:
    """The link that a line names, as `str` of it says it, whatever comes after."""
    words = line.split()
    whole = len(words) >= 2 and words[0].isdigit() and len(words[1]) == 64
    return Head(int(words[0]), words[1]) if whole else None
