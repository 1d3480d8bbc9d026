"""What a row holds, in one form on every database, and its digest; and the code that links a digest to all before it.

A column that holds nothing, or its default, is left out: a column that a later version adds changes no digest. Times are
compared by their text, as SQLite keeps them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Float, Integer, Table
from sqlalchemy.types import TypeEngine

GONE = ""
"""the digest of a row that was removed"""


def digest(table: Table, values: Mapping[str, Any]) -> str:
    """SHA-256 of a row, by the values of its columns."""
    content = {}
    for name, numeric, default in _columns(table):
        value = _plain(values[name], numeric)
        if value != default or type(value) is not type(default):
            content[name] = value
    return hashlib.sha256(_text([table.name, content])).hexdigest()


def mac(key: bytes, n: int, key_id: str, table: str, row: str, content: str, before: str) -> str:
    """HMAC-SHA256 of a link."""
    return hmac.digest(key, _text([n, key_id, table, row, content, before]), "sha256").hex()


def _text(value: list[Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


@lru_cache
def _columns(table: Table) -> tuple[tuple[str, type | None, Any], ...]:
    return tuple((c.name, _numeric(c), _default(c)) for c in sorted(table.columns, key=lambda c: c.name))


def _numeric(column: Column[Any]) -> type | None:
    kind = plain_type(column)
    return int if isinstance(kind, Boolean | Integer) else float if isinstance(kind, Float) else None


def plain_type(column: ColumnElement[Any]) -> TypeEngine[Any]:
    """The type that a database knows, without what PDC adds to it."""
    return getattr(column.type, "impl_instance", column.type)


def _default(column: Column[Any]) -> Any:
    said = getattr(column.server_default, "arg", None)
    if said is None:
        return None
    return int(str(said).lower() == "true") if isinstance(plain_type(column), Boolean) else _numeric_default(column, str(said))


def _numeric_default(column: Column[Any], said: str) -> Any:
    kind = _numeric(column)
    return kind(said) if kind else said


def _plain(value: Any, numeric: type | None) -> Any:
    """As JSON can hold it. What a column should not hold stays what it is, and so has another digest."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, bytes | memoryview):
        return {"hex": bytes(value).hex()}
    if isinstance(value, bool) or (numeric is float and isinstance(value, int)):
        return numeric(value) if numeric else value
    return value
