"""The results as tables: CSV with a row a result, and XLSX with those, the fields and what was filled in, a sheet each.

`counted` times `per_object` is the value before rounding. Numbers are whole; what a spreadsheet might run as a formula is text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from pdc.counting.results import Line, volume_ul
from pdc.counting.sheet import Sheet
from pdc.counting.tally import FieldCount, Replicate
from pdc.counting.units import ucum
from pdc.formats.csv_table import as_text
from pdc.formats.outgoing.counts import when
from pdc.formats.sheets.page import NOT_MEANT

WHOLE = "whole"
Cell = str | int | float | None
Row = dict[str, Cell]


def result_rows(sheet: Sheet) -> list[Row]:
    """A row for each result: its numbers, and all that a reader needs to judge them."""
    return [{**_result(line), **_about(sheet)} for line in sheet.lines]


def _result(line: Line) -> Row:
    return {
        "result": line.name,
        "comparator": "<" if line.below else "",
        "value": line.value,
        "unit": line.unit,
        "ucum": ucum(line.unit),
        "sampling_95_low": line.low,
        "sampling_95_high": line.high,
        "counted": line.k,
        "of": line.n,
        "per_object": line.each,
        "formula": line.formula,
        "missing": str(line.missing or ""),
        "assumed": "; ".join(line.assumed),
    }


def _about(sheet: Sheet) -> Row:
    head, protocol, sample, error = sheet.heading, sheet.protocol, sheet.sample, sheet.error
    return {
        "sample": head.sample,
        "status": str(head.status),
        "sheet": head.id,
        "revision": head.revision,
        "verdict": str(sheet.verdict),
        "rules": " ".join(f"{o.verdict}: {o.said}" for o in sheet.outcomes),
        "reader_model_bias_percent": error.bias if error else None,
        "reader_model_95_percent": error.spread if error else None,
        "reader_model_reviews": error.n if error else None,
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "protocol_digest": protocol.digest,
        "chosen": str(head.chosen),
        "replicates": len(sample.replicates),
        "fields": len(sample.fields),
        "volume_ul": volume_ul(sample),
        "area_mm2": sum(f.mm2 for f in sample.fields if f.mm2) or None,
        "left_out_by_border": sum(sum(f.left_out.values()) for f in sample.fields),
        "no_class": sum(f.unclassed for f in sample.fields),
        "doubtful": sum(f.doubtful for f in sample.fields),
        "withdrawn": "; ".join(f"{w.name}: {w.why}" for w in head.withdrawn),
        "filled_in": "; ".join(f"{name}={value}" for name, value in sample.filled.items()),
        "readers": "; ".join(dict.fromkeys(r.reader for r in sample.replicates)),
        "blind_replicates": sum(bool(r.fields) and all(f.blind for f in r.fields) for r in sample.replicates),
        "model": "; ".join(
            dict.fromkeys([head.model] * bool(head.model) + [f.proposed.model for f in sample.fields if f.proposed])
        ),
        "author": head.author,
        "made_at": when(head.made_at),
        "amends": head.amends,
        "why": head.why,
        "note": str(NOT_MEANT),
    }


def field_rows(sheet: Sheet) -> list[Row]:
    """A row for each field, with the numbers of every class; behind hot spots the whole fields."""
    classes, whole = [c.name for c in sheet.protocol.classes], Replicate(sheet.sample.everywhere)
    replicates = [*enumerate(sheet.sample.replicates, 1), (WHOLE, whole)]
    return [_field(field, read, i, classes) for i, read in replicates for field in read.fields]


def _field(field: FieldCount, read: Replicate, replicate: int | str, classes: Sequence[str]) -> Row:
    return {
        "replicate": replicate,
        "field": field.name,
        "reader": read.reader,
        "read_at": when(field.read_at) if field.read_at else None,
        "squares": field.squares,
        "mm2": field.mm2,
        "area_source": str(field.area.source) if field.area else None,
        **{f"counted: {name}": field.of([name]) for name in classes},
        **{f"left out: {name}": field.left_out.get(name, 0) for name in classes},
        "no_class": field.unclassed,
        "doubtful": field.doubtful,
        "complete": "yes" if field.complete else "no",
        "blind": "yes" if field.blind else "no",
        "noted": "; ".join(sorted(field.noted)),
        "model": field.proposed.model if field.proposed else None,
        **{f"model: {name}": field.proposed.counted.get(name, 0) if field.proposed else None for name in classes},
        **{f"filled in: {name}": value for name, value in {**read.filled, **field.filled}.items()},
    }


def filled_rows(sheet: Sheet) -> list[Row]:
    """A row for each thing that the protocol asks for or somebody filled in; `assumed` where nobody did."""
    sample = sheet.sample
    asked = {f.name: f for f in sheet.protocol.fill_in if f.per == "sample"}
    names = [*asked, *(name for name in sample.filled if name not in asked)]
    rows: list[Row] = [{"name": "chamber", "value": sample.chamber, "unit": "", "assumed": "no"}]
    for name in names:
        value, unit = asked[name].value if name in asked else None, asked[name].unit if name in asked else ""
        rows.append(
            {"name": name, "value": sample.filled.get(name, value), "unit": unit, "assumed": _yes(name not in sample.filled)}
        )
    return rows


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def csv_of(sheet: Sheet) -> bytes:
    """With the mark by which Excel knows UTF-8."""
    buffer = io.StringIO(newline="")
    rows = result_rows(sheet)
    writer = csv.writer(buffer)
    writer.writerow(rows[0])
    writer.writerows([_plain(value) for value in row.values()] for row in rows)
    return f"\ufeff{buffer.getvalue()}".encode()


def _plain(value: Cell) -> Cell:
    return as_text(value) if isinstance(value, str) else value


def xlsx_of(sheet: Sheet) -> bytes:
    """A workbook of three sheets: results, fields, filled in."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for title, rows in (("results", result_rows(sheet)), ("fields", field_rows(sheet)), ("filled in", filled_rows(sheet))):
        page = book.create_sheet(title)
        page.freeze_panes = "A2"
        _fill(page, rows)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _fill(page: Any, rows: Sequence[Row]) -> None:
    head = list(dict.fromkeys(name for row in rows for name in row))
    page.append([_cell(page, name) for name in head])
    for row in rows:
        page.append([_cell(page, row.get(name)) for name in head])


def _cell(page: Any, value: Cell) -> Any:
    """Text is put in as text, whatever it begins with; what XML cannot hold becomes a question mark."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell

    if not isinstance(value, str):
        return WriteOnlyCell(page, value)
    cell = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub("?", value))
    cell.data_type, cell.quotePrefix = "s", True
    return cell
