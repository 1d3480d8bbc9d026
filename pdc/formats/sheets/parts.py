"""What a page of a sample is put together from."""

from __future__ import annotations

from dataclasses import dataclass

from pdc.domain.message import Message


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by row. `emphasised` is how many of the last rows are sums."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    emphasised: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """What is said under one title: pairs of a name and what it is, then sentences, then a table."""

    title: Message
    pairs: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    table: Table | None = None
