"""What the store and the service know of counts, as the page's parts want it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pdc.counting.results import missing_fields
from pdc.counting.tally import FieldCount, Sample
from pdc.review.counting.sessions import CountSessions
from pdc.review.counting.state import CountField, FieldState
from pdc.web.ui.counting.fields import FieldRow
from pdc.web.ui.counting.listing import CountLine
from pdc.web.ui.counting.signing import SheetLine
from pdc.web.ui.counting.standing import Standing


def count_lines(counts: CountSessions, reader: str) -> list[CountLine]:
    """Every count that the reader may see, the newest first."""
    found, statuses = [], counts.store.sheet_statuses()
    for session in counts.sessions(reader):
        status = statuses.get(session.id, "") if session.closed else ""
        title = session.protocol.title
        found.append(CountLine(session.id, session.sample, title, session.at, session.by, not session.closed, status))
    return found


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
