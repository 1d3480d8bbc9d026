"""Files that are whole or absent: written beside their place, forced to disk, then renamed into it. JSON and hashes of files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pdc.domain.errors import BadSetting, DiskFull, StoreUnavailable

ABANDONED = 600  # seconds without a byte
PRIVATE = 0o077
"""the mask of new files and folders: nobody but their owner reads, lists or changes them"""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark; BadSetting when it cannot be read or is none."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise BadSetting("{path} cannot be read ({why}); check the path.", path=path, why=error.strerror) from None
    except UnicodeDecodeError as error:
        raise BadSetting("{path} is not text in UTF-8 ({why}); save it again.", path=path, why=error.reason) from None


def write(path: Path, data: bytes) -> None:
    """Put `data` into the file at once: after a kill it holds the old bytes or the new. StoreUnavailable otherwise."""

    def fill(part: Path) -> None:
        part.write_bytes(data)

    _replace(path, fill)


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """`write`, of what comes in pieces."""

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            file.writelines(pieces)

    _replace(path, fill)


def write_once(path: Path, data: bytes) -> None:
    """Put `data` into a file for this user's eyes only, unless it is there: of several processes the first one's bytes stay."""

    def fill(part: Path) -> None:
        part.touch(0o600)
        part.write_bytes(data)

    _replace(path, fill, _place)


def copy(source: Path, path: Path) -> None:
    """A copy of its own, for folders that others may change."""
    _replace(path, lambda part: shutil.copyfile(source, part))


def link_or_copy(source: Path, path: Path) -> None:
    """The same bytes under a second name: a hard link where the disk allows it, else a copy."""

    def fill(part: Path) -> None:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)

    _replace(path, fill)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """The object as indented JSON; whole or not at all."""
    write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None when there is no file or no JSON object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(*folders: Path) -> int:
    """Remove what writers that were killed left in these folders, and say how many. A part that somebody is still writing was
    touched a moment ago, and stays."""
    old, swept = time.time() - ABANDONED, 0
    for part in (part for folder in folders for part in folder.glob(".*.part")):
        try:
            if part.stat().st_mtime < old:
                part.unlink()
                swept += 1
        except OSError:  # its writer was there first
            continue
    return swept


def open_to_others(folder: Path) -> list[Path]:
    """The folder and what is in it, as far as other users of this computer may read, list or change it; not on Windows."""
    if os.name == "nt" or not folder.is_dir():
        return []
    return [p for p in (folder, *folder.rglob("*")) if not p.is_symlink() and p.stat().st_mode & PRIVATE]


def close_to_others(paths: Iterable[Path]) -> None:
    """Take from everybody but the owner what they may do with these. StoreUnavailable when that is refused."""
    for path in paths:
        with sentences(path):
            path.chmod(path.stat().st_mode & ~PRIVATE)


def _replace(path: Path, fill: Callable[[Path], object], place: Callable[[Path, Path], object] = Path.replace) -> None:
    part = path.with_name(f".{path.name[:80]}.{uuid4().hex}.part")
    with sentences(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fill(part)
            sync(part)
            place(part, path)
            sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


def _place(part: Path, path: Path) -> None:
    """A name for the part, unless another process has taken it. Renaming would take it away from them."""
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a disk without hard links
        if not path.exists():
            part.replace(path)


def sync(path: Path) -> None:
    """Force a file or folder to disk; Windows cannot do that to a folder."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """What the disk refuses, as StoreUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                "The disk is full: {path} could not be written. Free some space, then try again; nothing is lost.", path=path
            ) from error
        raise StoreUnavailable(
            "{path} could not be written ({why}). Check that its folder exists and may be written.",
            path=path,
            why=error.strerror or error,
        ) from error
