"""Which index SQLite reads by, where a query says so: SQLite keeps no numbers by which it could choose well."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class HintedCompiler(SQLiteCompiler):
    """Writes what `Select.with_hint` says behind its table."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text
