"""A copy of a SQLite database as it is at one moment, made while others read and write it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from pdc.domain.errors import StoreUnavailable
from pdc.store.audit.anchor import Head
from pdc.store.database import sentences, sqlite_driver

PAGES = 2000  # copied at once; a writer waits for no longer than that takes
WAIT_SECONDS = 0.01


def snapshot(source: Path, target: Path) -> None:
    """Copy the database file `source` into `target`, which is not there yet. StoreUnavailable where the copy is not sound."""
    if not source.is_file():
        raise StoreUnavailable("There is no database {path}.", path=source)
    with sentences(make_url(f"sqlite:///{source}")):
        driver = sqlite_driver()
        with closing(driver.connect(str(source), timeout=15)) as live, closing(driver.connect(str(target))) as copy:
            live.backup(copy, pages=PAGES, sleep=WAIT_SECONDS)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    check(target)


def check(path: Path) -> dict[str, int]:
    """How many rows each table of a database file has. StoreUnavailable where the file is damaged."""
    with sentences(make_url(f"sqlite:///{path}")), closing(sqlite_driver().connect(f"file:{path}?mode=ro", uri=True)) as copy:
        said = [row[0] for row in copy.execute("PRAGMA integrity_check")]
        if said != ["ok"] or copy.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreUnavailable("The database {path} is damaged; use another backup.", path=path)
        tables = [row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def last_link(path: Path) -> Head | None:
    """The last link of the record in a database file; None where it is older than the record."""
    with sentences(make_url(f"sqlite:///{path}")), closing(sqlite_driver().connect(f"file:{path}?mode=ro", uri=True)) as copy:
        if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit_links'").fetchone():
            return None
        found = copy.execute("SELECT n, mac FROM audit_links ORDER BY n DESC LIMIT 1").fetchone()
        return Head(*found) if found else None
