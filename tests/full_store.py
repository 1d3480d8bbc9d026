"""A store with rows in every sealed table, filled by the types of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Float, Integer, Table

from pdc.store import Store
from pdc.store.audit.digests import plain_type
from pdc.store.audit.tables import sealed_tables
from pdc.store.tables import Row

SINCE = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)
FIXED = {"role": "reader", "kind": "viewed", "what": "{}", "status": "retired"}


def full_store(folder: Path, rows: int = 20, seed: int = 0) -> Path:
    """The database file of a closed store with so many rows a table, written in one transaction each round."""
    path, chance = folder / "pdc.sqlite3", Random(seed)
    store = Store.open(f"sqlite:///{path}")
    classes = {str(mapper.local_table): mapper.class_ for mapper in Row.registry.mappers}
    for n in range(rows):
        with store._write() as session:
            for table in Row.metadata.sorted_tables:
                if table.name in sealed_tables():
                    session.add(classes[table.name](**dict(_values(table, n, chance))))
                    session.flush()
    store.close()
    return path


def _values(table: Table, n: int, chance: Random) -> Iterator[tuple[str, Any]]:
    for column in table.columns:
        if column.name in FIXED:
            yield column.key or "", FIXED[column.name]
        elif not (column.primary_key and isinstance(plain_type(column), Integer)):
            yield column.key or "", _value(column, n, chance)


def _value(column: Column[Any], n: int, chance: Random) -> Any:
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return f"{key.column.table.name} {key.column.name} {n}"
    if isinstance(plain_type(column), Boolean):
        return chance.random() < 0.5
    if isinstance(plain_type(column), Integer | Float):
        return n
    if isinstance(plain_type(column), DateTime):
        return SINCE + timedelta(seconds=chance.randrange(10**7), microseconds=chance.choice((0, 123456)))
    if column.nullable and chance.random() < 0.3:
        return None
    if column.table.name == "users" and column.primary_key:
        return f"reader {n}"
    return f"{column.table.name} {column.name} {n}"
