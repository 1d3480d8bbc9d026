"""An archive comes into a store and its PDC_HOME: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pdc import files
from pdc.blobs.base import Blobs
from pdc.blobs.folder import FolderBlobs
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, unseen
from pdc.store.archives import kinds
from pdc.store.archives.account import Account
from pdc.store.archives.archive import Archive, KeptFile
from pdc.store.archives.incoming import Incoming
from pdc.store.archives.out import IMAGES, WEIGHTS
from pdc.store.audit.anchor import Head
from pdc.store.audit.chain import RecordedSession
from pdc.store.database import Database
from pdc.store.schema import knows

FILES = "files"
NEWER = "The archive was made by a newer PDC ({version}); use that version, or a newer one."
CHANGED = "the file here is another one, and stays."
CONTRADICTS = "The archive contradicts itself ({why}); nothing was brought in."


def bring_in(
    store: Database,
    home: Path,
    archive: Path,
    *,
    replace: bool = False,
    dry_run: bool = False,
    images: Blobs | None = None,
    progress: Progress = unseen,
) -> Account:
    """Add what an archive holds; what became of it. With `dry_run` nothing is stored. `images`: what keeps them outside `home`.

    `replace`: where both have revisions of a question, the archive's come after and count. StoreUnavailable when the archive is
    not whole, BadSetting when it cannot be read.
    """
    with Archive(archive) as opened:
        opened.check(progress)
        if not knows(opened.manifest.schema):
            raise BadSetting(NEWER, version=opened.manifest.version)
        account = Account()
        kept = images or FolderBlobs(home / IMAGES)
        with _placing(_Placing(home, kept, opened, account, dry_run)) as placing, _no_contradiction():
            placing.place(lambda file: not file.path.startswith(WEIGHTS))
            with store._write() as session:
                sealing = _Sealing(store, session)
                folders = _rows(Incoming(session, account, sealing, replace=replace), opened, progress)
                placing.place(lambda file: file.path.startswith(WEIGHTS), folders)
                if dry_run:
                    session.rollback()
            if not dry_run:
                sealing.anchor()
        return account


class _Sealing:
    """Links what comes in into this store's record, some rows at a time, so that none are held until the end."""

    def __init__(self, store: Database, session: RecordedSession) -> None:
        self.store, self.session = store, session
        self.head: Head | None = None

    def __call__(self) -> None:
        self.head = self.store._chain.append(self.session.connection(), self.session.entries()) or self.head

    def anchor(self) -> None:
        """Once it is on disk."""
        if self.head:
            self.store._chain.anchor.write(self.head)


def _rows(incoming: Incoming, archive: Archive, progress: Progress) -> dict[str, str]:
    """Bring in the rows; where the files of renamed adapters lie now."""
    tables = kinds.tables(logins=True)
    for n, table in enumerate(tables):
        progress("Bringing in tables", n, len(tables))
        incoming.bring(table, archive.rows(table))
        _advance(incoming.session, table.name, kinds.number_of(table))
    progress("Bringing in tables", len(tables), len(tables))
    return incoming.folders


def _advance(session: Session, table: str, number: str | None) -> None:
    """PostgreSQL numbers the next row itself: after the last one that came in."""
    if number and session.get_bind().dialect.name == "postgresql":
        last = f"(SELECT coalesce(max({number}), 0) + 1 FROM {table})"
        session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', '{number}'), {last}, false)"))


@contextmanager
def _no_contradiction() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise BadSetting(CONTRADICTS, why=str(error.orig).splitlines()[0]) from error


@contextmanager
def _placing(placing: _Placing) -> Iterator[_Placing]:
    """What was placed goes again when the rows do not come in."""
    try:
        yield placing
    except BaseException:
        placing.take_back()
        raise


class _Placing:
    """Files of an archive that get their places below PDC_HOME. A file that is there is never changed."""

    def __init__(self, home: Path, images: Blobs, archive: Archive, account: Account, dry_run: bool) -> None:
        self.home, self.images, self.archive, self.account, self.dry_run = home, images, archive, account, dry_run
        self.placed: list[Path] = []
        self.pictures: list[str] = []

    def place(self, wanted: Callable[[KeptFile], bool], folders: dict[str, str] | None = None) -> None:
        for file in filter(wanted, self.archive.files()):
            if file.path.startswith(f"{IMAGES}/"):
                self._place_image(file, file.path.removeprefix(f"{IMAGES}/"))
            else:
                self._place(file, folders or {})

    def take_back(self) -> None:
        for path in self.placed:
            path.unlink(missing_ok=True)
        for key in self.pictures:
            self.images.remove(key)

    def _place_image(self, file: KeptFile, key: str) -> None:
        if self.images.has(key):
            self.account.here[FILES] += 1
            if files.sha256(self.images.local(key)) != file.sha256:
                self.account.say(FILES, CHANGED, file.path)
            return
        self.account.came[FILES] += 1
        if not self.dry_run:
            self.pictures.append(key)
            self.images.write(key, b"".join(self.archive.pieces(file)))

    def _place(self, file: KeptFile, folders: dict[str, str]) -> None:
        folder = next((old for old in folders if file.path.startswith(f"{old}/")), None)
        path = self.home / (folders[folder] + file.path[len(folder) :] if folder else file.path)
        data = self._named_anew(file, path) if folder and path.name == "pdc.json" else None
        digest = hashlib.sha256(data).hexdigest() if data else file.sha256
        if path.is_file():
            self.account.here[FILES] += 1
            if files.sha256(path) != digest:
                self.account.say(FILES, CHANGED, file.path)
            return
        self.account.came[FILES] += 1
        if not self.dry_run:
            self.placed.append(path)
            files.write_pieces(path, [data] if data else self.archive.pieces(file))

    def _named_anew(self, file: KeptFile, path: Path) -> bytes:
        """An adapter's pdc.json, naming the adapter as its folder is named now."""
        said = json.loads(b"".join(self.archive.pieces(file)))
        return json.dumps({**said, "name": path.parent.parent.name}, indent=2, ensure_ascii=False).encode() + b"\n"
