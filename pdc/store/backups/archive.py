"""A backup is one tar file: the database as it was at one moment, every file beside it, and a manifest with the hash of each.

Of PostgreSQL it holds what pg_dump makes; `url` names that database, and is empty where the database is the file in PDC_HOME.

The key that signs logins stays out, so that nobody can log in by a backup; thumbnails are made anew. The record's key goes
along where it lies in PDC_HOME, so that a restored record can be checked and goes on. Images are stored before
their rows, so the files that are copied after the database hold every image that it names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from pdc import __version__
from pdc.blobs.base import Blobs, sharded
from pdc.blobs.folder import FolderBlobs
from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.store.audit.anchor import Anchor, Head
from pdc.store.backups.dump import dump, load
from pdc.store.backups.snapshot import check, last_link, snapshot

IMAGES = "images"
DATABASE, DUMP, MANIFEST = "pdc.sqlite3", "pdc.dump", "manifest.json"
ANCHOR = "pdc.anchor"
LEFT_OUT = frozenset(
    {"secret", "thumbnails", "incoming", "cache", "backups", "jobs", ANCHOR, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", DUMP}
)
PART = "restored.part"
FORMAT = 1
FROM_FILE = "{path} was made of SQLite; unset PDC_DATABASE_URL to restore it."
FROM_SERVER = "{path} was made of PostgreSQL; let PDC_DATABASE_URL name a new, empty database to restore into."
OTHER_RECORD = "The backup's database {path} was changed: the record in it does not end where it did when the backup was made."
PIECE = 1 << 20
State = tuple[dict[str, int], Head | None]
"""of a database the rows of each table, and the last link of the record"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: sha256 and bytes of each file by its path below PDC_HOME, and the rows of each table; `record`: the
    last link of the record (None: from before there was one)."""

    made_at: str
    version: str
    rows: dict[str, int]
    files: dict[str, tuple[str, int]]
    format: int = FORMAT
    record: str | None = None


def make(home: Path, archive: Path, url: str = "", images: Blobs | None = None) -> Manifest:
    """Put everything in `home` into the file `archive`, which is not there yet, and read it back; and `images`, which lie
    elsewhere, as if they lay in it.

    BadSetting where the file is there already or lies in `home`; StoreUnavailable where the copy is not sound.
    """
    if archive.exists():
        raise BadSetting("{path} is there already; choose another name for the backup.", path=archive)
    if home.resolve() in archive.resolve().parents:
        raise BadSetting("{path} lies in the folder that is backed up; choose a place outside it.", path=archive)
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_name(archive.name + ".part")
    try:
        with TemporaryDirectory(dir=archive.parent) as folder, part.open("wb") as out:
            copied = Path(folder) / (DUMP if url else DATABASE)
            state = dump(url, copied) if url else _snapshot(home / DATABASE, copied)
            files = _written(out, chain([(copied.name, copied)], _files(home), _images(images)), *state)
            out.flush()
            os.fsync(out.fileno())
        verify(part)
        part.rename(archive)
    except OSError as error:
        raise StoreUnavailable("The backup {path} cannot be written ({why}).", path=archive, why=error.strerror) from error
    finally:
        part.unlink(missing_ok=True)
    return files


def verify(archive: Path) -> Manifest:
    """What a backup holds, after every byte of it was read; StoreUnavailable where a file is missing, changed or too many."""
    try:
        with tarfile.open(archive) as tar:
            found: dict[str, tuple[str, int]] = {}
            for member in tar:
                if member.isfile() or member.islnk():
                    found[member.name] = found[member.linkname] if member.islnk() else _hash_of(tar, member)
            manifest = _manifest(tar)
    except (tarfile.TarError, KeyError, ValueError, TypeError, EOFError) as error:
        raise StoreUnavailable("{path} is no backup of PDC, or it is not whole.", path=archive) from error
    found.pop(MANIFEST)
    if wrong := sorted(name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)):
        raise StoreUnavailable("The backup {path} is damaged: {name} is not as it was written.", path=archive, name=wrong[0])
    return manifest


def restore(archive: Path, home: Path, url: str = "", images: Blobs | None = None) -> Manifest:
    """Bring a backup back into `home`, which is empty or not there. It is there as a whole, or not at all; where `home` is there,
    its database comes last. Its images go to `images`, where those are kept elsewhere.

    BadSetting where `home` or the database holds something, or is of another kind; StoreUnavailable where the backup is not
    sound.
    """
    is_there = home.exists()  # it may be mounted, and what it lies in may be another's
    if is_there and any(path.name != PART for path in home.iterdir()):
        raise BadSetting("{path} is not empty; set PDC_HOME to a new folder to restore into.", path=home)
    manifest, part = verify(archive), home / PART if is_there else home.with_name(home.name + ".part")
    if (DUMP in manifest.files) != bool(url):
        raise BadSetting(FROM_FILE if url else FROM_SERVER, path=archive)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name != MANIFEST:
                    _extract(tar, member, part)
        rows, record = _loaded(part / DUMP, url) if url else _state(part / DATABASE)
        if rows != manifest.rows:
            raise StoreUnavailable("The backup {path} is damaged: its database has other rows than were written.", path=archive)
        _compare_record(manifest, record, part)
        if images is not None:
            _move(part / IMAGES, images)
        if is_there:
            for path in sorted(part.iterdir(), key=lambda path: path.name == DATABASE):
                path.rename(home / path.name)
        else:
            part.rename(home)
    except (OSError, tarfile.TarError) as error:
        raise StoreUnavailable("{path} cannot be restored ({why}).", path=archive, why=error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _compare_record(manifest: Manifest, found: Head | None, home: Path) -> None:
    """Its database ends with the link that the manifest names; the restored store's anchor starts there."""
    if manifest.record is None:
        return
    if found is None or str(found) != manifest.record:
        raise StoreUnavailable(OTHER_RECORD, path=home / DATABASE)
    anchor = Anchor(home / ANCHOR)
    anchor.write(found)
    anchor.close()


def _snapshot(database: Path, copied: Path) -> State:
    snapshot(database, copied)
    return _state(copied)


def _state(database: Path) -> State:
    return check(database), last_link(database)


def _loaded(copied: Path, url: str) -> State:
    state = load(copied, url)
    copied.unlink()
    return state


def _written(out: BinaryIO, kept: Iterable[tuple[str, Path]], rows: dict[str, int], record: Head | None) -> Manifest:
    files: dict[str, tuple[str, int]] = {}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, path in kept:
            files[name] = _add(tar, name, path, files)
        manifest = Manifest(datetime.now(UTC).isoformat(), __version__, rows, files, record=record and str(record))
        text = json.dumps(asdict(manifest), indent=1).encode()
        about = tarfile.TarInfo(MANIFEST)
        about.size = len(text)
        tar.addfile(about, BytesIO(text))
    return manifest


def _is_kept(name: str) -> bool:
    """Whether a backup holds what has this name in `home`. Folders as .cache are of libraries, whose home it may be too."""
    return name not in LEFT_OUT and not name.startswith(".")


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """Every whole file below `home` that a backup holds, by its path there."""
    for path in sorted(home.rglob("*")):
        below = path.relative_to(home)
        if _is_kept(below.parts[0]) and path.is_file() and not path.is_symlink() and path.suffix != ".part":
            yield below.as_posix(), path


def _images(images: Blobs | None) -> Iterator[tuple[str, Path]]:
    """Images that lie elsewhere, each fetched when its turn comes; by the path that they have in a PDC_HOME."""
    if images is None:
        return
    for key in images.all_keys():
        with suppress(FileNotFoundError):  # removed meanwhile
            yield f"{IMAGES}/{sharded(key)}", images.local(key)


def _move(folder: Path, images: Blobs) -> None:
    """Out of a restored PDC_HOME to where images are kept."""
    here = FolderBlobs(folder)
    for key in here.all_keys():
        images.write(key, here.local(key).read_bytes())
    shutil.rmtree(folder, ignore_errors=True)


class _Counted:
    """A file that is read up to a length, with the hash of what was read: one that grows meanwhile does no harm."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.left, self.hash = file, size, hashlib.sha256()

    def read(self, n: int = -1) -> bytes:
        data = self.file.read(self.left if n < 0 else min(n, self.left))
        self.left -= len(data)
        self.hash.update(data)
        return data


def _add(tar: tarfile.TarFile, name: str, path: Path, before: Mapping[str, tuple[str, int]]) -> tuple[str, int]:
    """A second name of a file that is in the archive `before`, as a training gives to images, is kept as that."""
    with path.open("rb") as file:
        about = tar.gettarinfo(arcname=name, fileobj=file)
        about.uname = about.gname = ""
        about.uid = about.gid = 0
        if about.islnk():
            if hashlib.file_digest(file, "sha256").hexdigest() == before[about.linkname][0]:
                tar.addfile(about)
                return before[about.linkname]
            about.type, about.linkname, about.size = tarfile.REGTYPE, "", file.tell()  # it got the number of one that went
            file.seek(0)
        counted = _Counted(file, about.size)
        tar.addfile(about, counted)  # type: ignore[arg-type]
    return counted.hash.hexdigest(), about.size


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """A file, or a second name of one; nothing else is made, and nothing outside the folder. Before 3.11.4, as on Debian 12,
    Python's tarfile has no filter that sees to that."""
    target = folder / member.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"{member.name!r} leads outside")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if member.islnk():
        try:
            target.hardlink_to(folder / member.linkname)
        except OSError:  # this disk has no second names
            shutil.copyfile(folder / member.linkname, target)
    elif member.isfile() and (file := tar.extractfile(member)):
        with file, target.open("wb") as out:
            shutil.copyfileobj(file, out, PIECE)
        target.chmod(member.mode & 0o755)
        os.utime(target, (member.mtime, member.mtime))


def _hash_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, int]:
    file, whole = tar.extractfile(member), hashlib.sha256()
    assert file is not None
    while piece := file.read(PIECE):
        whole.update(piece)
    return whole.hexdigest(), member.size


def _manifest(tar: tarfile.TarFile) -> Manifest:
    file = tar.extractfile(MANIFEST)
    assert file is not None
    said = json.load(file)
    if said.pop("format") != FORMAT:
        raise ValueError("format")
    return Manifest(**{**said, "files": {name: (h, n) for name, (h, n) in said["files"].items()}})
