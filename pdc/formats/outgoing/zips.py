"""An export as one zip, in pieces as it is sent; nothing of it is kept in memory."""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pdc.spool import Spool

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in a zip: the same export is the same zip
MOST = 8 << 20  # bytes that wait in memory to be sent: the list at the end of a zip may be longer
PIECE = 1 << 20  # bytes of a file that are in memory at once
Entry = tuple[str, Iterable[bytes]]
"""A file's path in the export, and its bytes in pieces, to be taken before the next entry is asked for."""


@dataclass(frozen=True, slots=True)
class FileBytes(Iterable[bytes]):
    """The bytes of a file, in pieces."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            yield from pieces_of(file)

    def is_at(self, path: Path) -> bool:
        """Whether that file holds the very same."""
        return path.is_file() and filecmp.cmp(self.path, path, shallow=False)


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as one zip, in pieces. Images are stored as they are: PNG does not get smaller."""
    with _Sink() as sink:
        yield from _written(sink, entries)
        yield from sink.rest()


def _written(sink: _Sink, entries: Iterable[Entry]) -> Iterator[bytes]:
    with ZipFile(sink, "w") as archive:
        archive.filelist = Spool[ZipInfo]()  # pyright: ignore[reportAttributeAccessIssue]  # the list at a zip's end grows too
        for name, pieces in entries:
            archive.NameToInfo.clear()
            info = ZipInfo(name, EPOCH)
            info.compress_type = ZIP_STORED if name.endswith((".png", ".parquet")) else ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    yield sink.taken()


class _Sink(RawIOBase):
    """What a zip is written to: it cannot be gone back in, and hands out what was written since it was last asked."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile[bytes](MOST)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def taken(self) -> bytes:
        return b"".join(self.rest())

    def rest(self) -> Iterator[bytes]:
        self._file.seek(0)
        yield from pieces_of(self._file)
        self._file.seek(0)
        self._file.truncate()
