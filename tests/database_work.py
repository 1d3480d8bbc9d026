"""What an act asks of the database: its statements, the rows that come back, and on SQLite the steps of its machine.

Steps tell what rows do not: a count of all reviews is one row, and reads every review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

from pdc.store import Store
from pdc.store.database import is_sqlite

STEPS = 20  # of SQLite's machine between two counts


@dataclass
class Work:
    """`statements`: text and parameters of each, as they were sent."""

    rows: int = 0
    steps: int = 0
    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def watched(store: Store) -> Iterator[Work]:
    """What is asked of the store's database meanwhile, by any thread."""
    engine, work = store._engine, Work()

    def ask(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        work.statements.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", ask)
    if is_sqlite(engine):
        event.listen(engine, "checkout", _count(work))
    try:
        yield work
    finally:
        event.remove(engine, "before_cursor_execute", ask)
        _stop(engine)


def _count(work: Work) -> Callable[..., None]:
    def count(connection: Any, *_: object) -> None:
        connection.row_factory = row
        connection.set_progress_handler(step, STEPS)

    def row(_cursor: object, values: tuple[Any, ...]) -> tuple[Any, ...]:
        work.rows += 1
        return values

    def step() -> int:
        work.steps += STEPS
        return 0

    return count


def _stop(engine: Engine) -> None:
    """Connections that were watched are not used again."""
    engine.dispose()
