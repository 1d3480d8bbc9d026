"""The raw numbers: a row for each field and replicate, or several fields in a row where there are many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pdc.counting.sheet import Sheet
from pdc.counting.tally import FieldCount, Sample
from pdc.domain.message import Message
from pdc.formats.sheets.facts import written
from pdc.formats.sheets.numbers import number
from pdc.formats.sheets.parts import Section, Table

MANY = 40  # fields, above which several stand in a row
LETTERS = 125  # in such a row
WIDE = 4  # classes, above which they share a column
TITLE = Message("Raw numbers")
ASSUMED = "{value} (assumed)"
SUM, WHOLE = Message("sum"), Message("whole")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: what it says of a field, and of all fields of a replicate."""

    head: str
    of: Callable[[FieldCount], str]
    sum: Callable[[Sequence[FieldCount]], str] = lambda fields: ""


def table(sheet: Sheet) -> Section:
    names = [c.name for c in sheet.protocol.classes]
    many = len(sheet.sample.fields) + len(sheet.sample.everywhere) > MANY
    order = (Message("counted: {classes}", classes=" / ".join(names)),) if many or len(names) > WIDE else ()
    return Section(TITLE, lines=order, table=_many(sheet) if many else _each(sheet))


def groups(sample: Sample) -> list[tuple[str, Sequence[FieldCount]]]:
    """The fields of each replicate, and behind hot spots the whole fields."""
    replicates: list[tuple[str, Sequence[FieldCount]]] = [(str(i), r.fields) for i, r in enumerate(sample.replicates, 1)]
    return [*replicates, (WHOLE, sample.everywhere)] if sample.everywhere else replicates


def _each(sheet: Sheet) -> Table:
    columns = _columns(sheet)
    rows = [(i, f.name, *(c.of(f) for c in columns)) for i, fields in groups(sheet.sample) for f in fields]
    sums = [(i, SUM, *(c.sum(fields) for c in columns)) for i, fields in groups(sheet.sample)]
    return Table((Message("Replicate"), Message("Field"), *(c.head for c in columns)), (*rows, *sums), len(sums))


def _columns(sheet: Sheet) -> list[Column]:
    return [*_counted(sheet), *_sizes(sheet.sample.fields), *_asked(sheet), *_read(sheet)]


def _counted(sheet: Sheet) -> list[Column]:
    names = [c.name for c in sheet.protocol.classes]
    out = Column(
        Message("on the line, out"),
        lambda f: str(sum(f.left_out.values())),
        lambda fs: _sum(sum(f.left_out.values()) for f in fs),
    )
    if len(names) > WIDE:
        return [Column(Message("counted"), lambda f: _together([f], sheet), lambda fs: _together(fs, sheet)), out]
    return [*(_class(name) for name in names), out]


def _class(name: str) -> Column:
    return Column(name, lambda f: str(f.of([name])), lambda fs: _sum(f.of([name]) for f in fs))


def _together(fields: Sequence[FieldCount], sheet: Sheet) -> str:
    """The numbers of all classes, in the protocol's order."""
    return " / ".join(str(sum(f.of([c.name]) for f in fields)) for c in sheet.protocol.classes)


def _sum(numbers: Iterable[int]) -> str:
    return str(sum(numbers))


def _sizes(fields: Sequence[FieldCount]) -> list[Column]:
    squares = Column(Message("squares"), lambda f: number(f.squares), lambda fs: number(sum(f.squares or 0 for f in fs)))
    sizes = Column("mm²", lambda f: number(f.mm2), lambda fs: number(sum(f.mm2 or 0 for f in fs)))
    return [*([squares] if any(f.squares for f in fields) else []), *([sizes] if any(f.mm2 for f in fields) else [])]


def _asked(sheet: Sheet) -> list[Column]:
    """What was filled in for each field."""
    return [Column(a.name, lambda f, a=a: written(a, f.filled, ASSUMED)) for a in sheet.protocol.fill_in if a.per == "field"]


def _read(sheet: Sheet) -> list[Column]:
    of = sheet.protocol.target.of
    said = Column(
        Message("model said"), lambda f: "–" if f.proposed is None else str(sum(f.proposed.counted.get(n, 0) for n in of))
    )
    edits = Column(Message("changed"), lambda f: "–" if f.proposed is None else str(sum(f.proposed.edits.values())))
    return [said, edits] if any(f.proposed for f in sheet.sample.fields) else []


def _many(sheet: Sheet) -> Table:
    """Field and what was counted, several side by side."""
    cells = [
        (Message("{i}: {value}", i=i, value=f.name), _together([f], sheet)) for i, fields in groups(sheet.sample) for f in fields
    ]
    widest = max(len(name) + len(counted) for name, counted in cells) + 4
    tall = -(-len(cells) // max(1, LETTERS // widest))
    beside = zip_longest(*(cells[at : at + tall] for at in range(0, len(cells), tall)), fillvalue=("", ""))
    rows = tuple(tuple(cell for two in row for cell in two) for row in beside)
    columns = len(rows[0]) // 2
    sums = [(Message("{i}: {value}", i=i, value=SUM), _together(fields, sheet)) for i, fields in groups(sheet.sample)]
    padded = tuple((*two, *[""] * 2 * (columns - 1)) for two in sums)
    return Table((Message("Replicate: field"), Message("counted")) * columns, (*rows, *padded), len(sums))
