"""A copy of a PostgreSQL database as it is at one moment, by the programs that come with it: pg_dump and pg_restore."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, func, inspect, select, table

from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.store.audit.anchor import Head
from pdc.store.audit.chain import HEAD
from pdc.store.audit.tables import LINKS
from pdc.store.database import open_engine, sentences
from pdc.store.engines.postgresql import reader_of


def dump(url: str, target: Path) -> tuple[dict[str, int], Head | None]:
    """Write the database into the file `target`; how many rows each table had at that moment, and the last link of the record.
    StoreUnavailable where the copy is not sound."""
    with _connected(url, reads=True) as connection:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # it waits while pg_dump reads
        state = _state(connection)
        moment = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar()
        _run("pg_dump", connection.engine.url, "--format=custom", f"--snapshot={moment}", f"--file={target}")
    check_dump(target)
    return state


def check_dump(path: Path) -> None:
    """StoreUnavailable where `path` is no dump that can be read to its end."""
    _run("pg_restore", None, "--file", os.devnull, str(path))


def load(path: Path, url: str) -> tuple[dict[str, int], Head | None]:
    """Bring a dump back into an empty database, all or nothing; what it holds then. BadSetting where it holds something."""
    with _connected(url) as connection:
        if inspect(connection).get_table_names():
            raise BadSetting("The database that PDC_DATABASE_URL names is not empty; make a new one to restore into.")
        connection.rollback()
        _run(
            "pg_restore",
            connection.engine.url,
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
            str(path),
        )
    with _connected(url) as connection:
        return _state(connection)


@contextmanager
def _connected(url: str, reads: bool = False) -> Iterator[Connection]:
    engine = open_engine(url)
    try:
        with sentences(engine.url), (reader_of(engine) if reads else engine).connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _state(connection: Connection) -> tuple[dict[str, int], Head | None]:
    names = sorted(inspect(connection).get_table_names())
    rows = {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}
    last = connection.execute(HEAD).first() if LINKS.name in rows else None
    return rows, Head(last.n, last.mac) if last else None


def _run(program: str, url: URL | None, *arguments: str) -> None:
    """One of PostgreSQL's programs, on a database if one is named; its password is on no command line."""
    command, env = [program, *arguments], {**os.environ, "LC_MESSAGES": "C"}
    if url is not None:
        plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query).render_as_string()
        command, env = [*command, f"--dbname={plain}"], {**env, **({"PGPASSWORD": url.password} if url.password else {})}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        raise StoreUnavailable(
            "A backup of PostgreSQL needs the program {name}; install its client, such as postgresql-client.", name=program
        ) from None
    if done.returncode:
        raise StoreUnavailable("{name} failed: {why}", name=program, why=done.stderr.strip()[-300:])
