"""`pdc backup` and `pdc restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.settings import Settings
    from pdc.store.backups.archive import Manifest

POSTGRES = (
    "PDC_DATABASE_URL names another database than SQLite. Back it up by its own means, such as pg_dump, then copy PDC_HOME, in "
    "this order."
)


def backup(archive: Annotated[Path, typer.Argument(metavar="FILE.tar", help="A new file, best on another disk.")]) -> int:
    """Put everything that is kept into one file, while the app goes on working, and check it."""
    from pdc.settings import Settings
    from pdc.store.backups.archive import make

    print(f"{archive} is whole: {_told(make(_home(Settings.from_env()), archive))}.")
    return DONE


def restore(archive: Annotated[Path, typer.Argument(metavar="FILE.tar", help="A backup.")]) -> int:
    """Check a backup and bring it back into PDC_HOME, which has to be empty. Everybody logs in anew."""
    from pdc.settings import Settings
    from pdc.store.backups.archive import restore as bring_back

    home = _home(Settings.from_env())
    print(f"{home} is restored: {_told(bring_back(archive, home))}.")
    return DONE


def _home(settings: Settings) -> Path:
    if settings.database_url:
        raise BadSetting(POSTGRES)
    return settings.home


def _told(manifest: Manifest) -> str:
    rows = manifest.rows
    return f"{rows.get('images', 0)} images, {rows.get('reviews', 0)} reviews, {len(manifest.files)} files"
