"""A row as a line of JSON: columns by name, times in ISO 8601 with their zone, bytes in base64, JSON text as its value."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Double, Integer, LargeBinary, Table

from pdc.domain.errors import BadSetting
from pdc.store.archives.kinds import JSON_COLUMNS, stored_as
from pdc.store.mapping import dump

Values = dict[str, Any]
UNKNOWN = "The archive's table {table} has the column {column}, which this PDC does not know; use the version that made it."
MISSING = "{table}, line {n}, has no {column}; the archive is not as PDC wrote it."
WRONG = "{table}, line {n}: {column} cannot be read; the archive is not as PDC wrote it."


def line_of(values: Mapping[str, Any]) -> bytes:
    """The row, and a line break."""
    return dump({name: _out(name, value) for name, value in values.items()}).encode() + b"\n"


def values_of(table: Table, line: bytes, n: int) -> Values:
    """The row of line `n` of a table, ready for the database. BadSetting when it is no such row."""
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BadSetting("{table}, line {n}, is no JSON object; the archive is not as PDC wrote it.", table=table.name, n=n)
    if unknown := sorted(said.keys() - table.columns.keys()):
        raise BadSetting(UNKNOWN, table=table.name, column=unknown[0])
    return {c.name: _in(c, said[c.name], n) for c in table.columns if c.name in said or _demanded(c, n)}


def _demanded(column: Column[Any], n: int) -> bool:
    """False where an older archive may lack it. BadSetting where none may."""
    if not column.nullable and column.server_default is None and column.default is None:
        raise BadSetting(MISSING, table=column.table.name, n=n, column=column.name)
    return False


def _out(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return plain(value) if name in JSON_COLUMNS and isinstance(value, str) else value


def plain(text: str) -> Any:
    """What a JSON text says, if writing that again gives the very text."""
    try:
        value = json.loads(text)
        return value if isinstance(value, list | dict) and dump(value) == text else text
    except ValueError:
        return text


def _in(column: Column[Any], value: Any, n: int) -> Any:
    try:
        return None if value is None and column.nullable else _READ.get(type(stored_as(column)), _text)(value)
    except (TypeError, ValueError):
        raise BadSetting(WRONG, table=column.table.name, n=n, column=column.name) from None


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return dump(value)
    return _of(str)(value)


def _time(value: Any) -> datetime:
    read = datetime.fromisoformat(value)
    if read.tzinfo is None:
        raise ValueError("a time without its zone")
    return read.astimezone(UTC)


def _of(kind: type) -> Any:
    def checked(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(kind.__name__)
        return value

    return checked


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) else _of(float)(value)


_READ: Mapping[type, Any] = {
    Integer: _of(int),
    Boolean: _of(bool),
    Double: _number,
    LargeBinary: lambda value: b64decode(value, validate=True),
    DateTime: _time,
}
