"""Rows in every table of a database, whatever its version: difficult ones, that the program can read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, DateTime, Double, Integer, LargeBinary, MetaData, Table, Text, func, select
from store_values import FOUND, an_image

from pdc.store.mapping import dump, dump_findings, dump_view

AT = datetime(2026, 3, 1, 9, 30, 15, 123456)
ROWS = 3
WORDS: dict[str, Any] = {
    "task": "count_and_box",
    "labels": '["polyp","Blutkörperchen"]',
    "findings": dump_findings(FOUND),
    "verdict": "corrected",
    "metrics": '{"base":{"f1":0.30000000000000004}}',
    "prompt_version": "compact-1",
    "counts": '{"polyp":{"3":0.5}}',
    "likeness": '{"polyp":0.3333333333333333}',
    "experts": '["cells-1"]',
    "edits": '{"moved":2}',
    "protocol": '{"name": "kept with its blanks"}',
    "role": "reader",
    "rests_on": None,
}
OWN: dict[tuple[str, str], Any] = {
    ("adapters", "status"): "candidate",
    ("runs", "status"): "complete",
    ("images", "width"): 640,
    ("activations", "undoes"): None,
    ("predictions", "looks"): 4,
    ("label_events", "change"): "retired",
    ("groups", "side"): "training",
    ("views", "view"): dump_view(an_image().view),
    ("predictions", "view"): None,
    ("count_sheets", "text"): dump({"total": 12}),
    ("events", "kind"): "assigned",
    ("reader_events", "kind"): "given",
}


def fill(connection: Connection, rows: int = ROWS) -> None:
    """Some rows into every table."""
    for table in tables_of(connection):
        numbered = not {"seq", "id"}.isdisjoint(table.c.keys())
        first = 1 + (connection.execute(select(func.count()).select_from(table)).scalar_one() if numbered else 0)
        for n in range(first, first + rows):
            connection.execute(table.insert().values({c.name: _value(connection, c, n) for c in table.columns}))


def tables_of(connection: Connection) -> list[Table]:
    """Those that hold what somebody said, parents first; the record's links are the store's own, and what the database keeps of
    the other tables."""
    known = MetaData()
    known.reflect(connection)
    kept = {"alembic_version", "audit_links", "open_counts", "image_changes", "review_parts", "review_sums", "reviewers"}
    return [t for t in known.sorted_tables if t.name not in kept and not t.name.startswith("list_")]


def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in order."""
    return {
        t.name: [dict(row) for row in connection.execute(select(t).order_by(*t.primary_key.columns)).mappings()]
        for t in tables_of(connection)
    }


def _value(connection: Connection, column: Column[Any], n: int) -> Any:
    own = column.table.name, column.name
    if own in OWN or (column.name in WORDS and isinstance(column.type, Text)):
        return OWN.get(own, WORDS.get(column.name))
    if key := next(iter(column.foreign_keys), None):
        names = list(connection.execute(select(key.column).order_by(key.column)).scalars())
        return names[n % len(names)]
    kinds = {Integer: n, DateTime: AT, Double: n / 3, Boolean: n % 2 == 0, LargeBinary: bytes(range(n, 200))}
    return next((value for kind, value in kinds.items() if isinstance(column.type, kind)), _text(column.name, n))


def _text(name: str, n: int) -> str:
    return f"{n:064x}" if name == "sha256" else f"{name} {n} 'ü\" \n\\"
