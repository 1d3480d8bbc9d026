"""Rows of any table as the database holds them, piece by piece in the order of their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, select, type_coerce
from sqlalchemy.types import NullType

from pdc.store.audit.digests import plain_type

Values = Mapping[str, Any]
PIECE = 500


def key_of(table: Table) -> ColumnElement[Any]:
    """The one column that names a row."""
    (key,) = table.primary_key.columns
    return key


def row_id(table: Table, values: Values) -> str:
    """What names a row in its table, as text."""
    return str(values[key_of(table).key or ""])


def pieces(connection: Connection, table: Table) -> Iterator[Sequence[Values]]:
    """Every row, a few hundred at a time."""
    key, after = key_of(table), None
    while True:
        query = _whole(table).order_by(key).limit(PIECE)
        found = [row._asdict() for row in connection.execute(query if after is None else query.where(key > after))]
        if not found:
            return
        yield found
        after = found[-1][key.key or ""]


def rows_with(connection: Connection, table: Table, ids: Collection[str]) -> dict[str, Values]:
    """Those of a few names, by name."""
    whole = isinstance(plain_type(key_of(table)), Integer)
    wanted = [int(id) for id in ids if id.isdigit()] if whole else list(ids)
    found = connection.execute(_whole(table).where(key_of(table).in_(wanted)))
    return {row_id(table, values): values for values in (row._asdict() for row in found)}


def _whole(table: Table) -> Select[*tuple[Any, ...]]:
    """Without the columns' types: what a database holds in a column that should not hold it is seen as it is."""
    return select(*(type_coerce(column, NullType()).label(column.name) for column in table.columns))
