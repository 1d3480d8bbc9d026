"""The record as a table to download."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from pdc.domain.users.roles import Action
from pdc.review.service import ReviewService
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.lines import RecordFilter
from pdc.store.store import Store
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.record.asked import filter_of

HEAD = ("at", "kind", "who", "image", "name", "what")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADERS = {"Content-Disposition": 'attachment; filename="pdc-record.csv"', "Cache-Control": "no-store"}


def add_record_route(app: FastAPI, access: Access, service: ReviewService) -> None:
    @app.get("/api/record.csv")
    def record(request: Request) -> StreamingResponse:
        """Who did what, the newest first, under the filters in the address; for admins."""
        reader = access.user(request) or LOCAL_USER
        service.allowed(reader, Action.RECORD)
        wanted = filter_of(request.query_params)
        service.store.record_event(AuditKind.EXPORTED, reader, format="record")
        return StreamingResponse(csv_text(service.store, wanted), media_type="text/csv; charset=utf-8", headers=HEADERS)


def csv_text(store: Store, wanted: RecordFilter) -> Iterator[str]:
    """Line by line. Text that a spreadsheet would take for a formula begins with an apostrophe."""
    yield _line(HEAD)
    for line in store.record_lines(wanted):
        yield _line((f"{line.at:%Y-%m-%dT%H:%M:%SZ}", line.kind, line.who, line.image, line.name, line.what))


def _line(row: tuple[str | None, ...]) -> str:
    out = StringIO()
    csv.writer(out).writerow([f"'{cell}" if cell and cell.startswith(FORMULA) else cell for cell in row])
    return out.getvalue()
