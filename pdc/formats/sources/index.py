"""A folder or a zip, indexed once by name and read in place: nothing is unpacked, and nothing outside it can be reached."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, TypeVar
from zipfile import BadZipFile, ZipFile, ZipInfo

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.formats.sources.names import LAYOUT, ImageNames, is_image, split_of
from pdc.formats.sources.pixel_frame import Seen, seen

T = TypeVar("T")
MAX_FILES = 200_000
MAX_BYTES = 1 << 30  # of one file
MAX_ZIP_BYTES = 1 << 37  # of all files of a zip, unpacked
ZIPS = (".zip",)
UTF_8 = 0x800  # the flag of a zip's member by which its name is in UTF-8
CLIMBS = 3  # folders above a named file, in which its images are looked for
BROKEN = (OSError, BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError)


class Files(Protocol):
    """Where the bytes are: {path in the index: size in bytes}, and an open file for each."""

    @property
    def sizes(self) -> Mapping[str, int]: ...

    def open(self, file: str) -> IO[bytes]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder on disk. Hidden ones are none of it."""

    root: Path
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, root: Path) -> Folder:
        sizes: dict[str, int] = {}
        for path in _walked(root):
            sizes[path.relative_to(root).as_posix()] = path.stat().st_size
            _check_number(len(sizes), root)
        return cls(root, sizes)

    def open(self, file: str) -> IO[bytes]:
        return (self.root / file).open("rb")

    def close(self) -> None: ...


def _walked(root: Path) -> Iterator[Path]:
    been: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(n for n in folders if not _hidden(n) and (Path(folder) / n).resolve() != root.resolve())
        real = os.path.realpath(folder)
        if real in been:  # a link that leads back
            folders.clear()
            continue
        been.add(real)
        yield from (path for n in sorted(names) if not _hidden(n) and _is_file(path := Path(folder, n)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be looked into
        return False


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _check_number(count: int, place: Path) -> None:
    if count > MAX_FILES:
        raise BadSetting(
            "{place} holds more than {n} files; put the data set into a folder of its own.", place=place, n=MAX_FILES
        )


@dataclass(frozen=True, slots=True)
class Zip:
    """The files of a zip. What its names say of folders above it is ignored: they are names, not places."""

    archive: ZipFile
    members: Mapping[str, ZipInfo]

    @classmethod
    def of(cls, path: Path) -> Zip:
        try:
            archive = ZipFile(path)
        except BROKEN as error:
            raise BadSetting("{path} is a damaged zip ({why}); download it again.", path=path, why=str(error)) from None
        members = {name: m for m in archive.infolist() if not m.is_dir() and (name := _inner(_spelled(m)))}
        _check_number(len(members), path)
        if sum(m.file_size for m in members.values()) > MAX_ZIP_BYTES:
            raise BadSetting("{path} would be too large unpacked; import it in parts.", path=path)
        return cls(archive, members)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: m.file_size for name, m in self.members.items()}

    def open(self, file: str) -> IO[bytes]:
        return self.archive.open(self.members[file])

    def close(self) -> None:
        self.archive.close()


def _spelled(member: ZipInfo) -> str:
    """The member's name. macOS writes it in UTF-8 and does not say so."""
    try:
        return member.filename if member.flag_bits & UTF_8 else member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _inner(name: str) -> str:
    """The member's path with plain slashes; empty for a hidden one."""
    parts = [p for p in PurePosixPath(name.replace("\\", "/")).parts if p not in ("/", "..", ".")]
    return "" if any(map(_hidden, parts)) else "/".join(parts)


@dataclass(frozen=True)
class FileIndex:
    """What was named, and the files around it. `chosen`: the files that were named; None when all were.

    Every path is relative to the folder or zip, with plain slashes.
    """

    place: Path
    source: Files
    chosen: tuple[str, ...] | None = None
    _last: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, path: Path) -> FileIndex:
        """Of a folder, a zip, or one annotation file with the images around it. BadSetting when it is not there.

        A zip of nothing but ImageJ's regions is an annotation file.
        """
        if path.is_dir():
            return cls(path, Folder.of(path))
        if not path.is_file():
            raise BadSetting("{path} cannot be read (it is not there); check the path.", path=path)
        if path.suffix.lower() in ZIPS:
            archive = Zip.of(path)
            if not archive.members or not all(name.endswith(".roi") for name in archive.members):
                return cls(path, archive)
            archive.close()
        folder = _around(path)
        return cls(path, folder, (path.resolve().relative_to(folder.root.resolve()).as_posix(),))

    def __enter__(self) -> FileIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    @cached_property
    def images(self) -> tuple[str, ...]:
        return tuple(filter(is_image, self.source.sizes))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """What may be an annotation file."""
        return tuple(f for f in (self.chosen or self.source.sizes) if not is_image(f) or self.chosen)

    @cached_property
    def names(self) -> ImageNames:
        return ImageNames(self.source.sizes)

    def has(self, file: str) -> bool:
        return file in self.source.sizes

    def open(self, file: str) -> IO[bytes]:
        """BadSetting when it cannot be opened."""
        try:
            return self.source.open(file)
        except BROKEN as error:
            raise _unreadable(file, error) from None

    def read(self, file: str) -> bytes:
        """All bytes. BadSetting when it is too large or damaged."""
        if self.source.sizes[file] > MAX_BYTES:
            raise BadSetting("{file} is too large; split it.", file=file)
        try:
            with self.open(file) as opened:
                return opened.read()
        except BROKEN as error:
            raise _unreadable(file, error) from None

    def head(self, file: str, size: int = 65536) -> bytes:
        """The first bytes; empty when it cannot be read."""
        try:
            with self.open(file) as opened:
                return opened.read(size)
        except (BadSetting, *BROKEN):
            return b""

    def text(self, file: str) -> str:
        """In UTF-8, or UTF-16 with its mark. BadSetting when it is no such text."""
        data = self.read(file)
        try:
            return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadSetting("{file} is not text in UTF-8 ({why}); save it again.", file=file, why=error.reason) from None

    def json(self, file: str) -> Any:
        """The value of a JSON file; the last one is kept, since several readers look at it. BadSetting when it is none."""
        if file not in self._last:
            text = self.text(file)
            self._last.clear()
            try:
                self._last[file] = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise BadSetting("{file} is not JSON ({why}); export it again.", file=file, why=str(error)) from None
        return self._last[file]

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What was made under that name, as long as no other file was read since; made now otherwise."""
        if name not in self._last:
            self._last.clear()
            self._last[name] = make()
        return self._last[name]

    def forget(self) -> None:
        """Drop what is kept of a file: of a large one that is much."""
        self._last.clear()

    def seen(self, file: str) -> Seen | None:
        """The picture's size and how EXIF turns it; None when it is no readable picture."""
        try:
            with self.open(file) as opened:
                return seen(opened if opened.seekable() else io.BytesIO(opened.read()))
        except (BadSetting, *BROKEN):
            return None

    def size(self, name: str, beside: str, told: Size | None) -> Size | None:
        """The size that a picture's marks are drawn in: as `told`, turned where EXIF turns what the tool measured.

        Its own where nothing is told; None when it is not found then.
        """
        found = self.names.find(name, beside)
        shown = self.seen(found) if found else None
        return shown.size if shown and (told is None or told == shown.stored) else told

    def beside(self, file: str, name: str) -> str:
        """The path of `name` in the folder of `file`."""
        return (PurePosixPath(file).parent / name).as_posix()


def _unreadable(file: str, error: Exception) -> BadSetting:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return BadSetting("{file} cannot be read ({why}); check it.", file=file, why=why)


def _around(path: Path) -> Folder:
    """The folder of a file; above it, where that is only a part of a data set without images."""
    folder = Folder.of(path.parent)
    for above in list(path.absolute().parents)[1 : CLIMBS + 1]:
        inner = folder.root.absolute().name.lower()
        if any(map(is_image, folder.sizes)) or not (inner in LAYOUT or split_of(inner)):
            return folder
        folder = Folder.of(above)
    return folder


def by_suffix(files: Sequence[str], *suffixes: str) -> list[str]:
    return [f for f in files if f.lower().endswith(suffixes)]
