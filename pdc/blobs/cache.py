"""Copies on this machine's disk of what was read from elsewhere, up to a size; what was read last stays longest."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from pdc import files

JUST_READ = 60.0  # seconds: somebody may be about to open it
ROOM = 0.9  # of the size is left, so that not every file drives out another
Copy = tuple[float, int, Path]
"""when it was read last, its bytes, and where it is"""


class Cache:
    """Files under the keys that they have elsewhere. Several processes may share the folder. Any thread."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most = folder, most_bytes
        self._lock = Lock()
        self._held = sum(size for _, size, _ in self._copies())

    def get(self, key: str) -> Path | None:
        """The copy, which is young again; None where there is none."""
        path = self.folder / key
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def put(self, key: str, data: bytes) -> Path:
        """A copy, in place of the oldest ones. StoreUnavailable where the disk refuses."""
        path = self.folder / key
        files.write(path, data)
        with self._lock:
            self._held += len(data)
            if self._held > self.most:
                self._held = self._shrunk(time.time())
        return path

    def drop(self, key: str) -> None:
        (self.folder / key).unlink(missing_ok=True)

    def _shrunk(self, now: float) -> int:
        """Bytes that are left after the oldest copies went; none that was read just now."""
        copies = sorted(self._copies())
        held = sum(size for _, size, _ in copies)
        for read, size, path in copies:
            if held <= ROOM * self.most or now - read < JUST_READ:
                break
            path.unlink(missing_ok=True)
            held -= size
        return held

    def _copies(self) -> list[Copy]:
        found: list[Copy] = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # another process removed it
                about = path.stat()
                if path.is_file():
                    found.append((about.st_mtime, about.st_size, path))
        return found
