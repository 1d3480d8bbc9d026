"""Bring a database to the newest schema with alembic, from inside the program: there is no alembic.ini."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from pdc.domain.errors import StoreUnavailable
from pdc.store.audit.chain import Chain
from pdc.store.backups.snapshot import snapshot
from pdc.store.database import migrating, sentences

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
_alembic_is_global = Lock()


def migrate(engine: Engine, chain: Chain, *, bare: bool = False) -> None:
    """Upgrade to the newest revision, in one transaction; a second process waits for it, then finds nothing to do. What stands
    in tables that the chain does not know yet is sealed as it was found.
    `bare`: a new database begins without the labels that PDC knows."""
    with sentences(engine.url), _alembic_is_global:
        with engine.connect() as connection:
            if _is_newest(connection):
                return
            _keep_old(engine, connection)
            bare = bare and not revision_of(connection)
        with migrating(engine) as connection:
            _upgrade(connection)
            if bare:
                _clear(connection)
            head = chain.seal_found(connection)
    if head:
        chain.anchor.write(head)


def _clear(connection: Connection) -> None:
    """Take out what a new database begins with, past the triggers that refuse it, which are there again afterwards."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
        triggers = [(name, text) for name, text in found if name.startswith("label_events_")]
        off, on = [f"DROP TRIGGER {name}" for name, _ in triggers], [text for _, text in triggers]
    else:
        off, on = ([f"ALTER TABLE label_events {word} TRIGGER USER"] for word in ("DISABLE", "ENABLE"))
    for statement in (*off, "DELETE FROM label_events", "DELETE FROM labels", *on):
        connection.exec_driver_sql(statement)


def _keep_old(engine: Engine, connection: Connection) -> None:
    """A copy of a SQLite database from before it is changed, in `backups` beside it. Of a server's the log says there is none."""
    from alembic.runtime.migration import MigrationContext

    heads, file = MigrationContext.configure(connection).get_current_heads(), engine.url.database
    if heads and engine.dialect.name != "sqlite":
        log.warning("The database is brought from revision %s to this version without a copy. A `pdc backup` is one.", heads[0])
    if not heads or engine.dialect.name != "sqlite" or not file or not Path(file).is_file():
        return
    copy = Path(file).with_name("backups") / f"before-migration-from-{heads[0]}.sqlite3"
    if copy.exists():
        return
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    part = copy.with_suffix(".part")
    part.unlink(missing_ok=True)
    snapshot(Path(file), part)
    part.rename(copy)


def is_current(engine: Engine) -> bool:
    """Whether a database is of this version, so that opening it changes nothing."""
    with sentences(engine.url), engine.connect() as connection:
        return _is_newest(connection)


def revision_of(connection: Connection) -> str:
    """The revision of an open database."""
    from alembic.runtime.migration import MigrationContext

    return ", ".join(MigrationContext.configure(connection).get_current_heads())


def knows(revision: str) -> bool:
    """Whether this program has the migration to a revision: a newer one's it has not."""
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _is_newest(connection: Connection) -> bool:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_heads() == _newest()


@cache
def _newest() -> tuple[str, ...]:
    """The newest revisions of this program; read once, for that takes a tenth of a second."""
    from alembic.script import ScriptDirectory

    return tuple(ScriptDirectory.from_config(_config()).get_heads())


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"The database was made by another version of PDC ({error}); use the version that made it, or a newer one."
        ) from None
