"""PostgreSQL, made to keep the promises that SQLite keeps: one writer at a time, and one snapshot for each reader.

Writers of all processes queue for one advisory lock before they read anything. So whoever looks first and then adds sees what
the others added, and `seq` is the order in which rows became visible: readers may go on from the last one they have seen. A
writer holds the lock for a few milliseconds. Migrations take it too, so any number of processes may start at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

WRITERS = 0x5044432D31  # the number of the advisory lock
POOL_SIZE, MAX_OVERFLOW = 8, 16  # each process takes as many connections as it needs at once, and at most all of these
IDLE_SECONDS = 60  # a writer whose process stopped in the middle of a transaction is cut off
MEANINGS = (
    ("lock timeout", "The database {path} is kept busy by another program; try again in a moment. Nothing was saved."),
    ("deadlock", "Two programs wrote the same to the database {path}; try again. Nothing was saved."),
    ("read-only transaction", "The database {path} may not be written: its server only reads. Nothing was saved."),
    (
        "no space left",
        "The database {path} cannot grow because the disk is full; free some space, then try again. Nothing was saved.",
    ),
    ("permission denied", "This user may not do that in the database {path}; make PDC's user the owner of its database."),
    ("password authentication failed", "The database {path} refuses the password; set the right one in PDC_DATABASE_URL."),
    ("too many clients", "The database {path} has no connection left; raise its max_connections, or start fewer processes."),
)


def make_engine(url: URL, busy_seconds: float) -> Engine:
    """An engine whose connections are tried before they are used: a server that was restarted is not noticed."""
    with_driver = url if "+" in url.drivername else url.set(drivername="postgresql+psycopg")
    engine = create_engine(
        with_driver, pool_pre_ping=True, pool_size=POOL_SIZE, max_overflow=MAX_OVERFLOW, hide_parameters=True
    )  # parameters are names and findings: no error, and so no log, shows them

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{int(busy_seconds * 1000)}ms'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        connection.commit()

    return engine


def reader_of(engine: Engine) -> Engine:
    """The same connections for reading: all queries of one transaction see one moment."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def wait_for_turn(connection: Connection, patient: bool) -> None:
    """Begins every transaction that writes; the lock goes when it ends. The `patient` wait for as long as a migration takes."""
    if patient:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")


def size(connection: Connection) -> int:
    """Bytes that the whole database takes on its server."""
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
