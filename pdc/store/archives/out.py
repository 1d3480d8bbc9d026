"""Everything that is kept goes into one zip: the rows as they were at one moment, then the files that they are about.

Nothing is held in memory but a piece of a file and the zip's list of names. The archive is read back before it gets its name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sqlalchemy import Column, ColumnElement, Table, Text, collate, func, select
from sqlalchemy.orm import Session

from pdc import __version__
from pdc.blobs.base import Blobs
from pdc.blobs.folder import FolderBlobs
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message
from pdc.domain.progress import Progress, unseen
from pdc.files import sentences
from pdc.store.archives import kinds
from pdc.store.archives.archive import Archive, KeptFile
from pdc.store.archives.lines import line_of
from pdc.store.archives.manifest import FILES, MANIFEST, Listed, Manifest, kept_file, table_file
from pdc.store.database import Database
from pdc.store.schema import revision_of

IMAGES = "images"
FOLDERS = ("protocols", "sets", "cards")
"""what lies in PDC_HOME beside the database and the images, and goes into every archive"""
WEIGHTS = ("runs", "experts")
"""what goes into it on demand: it may be many gigabytes"""
EPOCH = (1980, 1, 1, 0, 0, 0)
PIECE = 1 << 20
ROWS = 500  # read at once
NO_WEIGHTS = "The weights of adapters and of added experts are left out, {n} files; --weights takes them too."
NO_LOGINS = "Passwords are left out, so users need new ones; --logins takes their hashes too."
HELD_BACK = "{n} images that are held back are left out, with all that is about them."
NOT_HERE = "{n} images have no file in PDC's folder; their rows are there."


def write_archive(
    store: Database,
    home: Path,
    archive: Path,
    *,
    weights: bool = False,
    logins: bool = False,
    without: Collection[str] = (),
    images: Blobs | None = None,
    progress: Progress = unseen,
) -> Manifest:
    """Put everything that the store and `home` keep into the file `archive`, which is not there yet, and read it back.

    `images`: what keeps them outside `home`. `without`: the sha256 of images that are left out, with all that is about them.
    BadSetting where the file is there already or lies in `home`; StoreUnavailable where it cannot be written.
    """
    if archive.exists():
        raise BadSetting("{path} is there already; choose another name for the archive.", path=archive)
    if home.resolve() in archive.resolve().parents:
        raise BadSetting("{path} lies in PDC_HOME, which it is made of; choose a place outside it.", path=archive)
    part = archive.with_name(archive.name + ".part")
    with sentences(archive):
        archive.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("w+b") as out:
                with ZipFile(out, "w") as target:
                    kept = images or FolderBlobs(home / IMAGES)
                    writing = _Out(target, home, kept, progress, frozenset(without))
                    manifest = writing.write(store, weights=weights, logins=logins)
                out.flush()
                os.fsync(out.fileno())
            with Archive(part) as written:
                written.check(progress)
            part.rename(archive)
        finally:
            part.unlink(missing_ok=True)
    return manifest


class _Out:
    """An archive that is being written."""

    def __init__(self, target: ZipFile, home: Path, images: Blobs, progress: Progress, without: frozenset[str]) -> None:
        self.target, self.home, self.images, self.progress, self.without = target, home, images, progress, without
        self.gone = {"images": set(without)}
        self.files_gone = {f"images/{sha}.png" for sha in without}

    def write(self, store: Database, *, weights: bool, logins: bool) -> Manifest:
        with store._read() as session:
            chosen = kinds.tables(logins)
            tables = {t.name: self._lines(table_file(t.name), self._rows(session, t, logins)) for t in chosen}
            held = self._held(session)
            schema, images = revision_of(session.connection()), set(_shas(session)) - self.gone["images"]
        listed = self._files(FOLDERS + (WEIGHTS if weights else ()))
        files = self._lines(FILES, map(line_of, map(asdict, listed)))
        here = {Path(f.path).stem for f in listed if Path(f.path).parent == Path("images")}
        left = _left_out(self.home, weights, logins, len(images - here), held)
        manifest = Manifest(datetime.now(UTC).isoformat(), __version__, schema, logins, tables, files, left)
        self.target.writestr(_info(MANIFEST), json.dumps(manifest.to_json(), indent=1, ensure_ascii=False))
        return manifest

    def _held(self, session: Session) -> int:
        return len(self.gone["images"] & set(_shas(session)))

    def _rows(self, session: Session, table: Table, logins: bool) -> Iterator[bytes]:
        secrets = {} if logins else kinds.kind_of(table.name).secrets
        total = session.execute(select(func.count()).select_from(table)).scalar_one()
        rows = session.execute(_in_order(table, session), execution_options={"yield_per": ROWS}).mappings()
        for n, row in enumerate(rows):
            if n % ROWS == 0:
                self.progress(f"Archiving {table.name}", n, total)
            if not self.without or not self._is_gone(table, row):
                yield line_of({**row, **secrets})
        self.progress(f"Archiving {table.name}", total, total)

    def _is_gone(self, table: Table, row: Mapping[Any, Any]) -> bool:
        """Whether the row is about something that is left out; then so is what refers to it."""
        kind = kinds.kind_of(table.name)
        refers = {**dict.fromkeys(("sha256", "image_sha256"), ("images",)), **kind.refers}
        names = [(row.get(column), named) for column, tables in refers.items() for named in tables]
        told = row["text"] if table.name == "count_sheets" else ""
        if not any(n in self.gone.get(named, ()) for n, named in names) and not any(sha in told for sha in self.without):
            return False
        self.gone.setdefault(table.name, set()).update(row[column] for column in kind.key[:1])
        if table.name == "views":
            self.files_gone.add(f"images/raw/{json.loads(row['view']).get('raw')}.tif")
        return True

    def _lines(self, name: str, lines: Iterable[bytes]) -> Listed:
        rows, whole = 0, hashlib.sha256()
        with self.target.open(_info(name), "w", force_zip64=True) as file:
            for line in lines:
                file.write(line)
                whole.update(line)
                rows += 1
        return Listed(rows, whole.hexdigest())

    def _files(self, folders: tuple[str, ...]) -> list[KeptFile]:
        """Copy them; each as its line says."""
        pictures = {f"{IMAGES}/{key}": key for key in sorted(self.images.all_keys())}
        names = [name for name in (*pictures, *_kept(self.home, folders)) if name not in self.files_gone]
        listed: list[KeptFile] = []
        for n, name in enumerate(names):
            self.progress("Archiving files", n, len(names))
            with suppress(FileNotFoundError):  # removed meanwhile
                listed.append(self._file(name, self.images.local(pictures[name]) if name in pictures else self.home / name))
        self.progress("Archiving files", len(names), len(names))
        return listed

    def _file(self, name: str, path: Path) -> KeptFile:
        whole, size = hashlib.sha256(), 0
        with path.open("rb") as source, self.target.open(_info(kept_file(name)), "w", force_zip64=True) as file:
            while piece := source.read(PIECE):
                file.write(piece)
                whole.update(piece)
                size += len(piece)
        return KeptFile(name, whole.hexdigest(), size)


def _in_order(table: Table, session: Session):
    """By primary key; text by its bytes, so that every database gives the same order."""
    c_order = session.get_bind().dialect.name == "postgresql"

    def by(column: Column[Any]) -> ColumnElement[Any]:
        return collate(column, "C") if c_order and isinstance(kinds.stored_as(column), Text) else column

    return select(table).order_by(*map(by, table.primary_key.columns))


def _shas(session: Session) -> Iterator[str]:
    images = next(t for t in kinds.tables(False) if t.name == "images")
    return iter(session.execute(select(images.c.sha256)).scalars())


def _kept(home: Path, folders: Iterable[str]) -> Iterator[str]:
    """Every whole file in these folders of `home`, by its path there."""
    for folder in folders:
        for path in sorted((home / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix != ".part":
                yield path.relative_to(home).as_posix()


def _left_out(home: Path, weights: bool, logins: bool, no_file: int, held: int) -> tuple[str, ...]:
    heavy = 0 if weights else sum(1 for _ in _kept(home, WEIGHTS))
    said = [Message(NO_WEIGHTS, n=heavy)] if heavy else []
    said += [] if logins else [Message(NO_LOGINS)]
    said += [Message(NOT_HERE, n=no_file)] if no_file else []
    said += [Message(HELD_BACK, n=held)] if held else []
    return tuple(map(str, said))


def _info(name: str) -> ZipInfo:
    """The same contents are the same zip; images are stored as they are, for PNG does not get smaller."""
    info = ZipInfo(name, EPOCH)
    info.external_attr = 0o600 << 16
    info.compress_type = ZIP_STORED if name.endswith((".png", ".safetensors", ".onnx")) else ZIP_DEFLATED
    return info
