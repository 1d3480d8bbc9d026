"""What an image takes its reader: seconds, moves and keys beside each saved review, with `PDC_TIMING=on`. It goes nowhere else.

The page sends them once, when the reader goes on to another image; here they find the review that was saved meanwhile.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from pdc.domain.diff import diff
from pdc.domain.values import Findings, Review
from pdc.review.service import ReviewService
from pdc.store.records import Effort
from pdc.web.auth import LOCAL_USER, Access

LAST = 50  # images that the medians are of, and the rows on the page
SLACK = timedelta(seconds=2)  # between the clock of a page and that of the server
KINDS = ("added", "removed", "moved", "relabelled")
DAY = 86_400


class Spent(BaseModel):
    """Of one visit to an image: its sha256, how long ago it was opened, and how much of that somebody was active."""

    image: str = Field(pattern="^[0-9a-f]{64}$")
    elapsed: float = Field(ge=0, le=30 * DAY)
    seconds: float = Field(ge=0, le=30 * DAY)
    moves: int = Field(ge=0, le=1_000_000)
    keys: int = Field(ge=0, le=1_000_000)


def add_effort_routes(app: FastAPI, access: Access, service: ReviewService, on: bool) -> None:
    def reader(request: Request) -> str:
        return access.user(request) or LOCAL_USER

    @app.get("/api/effort")
    def shown(request: Request) -> JSONResponse:
        """Whether anything is kept, and of this reader's last images the medians and a row each."""
        last = service.store.efforts(reader(request), LAST) if on else []
        return JSONResponse({"on": on, "rows": [_row(e) for e in last], **_medians(last)}, headers={"Cache-Control": "no-store"})

    @app.post("/api/effort")
    def keep(request: Request, spent: Spent) -> JSONResponse:
        """Kept beside the review that this reader saved in the visit; nothing without one, or when it is off."""
        since = datetime.now(UTC) - timedelta(seconds=spent.elapsed) - SLACK
        saved = [r for r in service.store.reviews(spent.image, reader(request)) if r.created_at >= since] if on else []
        if saved:
            effort = Effort(round(spent.seconds, 1), spent.moves, spent.keys, _edits(service, saved[-1]))
            service.store.keep_effort(saved[-1].id, effort)
        return JSONResponse({"kept": bool(saved)})

    @app.get("/api/effort.csv")
    def table(request: Request) -> Response:
        """All of this reader's, as CSV."""
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["image", "saved_at", "seconds", "moves", "keys", *KINDS])
        rows.writerows(_row(e) for e in (service.store.efforts(reader(request)) if on else []))
        named = {"Content-Disposition": 'attachment; filename="pdc-effort.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=named)


def _edits(service: ReviewService, review: Review) -> dict[str, int]:
    """By kind, from the answer that was corrected; without one everything was added."""
    answer = service.store.prediction(review.prediction_id).findings if review.prediction_id else None
    kinds = Counter(str(c.kind) for c in diff(answer or Findings(), review.findings))
    return {kind: kinds[kind] for kind in KINDS if kinds[kind]}


def _row(effort: Effort) -> list[Any]:
    at = f"{effort.at:%Y-%m-%d %H:%M}" if effort.at else ""
    return [_plain(effort.image), at, effort.seconds, effort.moves, effort.keys, *(effort.edits.get(kind, 0) for kind in KINDS)]


def _plain(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


def _medians(efforts: Sequence[Effort]) -> dict[str, float]:
    if not efforts:
        return {}
    return {name: median(getattr(e, name) for e in efforts) for name in ("seconds", "moves", "keys")}
