"""Bring a database to the newest schema with alembic, from inside the program: there is no alembic.ini."""

from __future__ import annotations

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

MIGRATIONS = Path(__file__).parent / "migrations"
_alembic_is_global = Lock()


def migrate(engine: Engine, chain: Chain) -> None:
    """Upgrade to the newest revision, in one transaction; a second process waits for it, then finds nothing to do. What stands
    in tables that the chain does not know yet is sealed as it was found."""
    with sentences(engine.url), _alembic_is_global:
        with engine.connect() as connection:
            if _is_newest(connection):
                return
            _keep_old(engine, connection)
        with migrating(engine) as connection:
            _upgrade(connection)
            head = chain.seal_found(connection)
    if head:
        chain.anchor.write(head)


def _keep_old(engine: Engine, connection: Connection) -> None:
    """A copy of a SQLite database from before it is changed, in `backups` beside it."""
    from alembic.runtime.migration import MigrationContext

    heads, file = MigrationContext.configure(connection).get_current_heads(), engine.url.database
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


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _is_newest(connection: Connection) -> bool:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config()).get_heads()
    return list(MigrationContext.configure(connection).get_current_heads()) == newest


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
