"""Tables whose rows are only added: the database itself refuses to change, remove or empty them. For use inside a migration."""

from __future__ import annotations

from alembic import op

from pdc.store.audit.triggers import BODY

_REFUSE = f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $${BODY}$$"


def refuse_changes(*tables: str) -> None:
    """From now on every UPDATE and DELETE of a row, and TRUNCATE where there is one, is an integrity error. May be said twice."""
    if op.get_bind().dialect.name == "sqlite":
        for table in tables:
            _on_sqlite(table)
    else:
        op.execute(_REFUSE)
        for table in tables:
            _on_postgresql(table)


def _on_sqlite(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER IF NOT EXISTS {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END"
        )


def _on_postgresql(table: str) -> None:
    for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        name = f"{table}_refuse_{verb.lower()}"
        op.execute(f'DROP TRIGGER IF EXISTS {name} ON "{table}"')
        op.execute(f'CREATE TRIGGER {name} BEFORE {verb} ON "{table}" FOR EACH {each} EXECUTE FUNCTION refuse_change()')
