"""A store as an earlier version left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from pdc.store.schema import _config

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
BESIDE = "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL"


def put_back(path: Path, revision: str) -> None:
    """The SQLite database as it was at that revision: without the tables and columns that came later."""
    old = path.with_name(f"{path.stem}-{revision}.sqlite3")
    _make(old, revision)
    with closing(sqlite3.connect(path)) as database, closing(sqlite3.connect(old)) as before:
        _put_back_beside(database, before)
        known, now = _columns(before), _columns(database)
        for table in sorted(now.keys() - known.keys()):  # the tables of a search index go with it
            database.execute(f"DROP TABLE IF EXISTS {table}")
        for table in known:
            for column in now[table] - known[table]:
                database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        database.commit()


def _put_back_beside(database: sqlite3.Connection, before: sqlite3.Connection) -> None:
    """Triggers and indexes as they were: a migration that makes one finds its name free."""
    for kind in ("trigger", "index"):
        now, then = (dict(of.execute(BESIDE, (kind,))) for of in (database, before))
        for name in (name for name, text in now.items() if then.get(name) != text):
            database.execute(f"DROP {kind} {name}")
            if name in then:
                database.execute(then[name])


def _make(path: Path, revision: str) -> None:
    config, engine = _config(), create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def _columns(database: sqlite3.Connection) -> dict[str, set[str]]:
    tables = [name for (name,) in database.execute(TABLES)]
    return {table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")} for table in tables}
