"""An archive that is read: checked byte by byte first, then its rows and files one after the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from sqlalchemy import Table

from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.domain.progress import Progress, unseen
from pdc.store.archives.lines import Values, values_of
from pdc.store.archives.manifest import FILES, MANIFEST, Listed, Manifest, kept_file, table_file

PIECE = 1 << 20
LONGEST = 1 << 28  # bytes of a line: more is no row of PDC
NO_ARCHIVE = "{path} is no archive of PDC, or it is not whole."
DAMAGED = "The archive {path} is damaged: {name} is not as it was written."


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file in an archive: its path below PDC_HOME, and what its bytes must be."""

    path: str
    sha256: str
    bytes: int


class Archive:
    """A zip that `write_archive` wrote. StoreUnavailable where it is none, or not whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = ZipFile(path)
            self.manifest = Manifest.of(json.loads(self.zip.read(MANIFEST)))
        except FileNotFoundError:
            raise StoreUnavailable("There is no file {path}.", path=path) from None
        except (OSError, BadZipFile, ZlibError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise StoreUnavailable(NO_ARCHIVE, path=path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.zip.close()

    def check(self, progress: Progress = unseen) -> None:
        """Read every byte. StoreUnavailable where a file is missing, changed or too many."""
        listed = {table_file(name): table for name, table in self.manifest.tables.items()} | {FILES: self.manifest.files}
        for name, lines in listed.items():
            self._check_lines(name, lines)
        files, expected = 0, {MANIFEST, *listed}
        for file in self.files():
            progress("Checking files", files, self.manifest.files.rows)
            self._check_file(file)
            expected.add(kept_file(file.path))
            files += 1
        progress("Checking files", files, files)
        if wrong := sorted(expected.symmetric_difference(self.zip.namelist())):
            raise StoreUnavailable(DAMAGED, path=self.path, name=wrong[0])

    def rows(self, table: Table) -> Iterator[Values]:
        """The rows of a table, ready for the database; none where the archive is older than the table."""
        if table.name in self.manifest.tables:
            yield from (values_of(table, line, n + 1) for n, line in enumerate(self._lines(table_file(table.name))))

    def files(self) -> Iterator[KeptFile]:
        """What lies beside the tables. BadSetting where a path leads out of PDC_HOME."""
        for line in self._lines(FILES):
            try:
                file = KeptFile(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise StoreUnavailable(DAMAGED, path=self.path, name=FILES) from error
            yield _safe(file)

    def pieces(self, file: KeptFile) -> Iterator[bytes]:
        """The bytes of a file, in pieces."""
        with self._open(kept_file(file.path)) as opened:
            yield from _pieces(opened)

    def _lines(self, name: str) -> Iterator[bytes]:
        with self._open(name) as file:
            while line := file.readline(LONGEST):
                yield line

    def _check_lines(self, name: str, listed: Listed) -> None:
        rows, whole = 0, hashlib.sha256()
        with self._reading(name):
            for line in self._lines(name):
                rows += 1
                whole.update(line)
        if (rows, whole.hexdigest()) != (listed.rows, listed.sha256):
            raise StoreUnavailable(DAMAGED, path=self.path, name=name)

    def _check_file(self, file: KeptFile) -> None:
        size, whole = 0, hashlib.sha256()
        with self._reading(kept_file(file.path)):
            for piece in self.pieces(file):
                size += len(piece)
                whole.update(piece)
        if (size, whole.hexdigest()) != (file.bytes, file.sha256):
            raise StoreUnavailable(DAMAGED, path=self.path, name=file.path)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """What a damaged zip raises, as a sentence."""
        try:
            yield
        except (BadZipFile, ZlibError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise StoreUnavailable(DAMAGED, path=self.path, name=name) from error

    def _open(self, name: str) -> IO[bytes]:
        try:
            return self.zip.open(name)
        except KeyError:
            raise StoreUnavailable(DAMAGED, path=self.path, name=name) from None


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _safe(file: KeptFile) -> KeptFile:
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path or ":" in file.path or str(path) != file.path:
        raise BadSetting("The archive has a file {path}, which leads out of PDC_HOME; nothing was read.", path=repr(file.path))
    return file
