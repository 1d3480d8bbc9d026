"""The databases that tests run on: a SQLite file in the test's folder, or a database on a PostgreSQL server of the test session.

The server is started from the binaries that are installed here, on a socket in a folder of its own, never as root. It sorts by
the rules of a language and its clock is not UTC, as servers are found; and it forgets everything when the session ends.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DEBIAN = "/usr/lib/postgresql"
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
SETTINGS = (*FAST, "shared_buffers=32MB", "max_connections=200", "timezone=America/St_Johns", "listen_addresses=")
UNTIL_STDIN_ENDS = '"$@" & server=$!; read -r _; kill -INT $server; wait $server'  # also when this process is killed
START_SECONDS = 60
ROOMY, LEAST_BYTES = "/dev/shm", 2 << 30


class Server:
    """A running PostgreSQL server; each database on it is a copy of an empty one of the newest schema."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder, self._names = binaries, folder, count()
        self._user = "postgres" if hasattr(os, "getuid") and os.getuid() == 0 else None
        self._start()

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def create(self, *, empty: bool = False) -> str:
        """The URL of a new database; an `empty` one has no table."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else 'newest'}")
        return self.url(name)

    def locked(self, url: str, password: str) -> str:
        """The URL of the same database for a user whom the server asks for this password."""
        from urllib.parse import quote

        self.execute("DROP ROLE IF EXISTS locked")
        self.execute(f"CREATE ROLE locked LOGIN SUPERUSER PASSWORD '{password}'")
        return url.replace("postgres@", f"locked:{quote(password, safe='')}@")

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE {url.split('@/')[1].split('?')[0]} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Outside any test's database."""
        import psycopg

        with psycopg.connect(f"postgresql://postgres@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(START_SECONDS)

    def start(self) -> None:
        """Again, or for the first time; returns when it takes connections."""
        options = [word for setting in (*SETTINGS, f"unix_socket_directories={self._folder}") for word in ("-c", setting)]
        command = ["sh", "-c", UNTIL_STDIN_ENDS, "sh", str(self._binaries / "postgres"), "-D", str(self._data), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, **self._as_user)
        self._wait()

    def _start(self) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        as_is = ["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=de-DE"]
        command = [str(self._binaries / "initdb"), "-D", str(self._data), *as_is]
        made = subprocess.run(command, capture_output=True, text=True, **self._as_user)
        assert made.returncode == 0, made.stderr
        rights = self._data / "pg_hba.conf"
        rights.write_text("local all locked scram-sha-256\n" + rights.read_text("utf-8"), "utf-8")
        self.start()
        self.execute("CREATE DATABASE newest TEMPLATE template0")
        from pdc.store import Store

        Store.open(self.url("newest")).close()

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.05)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _as_user(self) -> dict[str, Any]:
        return {"user": self._user, "group": self._user, "extra_groups": [], "cwd": "/"} if self._user else {}


def missing() -> str | None:
    """Why no server can be started here; None where one can."""
    if find_spec("psycopg") is None:
        return "the driver psycopg is not installed"
    return None if binaries() else f"no PostgreSQL server is installed (looked on PATH and in {DEBIAN})"


def binaries() -> Path | None:
    """The folder of the newest server's programs."""
    if os.name == "nt":
        return None  # Unix sockets are taken
    if found := sorted(Path(DEBIAN).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])):
        return found[-1].parent
    return Path(on_path).resolve().parent if (on_path := shutil.which("postgres")) and shutil.which("initdb") else None


@contextmanager
def running() -> Iterator[Server]:
    """A server, from its first to its last moment."""
    folder, where = Path(tempfile.mkdtemp(prefix="pdc-pg-", dir=_in_memory())), binaries()
    assert where is not None
    try:
        server = Server(where, folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> str | None:
    """A folder that is no disk, where there is a roomy one."""
    return ROOMY if Path(ROOMY).is_dir() and shutil.disk_usage(ROOMY).free > LEAST_BYTES else None


_of: Callable[[Path], str] | None = None


def url_of(folder: Path) -> str:
    """The URL of the test's database for this folder: the same folder, the same database."""
    return _of(folder) if _of else f"sqlite:///{folder / 'pdc.sqlite3'}"


def ready_url_of(folder: Path) -> str:
    """The same, but the database has its tables already: SQLite is a copy of an empty one of the newest schema."""
    if _of is None and not (folder / "pdc.sqlite3").exists():
        shutil.copytree(_newest(), folder, dirs_exist_ok=True)
    return url_of(folder)


@cache
def _newest() -> Path:
    """A folder with an empty SQLite database, and with its key."""
    from pdc.store import Store

    folder = Path(tempfile.mkdtemp(prefix="pdc-newest-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}").close()
    return folder


def quick_url_of(folder: Path) -> str:
    """The same, but SQLite stays in memory: nobody opens the database a second time."""
    return _of(folder) if _of else "sqlite://"


@contextmanager
def on_server(server: Server) -> Iterator[None]:
    """Meanwhile `url_of` names databases on this server."""
    global _of
    made: dict[Path, str] = {}

    def of(folder: Path) -> str:
        return made.get(folder) or made.setdefault(folder, server.create())

    _of = of
    try:
        yield
    finally:
        _of = None
        for url in made.values():
            server.drop(url)
