"""The engine: SQLite's settings, one writer, transactions, and the sentences for what can go wrong.

SQLite: WAL and synchronous=FULL, so that an acknowledged write survives kill and power failure; every write begins with
BEGIN IMMEDIATE behind one lock, so that writers queue instead of failing; readers see a snapshot and never wait. The
`pysqlite3` driver is preferred because it carries a SQLite without the WAL-reset bug of 3.7.0 to 3.51.2. How PostgreSQL keeps
the same promises is told in `pdc.store.engines.postgresql`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from threading import BoundedSemaphore, RLock, local
from types import ModuleType
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import URL, ColumnElement, Connection, Engine, Select, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError, StatementError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.pool import QueuePool, StaticPool

from pdc.domain.errors import DiskFull, PdcError, StoreUnavailable
from pdc.domain.message import Message
from pdc.store.audit.chain import Chain, RecordedSession
from pdc.store.engines import postgresql
from pdc.store.engines.hints import HintedCompiler

BUSY_SECONDS = 15.0
MOMENTS = 2  # that a process has at a time: with more, each waits longer for the others than for the database
_WRITE, _MIGRATES = "pdc_write", "pdc_migrates"
READERS, KNOWN = "readers", "known"
Columns = TypeVarTuple("Columns")
T = TypeVar("T")


class Database:
    """An open database of the newest schema. Thread-safe; give every process its own."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        self._engine, self._chain = engine, chain
        self._writer = engine.execution_options(**{_WRITE: True})
        self._reader = engine if is_sqlite(engine) else postgresql.reader_of(engine)
        self._write_lock = RLock()
        self._read_lock = self._write_lock if isinstance(engine.pool, StaticPool) else nullcontext()
        self._here = local()
        self._moments = BoundedSemaphore(MOMENTS)

    def close(self) -> None:
        """Give back every connection. The last one to close folds the write-ahead log into the file."""
        self._engine.dispose()
        self._chain.anchor.close()

    def size(self) -> int:
        """Bytes that the database takes, without the images."""
        if is_sqlite(self._engine):
            return sqlite_size(self._engine.url)
        with sentences(self._engine.url), self._reader.connect() as connection:
            return postgresql.size(connection)

    def connections(self) -> int:
        """How many connections are in use now."""
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 1

    @contextmanager
    def _write(self, *, aside: bool = False) -> Iterator[RecordedSession]:
        """One transaction that may write; it is on disk when the block ends, with its links in the chain, or nothing of it is.
        `aside`: of what `once` keeps nothing depends on it, so a `moment` goes on knowing that."""
        with self._forgetting(aside), self._write_lock, sentences(self._engine.url), self._recorded() as session:
            yield session
            session.flush()
            head = self._chain.append(session.connection(), session.entries())
            session.commit()
            if head:
                self._chain.anchor.write(head)

    def _recorded(self) -> RecordedSession:
        return RecordedSession(self._writer, expire_on_commit=False)

    @contextmanager
    def _read(self) -> Iterator[Session]:
        """One snapshot: within a `moment` always the same."""
        moment: Moment | None = getattr(self._here, "moment", None)
        with self._read_lock, sentences(self._engine.url):
            if moment is None:
                with Session(self._reader) as session:
                    yield session
                return
            session = moment.enter(self._reader)
            try:
                yield session
            except BaseException:
                moment.end()
                raise
            finally:
                moment.leave(session)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Meanwhile all that this thread reads is of one moment, and `once` reads nothing twice. A write of this thread ends the
        moment; the next read begins another, and goes on with what `once` kept where that was written `aside`. Only for work that
        waits for nothing but the database. So only a few are had at a time: more threads would take longer for the same, as they
        wait for each other's steps."""
        if isinstance(self._engine.pool, StaticPool) or getattr(self._here, "moment", None):
            yield
            return
        with self._moments:
            self._here.moment = moment = Moment()
            try:
                yield
            finally:
                self._here.moment = None
                moment.end()

    def read_anew(self) -> None:
        """The next read of this thread sees what others have written until then, also within a `moment`."""
        if moment := getattr(self._here, "moment", None):
            moment.end()

    def of_moment(self, asked: Hashable, read: Callable[[], T]) -> T:
        """What `read` returns; within a `moment` it is asked once. It has to be a value that nobody changes."""
        if getattr(self._here, "moment", None) is None:
            return read()
        with self._read() as session:
            return once(session, asked, read)

    @contextmanager
    def _forgetting(self, aside: bool) -> Iterator[None]:
        """A write: whatever was read before it is out of date, but for what `once` kept where it was written `aside`."""
        moment: Moment | None = getattr(self._here, "moment", None)
        if moment is None:
            yield
            return
        moment.end(knowing=aside)
        try:
            yield
        finally:
            moment.end(knowing=aside)


class Moment:
    """The snapshot that a thread reads from until it writes or is done."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._known: dict[Hashable, Any] = {}  # what the next snapshot is not asked again

    def enter(self, engine: Engine) -> Session:
        """The snapshot, for one more reader of it."""
        if self._session is None:
            self._session = Session(engine, info={READERS: 0, KNOWN: self._known})
        self._session.info[READERS] += 1
        return self._session

    def leave(self, session: Session) -> None:
        """Who read it is done; where the moment is over, the last one closes it."""
        session.info[READERS] -= 1
        self._close(session)

    def end(self, *, knowing: bool = False) -> None:
        """The next reader gets another snapshot, and with `knowing` what `once` kept of this one."""
        session, self._session = self._session, None
        known = session.info[KNOWN] if session else self._known
        self._known = dict(known) if knowing else {}
        if session is not None:
            self._close(session)

    def _close(self, session: Session) -> None:
        if session is not self._session and not session.info[READERS]:
            session.close()


def once(session: Session, asked: Hashable, read: Callable[[], T]) -> T:
    """What `read` returns, kept for as long as this snapshot is read: it has to be a value that nobody changes."""
    known: dict[Hashable, T] = session.info.setdefault(KNOWN, {})
    if asked not in known:
        known[asked] = read()
    return known[asked]


def pieces(values: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """The values, as many at a time as a query takes."""
    waiting = iter(values)
    while piece := list(islice(waiting, size)):
        yield piece


def each_once(session: Session, column: InstrumentedAttribute[Any], *where: ColumnElement[bool]) -> Iterator[Any]:
    """The values of an indexed column, each once: of few values among many rows each is one look into the index."""
    value = session.scalar(select(func.min(column)).where(*where))
    while value is not None:
        yield value
        value = session.scalar(select(func.min(column)).where(*where, column > value))


Images = str | Collection[str] | None
"""one image by its sha256, some (a few hundred), or all"""


def some(images: Images) -> Hashable:
    """The same for `once`."""
    return images if images is None or isinstance(images, str) else frozenset(images)


def of_image(query: Select[*Columns], column: InstrumentedAttribute[str], images: Images) -> Select[*Columns]:
    """The query for these images, or as it is."""
    return query.where(*among(column, images))


def among(column: InstrumentedAttribute[Any], images: Images) -> tuple[ColumnElement[bool], ...]:
    """That a row is of these images."""
    if images is None:
        return ()
    return (column == images,) if isinstance(images, str) else (column.in_(images),)


def open_engine(url: str, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine for any SQLAlchemy URL, or StoreUnavailable saying what is wrong with it."""
    try:
        parsed = make_url(url)
        make = {"sqlite": _sqlite_engine, "postgresql": postgresql.make_engine}[parsed.get_backend_name()]
        engine = make(parsed, busy_seconds)
        event.listen(engine, "begin", _begin)
        return engine
    except (ArgumentError, NoSuchModuleError, KeyError):
        raise StoreUnavailable("The database URL {url} cannot be used; see PDC_DATABASE_URL.", url=repr(_hidden(url))) from None
    except ModuleNotFoundError as error:
        raise StoreUnavailable(
            "The database URL needs the Python package {name}; install it with pip.", name=repr(error.name)
        ) from None


def is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    options: dict[str, Any] = {"module": sqlite_driver(), "connect_args": {"timeout": busy_seconds}, "hide_parameters": True}
    if _in_memory(url):
        options |= {"poolclass": StaticPool}
        options["connect_args"]["check_same_thread"] = False
    else:
        _make_folder(url)
        options |= {"pool_size": 8, "max_overflow": 64}
    engine = create_engine(url, **options)
    engine.dialect.statement_compiler = HintedCompiler
    event.listen(engine, "connect", _configure)
    if not _in_memory(url):
        with sentences(url):
            _use_wal(engine, busy_seconds)
    return engine


def sqlite_driver() -> ModuleType:
    """The module that speaks to SQLite files."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2


def _in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def sqlite_size(url: URL) -> int:
    """Bytes of the file and its write-ahead log; 0 for one in memory."""
    files = () if _in_memory(url) else (Path(f"{url.database}{end}") for end in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.is_file())


def _make_folder(url: URL) -> None:
    if url.database is None or url.database.startswith("file:"):
        return
    folder = Path(url.database).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            "The database's folder {path} cannot be made ({why}); choose another with PDC_HOME.", path=folder, why=error.strerror
        ) from None


def _configure(connection: Any, _record: object) -> None:
    """Every new SQLite connection: our own BEGIN, and the settings that are not kept in the file."""
    connection.isolation_level = None
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes = options.get(_WRITE)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        postgresql.wait_for_turn(connection, patient=bool(options.get(_MIGRATES)))


def _use_wal(engine: Engine, busy_seconds: float) -> None:
    """Write-ahead log, kept in the file. SQLite does not wait for another process doing the same, so we do."""
    deadline = time.monotonic() + busy_seconds
    raw = engine.raw_connection()
    try:
        while True:
            try:
                raw.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite_driver().OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        raw.close()


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """One write transaction for a migration: foreign keys are off, or rebuilding a table would delete its children."""
    connection = engine.execution_options(**{_WRITE: True, _MIGRATES: True}).connect()
    try:
        if is_sqlite(engine):
            _pragma(connection, "foreign_keys=OFF")
        with connection.begin():
            yield connection
            if is_sqlite(engine) and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StoreUnavailable("The database has rows without their parents; restore a backup of it.")
    finally:
        if is_sqlite(engine):
            _pragma(connection, "foreign_keys=ON")
        connection.close()


def _pragma(connection: Connection, words: str) -> None:
    """Outside any transaction, past SQLAlchemy, which would begin one."""
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA {words}")
    cursor.close()


@contextmanager
def sentences(url: URL) -> Iterator[None]:
    """What a database refuses, as StoreUnavailable. A broken constraint stays as it is: that is a fault of ours."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        said = str(error.orig).lower()
        known = any(words in said for words, _ in postgresql.MEANINGS)
        if not known and type(error).__name__ not in ("OperationalError", "InterfaceError", "DatabaseError"):
            raise
        raise _refused(said, url) from error
    except StatementError as error:  # a value that a column refuses
        raise (error.orig if isinstance(error.orig, PdcError) else error) from None
    except sqlite_driver().Error as error:  # from a connection that SQLAlchemy did not get to see yet
        raise _refused(str(error).lower(), url) from error
    except SQLAlchemyError as error:
        if type(error).__name__ != "TimeoutError":
            raise
        raise StoreUnavailable("The database is busy with too many readers; try again in a moment.") from error


def _refused(said: str, url: URL) -> StoreUnavailable:
    kind = DiskFull if any(words in said for words in _NO_ROOM) else StoreUnavailable
    return kind(_sentence(said, url))


def _sentence(said: str, url: URL) -> Message:
    where = url.database if url.get_backend_name() == "sqlite" else _hidden(url)
    for words, meaning in _MEANINGS if url.get_backend_name() == "sqlite" else _SERVER_MEANINGS:
        if words in said:
            return Message(meaning, path=where)
    return Message("The database {path} does not answer as it should ({why}); run `python -m pdc doctor`.", path=where, why=said)


_NO_ROOM = ("is full", "no space left", "disk full", "could not extend")
_MEANINGS = (
    ("locked", "The database {path} is locked by another program; close that program, then try again. Nothing was saved."),
    ("full", "The database {path} cannot grow because the disk is full; free some space, then try again. Nothing was saved."),
    (
        "readonly",
        "The database {path} may not be written; give this user the right to write the file and its folder. Nothing was saved.",
    ),
    ("unable to open", "The database {path} cannot be opened; check that its folder exists and that this user may write there."),
    ("not a database", "The database {path} is not a database; restore a backup, or choose another file with PDC_DATABASE_URL."),
    ("malformed", "The database {path} is damaged; restore a backup of it."),
    (
        "disk i/o",
        "The database {path} cannot be read or written because the disk reports an error; check the disk. Nothing was saved.",
    ),
)
_SERVER_MEANINGS = (
    *postgresql.MEANINGS,
    ("connect", "The database {path} cannot be reached; check that its server runs and that PDC_DATABASE_URL is right."),
)


def _hidden(url: URL | str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return str(url)
