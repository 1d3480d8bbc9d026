"""A disk that fills up stops uploads first, then saves, and nothing that is stored is harmed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pdc.domain.errors import DiskFull

MB = 1_000_000
SAVES = 10  # a save is refused where there is a tenth of what an upload takes
NO_UPLOAD = (
    "The disk of this server is nearly full ({free} MB free, {needed} MB needed), so no more images are taken. "
    "What is here can be read and saved. Whoever runs PDC has to free some space."
)
NO_SAVE = (
    "The disk of this server is full ({free} MB free, {needed} MB needed), so this was not saved; your marks stay as a draft. "
    "Whoever runs PDC has to free some space; then save again."
)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of a folder; with less than `least_mb` free nothing is brought. 0: it is not looked at."""

    folder: Path
    least_mb: int = 0

    @property
    def least_bytes(self) -> int:
        """With less free no upload is taken."""
        return self.least_mb * MB

    def is_low(self) -> bool:
        """Whether uploads are refused."""
        return self.free_bytes() < self.least_bytes

    def refuse_upload(self, size: int = 0) -> None:
        """DiskFull where `size` more bytes would leave too little."""
        self._refuse(NO_UPLOAD, self.least_mb, size)

    def refuse_save(self) -> None:
        """DiskFull where hardly anything is left."""
        self._refuse(NO_SAVE, self.least_mb // SAVES)

    def _refuse(self, sentence: str, needed: int, size: int = 0) -> None:
        free = self.free_bytes()
        if free - size < needed * MB:
            raise DiskFull(sentence, free=free // MB, needed=needed)

    def free_bytes(self) -> int:
        """Of the nearest folder that is there."""
        there = next(path for path in (self.folder.absolute(), *self.folder.absolute().parents) if path.exists())
        return shutil.disk_usage(there).free
