"""`pdc archive out` and `pdc archive in`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name
from pdc.cli.progress import shown

if TYPE_CHECKING:
    from pdc.settings import Settings
    from pdc.store.store import Store

DATABASE = "pdc.sqlite3"

app = typer.Typer(help="Everything that is kept, in a plain form that other programs read too; nothing is lost.")


@app.command("out")
def archive_out(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="A new file.")],
    weights: Annotated[bool, typer.Option("--weights", help="Also training runs, adapters' weights and added experts.")] = False,
    logins: Annotated[bool, typer.Option("--logins", help="Also the hashes of passwords, so that everybody can log in.")] = False,
    for_others: Annotated[bool, typer.Option("--for-others", help="Without images that are held back.")] = False,
) -> int:
    """Write every table as JSON Lines and every image into one zip, and check it."""
    from pdc.compose import images_elsewhere, open_store
    from pdc.settings import Settings
    from pdc.store.archives.out import write_archive
    from pdc.store.audit.kinds import AuditKind

    settings = Settings.from_env()
    store = open_store(settings)
    without = store.held_back() if for_others else ()
    with shown() as progress:
        asked = {"weights": weights, "logins": logins, "without": without, "images": images_elsewhere(settings)}
        made = write_archive(store, settings.home, file, **asked, progress=progress)
    rows = {name: table.rows for name, table in made.tables.items()}
    print(f"{file} is whole: {rows['images']} images, {rows['reviews']} reviews, {made.files.rows} files.")
    store.record_event(AuditKind.ARCHIVED, account_name(), file=file.name, for_others=for_others, logins=logins)
    for sentence in made.left_out:
        print(sentence)
    return DONE


@app.command("in")
def archive_in(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `archive out` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace/--keep", help="Where both have reviews of a question, whose count from now on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come in, and store nothing.")] = False,
) -> int:
    """Add what an archive holds to what is here, all or nothing, and say what became of it."""
    from pdc.compose import images_elsewhere
    from pdc.settings import Settings
    from pdc.store.archives.bringing import bring_in
    from pdc.store.audit.kinds import AuditKind

    settings = Settings.from_env()
    with _store_for(settings, dry_run) as store, shown() as progress:
        images = images_elsewhere(settings)
        account = bring_in(store, settings.home, file, replace=replace, dry_run=dry_run, images=images, progress=progress)
        if not dry_run:
            store.record_event(AuditKind.IMPORTED, account_name(), file=file.name, format="archive", rows=account.came)
    for sentence in account.told():
        print(sentence)
    return DONE


@contextmanager
def _store_for(settings: Settings, dry_run: bool) -> Iterator[Store]:
    """The store that an archive comes into. A new one begins bare, and is gone again where nothing came in."""
    from pdc.compose import open_store
    from pdc.store.store import Store

    database = settings.home / DATABASE
    new = not settings.database_url and not database.exists()
    store = Store.open("sqlite://", bare=True) if new and dry_run else open_store(settings, bare=True)
    try:
        yield store
    except BaseException:
        store.close()
        for path in (*settings.home.glob(f"{database.stem}.*"), settings.home / "record.key") if new else ():
            path.unlink(missing_ok=True)
        raise
    store.close()
