"""The report of agreement as CSV: a line per measure, readers and label, with its interval and what it rests on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from pdc.domain.agreement.rows import Row
from pdc.formats.csv_table import as_text

HEAD = ("kind", "readers", "label", "measure", "value", "low", "high", "images", "n", "note")
ALL = "all labels"


def csv_text(rows: Iterable[Row]) -> str:
    """With the mark by which Excel knows UTF-8. Text that looks like a formula is quoted; intervals are of 95 %."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(HEAD)
    writer.writerows(map(_cells, rows))
    return f"\ufeff{buffer.getvalue()}"


def _cells(row: Row) -> list[object]:
    found = row.estimate
    return [
        str(row.kind),
        as_text("; ".join(row.readers)),
        ALL if row.label is None else as_text(row.label),
        str(row.measure),
        *map(_number, (found.value, found.low, found.high)),
        row.images,
        row.n,
        found.why or "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
