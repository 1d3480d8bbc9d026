"""What the store and the service know of counts, as the page's parts want it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pdc.counting.results import missing_fields
from pdc.counting.tally import FieldCount, Sample
from pdc.review.counting.sessions import CountSessions
from pdc.review.counting.state import CountField, FieldState
from pdc.web.ui.counting.fields import FieldRow
from pdc.web.ui.counting.listing import CountLine, CountLines
from pdc.web.ui.counting.signing import SheetLine
from pdc.web.ui.counting.standing import Standing

MOST = 200  # counts that are listed, beside those that are open


def count_lines(counts: CountSessions, reader: str, looked: str = "") -> CountLines:
    """The counts that the reader may see, the newest first; of samples with these letters in their code, where they looked."""
    sessions, more = counts.newest(reader, MOST, looked)
    statuses = counts.store.sheet_statuses([session.id for session in sessions])
    found = [
        CountLine(s.id, s.sample, s.protocol.title, s.at, s.by, not s.closed, statuses.get(s.id, "") if s.closed else "")
        for s in sessions
    ]
    return CountLines(found, looked, more)


def standing_of(counts: CountSessions, id: str, reader: str) -> Standing:
    """One count, worked out now. NotFound where the reader may not see it."""
    session, fields, sheet = counts.session(id, reader), counts.fields(id, reader), counts.sheet(id)
    hidden = counts.keeps_numbers(id, reader)
    filled = [session.of_replicate.get(at, {}) for at in range(1, session.replicates + 1)]
    kept = [SheetLine(k.id, k.revision, k.status, k.author, k.made_at, k.why) for k in counts.sheets(id)]
    return Standing(
        id,
        sheet,
        counts.progress(id),
        [replace(row, counted=None) if hidden else row for row in rows_of(fields, sheet.sample)],
        session.filled,
        filled,
        kept,
        missing_fields(session.protocol, sheet.sample),
        session.closed,
        counts.next_field(id, reader),
        hidden,
    )


def rows_of(fields: list[CountField], sample: Sample) -> list[FieldRow]:
    """A row for each field, with its numbers where it was read: the sample has these in the same order."""
    left = {at: iter(replicate.fields) for at, replicate in enumerate(sample.replicates, 1)}
    none: Iterator[FieldCount] = iter(())  # a field that was read a moment after the sample was worked out
    return [_row(f, next(left.get(f.replicate, none), None) if f.state is FieldState.READ else None) for f in fields]


def _row(field: CountField, counted: FieldCount | None) -> FieldRow:
    mm2, why = counted and counted.mm2, field.why
    known = (counted, field.squares, mm2, field.noted, field.filled, why, field.by)
    return FieldRow(field.sha256, field.name, field.replicate, str(field.state), *known)
