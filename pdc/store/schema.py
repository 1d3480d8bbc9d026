"""Bring a database to the newest schema with alembic, from inside the program: there is no alembic.ini."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from pdc.domain.errors import StoreUnavailable
from pdc.store.database import migrating, sentences

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_alembic_is_global = Lock()


def migrate(engine: Engine) -> None:
    """Upgrade to the newest revision, in one transaction; a second process waits for it, then finds nothing to do."""
    with sentences(engine.url), _alembic_is_global:
        with engine.connect() as connection:
            if _is_newest(connection):
                return
        with migrating(engine) as connection:
            _upgrade(connection)


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
