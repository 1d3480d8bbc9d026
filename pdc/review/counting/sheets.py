"""The sheets of a session: a draft at any time, final once all is filled in, amended with a reason. None is overwritten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pdc.counting.sheet import BadSheet, Heading, Sheet, SheetStatus, Withdrawn, make_sheet, to_json
from pdc.domain.errors import ReadFirst
from pdc.review.counting.looking import CountLooks
from pdc.review.counting.measures.copies import with_copies
from pdc.review.counting.state import CountSession, FieldState
from pdc.store.counting.records import CountEvent, CountEventKind, KeptSheet

HAS_FINAL = "This sample has a final sheet. Amend it, and say why; the old one is kept."
NO_FINAL = "There is no final sheet yet that could be amended."
NUMBERS_KEPT = "What the first replicate counted is kept from you until the next one has been read."
OUT = FieldState.WITHDRAWN


class CountSheets(CountLooks):
    """Every sheet is worked out from the stored reviews, by the protocol as it was when the session was begun."""

    def sheet(self, id: str, reader: str | None = None) -> Sheet:
        """A draft, worked out now. ReadFirst where its numbers are kept from this reader, who may still read one blind."""
        if reader is not None and self.keeps_numbers(id, reader):
            raise ReadFirst(NUMBERS_KEPT)
        return self._sheet(self.session(id, reader), reader)

    def sign(self, id: str, status: str, reader: str, why: str = "") -> KeptSheet:
        """Keep the sheet as it is now: a draft, final, or amended in place of the newest signed one, with a reason.

        BadSheet where that cannot be. A final or amended sheet closes the session.
        """
        session, kept, wanted, why = self.session(id, reader), self.store.count_sheets(id), SheetStatus(status), why.strip()
        amends = _amends(wanted, [k for k in kept if k.status != SheetStatus.DRAFT])
        known = uuid4().hex, len(kept) + 1
        made = self._sheet(session, reader, status=wanted, amends=amends, why=why, id=known[0], revision=known[1])
        text = json.dumps(to_json(made), ensure_ascii=False)
        sheet = KeptSheet(known[0], id, known[1], wanted, text, reader, made.heading.made_at, amends, why)
        self.store.add_count_sheet(sheet)
        if wanted is not SheetStatus.DRAFT and not session.closed:
            self.store.add_count_events([CountEvent(id, CountEventKind.CLOSED, reader, sheet.made_at)])
        return sheet

    def sheets(self, id: str, reader: str | None = None) -> list[KeptSheet]:
        """All that were kept, oldest first."""
        self.session(id, reader)
        return self.store.count_sheets(id)

    def kept(self, sheet: str, reader: str | None = None) -> KeptSheet:
        """A kept sheet by its id. NotFound where this reader may not see its session, ReadFirst where its numbers are kept from
        them."""
        found = self.store.count_sheet(sheet)
        self.session(found.session, reader)
        if reader is not None and self.keeps_numbers(found.session, reader):
            raise ReadFirst(NUMBERS_KEPT)
        return found

    def _sheet(self, session: CountSession, reader: str | None, **said: Any) -> Sheet:
        """`said` is what the heading says besides."""
        sample = with_copies(self.readings.sample(session), self.store, self.files)
        out = tuple(Withdrawn(f.name, f.why, f.by, f.replicate) for f in self.readings.fields(session) if f.state is OUT)
        models = ", ".join(sorted({f.proposed.model for f in sample.fields if f.proposed}))
        unaided = bool(sample.fields) and not models
        heading = Heading(session.sample, datetime.now(UTC), reader or session.by, session.chosen, model=models, blind=unaided)
        error = self.readings.samples.error(session.protocol, sample)
        return make_sheet(replace(heading, withdrawn=out, **said), session.protocol, sample, error)


def _amends(wanted: SheetStatus, signed: Sequence[KeptSheet]) -> str | None:
    """The id of the sheet that the wanted one replaces."""
    if wanted is SheetStatus.FINAL and signed:
        raise BadSheet(HAS_FINAL)
    if wanted is SheetStatus.AMENDED and not signed:
        raise BadSheet(NO_FINAL)
    return signed[-1].id if wanted is SheetStatus.AMENDED else None
