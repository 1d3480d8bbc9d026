"""`pdc backup` and `pdc restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.settings import Settings
    from pdc.store.audit.kinds import AuditKind
    from pdc.store.backups.archive import Manifest

OTHER = "PDC_DATABASE_URL names a database that PDC cannot copy. Back it up by its own means, then copy PDC_HOME, in this order."


def backup(
    archive: Annotated[Path, typer.Argument(metavar="FILE.tar", help="A new file, or a folder; best on another disk.")],
    keep: Annotated[int, typer.Option(min=0, help="In a folder: how many backups stay there; 0: all.")] = 0,
) -> int:
    """Put everything that is kept into one file, while the app goes on working, and check it. In a folder the file is named by
    the time."""
    from pdc.compose import images_elsewhere
    from pdc.settings import Settings
    from pdc.store.audit.kinds import AuditKind
    from pdc.store.backups.archive import make
    from pdc.store.backups.rotation import name_now, remove_old

    settings = Settings.from_env()
    file = archive / name_now() if archive.is_dir() else archive
    print(f"{file} is whole: {_told(make(settings.home, file, _server(settings), images_elsewhere(settings)))}.")
    if file != archive and keep:
        for old in remove_old(archive, keep):
            print(f"{old} is removed.")
    _note(settings, AuditKind.BACKED_UP, file)
    return DONE


def restore(archive: Annotated[Path, typer.Argument(metavar="FILE.tar", help="A backup.")]) -> int:
    """Check a backup and bring it back into PDC_HOME, which has to be empty. Everybody logs in anew."""
    from pdc.compose import images_elsewhere
    from pdc.settings import Settings
    from pdc.store.audit.kinds import AuditKind
    from pdc.store.backups.archive import restore as bring_back

    settings = Settings.from_env()
    manifest = bring_back(archive, settings.home, _server(settings), images_elsewhere(settings))
    print(f"{settings.home} is restored: {_told(manifest)}.")
    _note(settings, AuditKind.RESTORED, archive)
    return DONE


def _note(settings: Settings, kind: AuditKind, file: Path) -> None:
    """Into the record, unless the database is an older version's, which a backup leaves as it is."""
    from pdc.compose import open_store
    from pdc.store.database import open_engine
    from pdc.store.schema import is_current

    engine = open_engine(settings.url)
    current = is_current(engine)
    engine.dispose()
    if current:
        store = open_store(settings)
        store.record_event(kind, account_name(), file=file.name)
        store.close()


def _server(settings: Settings) -> str:
    """The URL of a PostgreSQL database; empty where the database is a file in PDC_HOME."""
    if settings.database_url and not settings.database_url.startswith("postgresql"):
        raise BadSetting(OTHER)
    return settings.database_url


def _told(manifest: Manifest) -> str:
    rows = manifest.rows
    return f"{rows.get('images', 0)} images, {rows.get('reviews', 0)} reviews, {len(manifest.files)} files"
