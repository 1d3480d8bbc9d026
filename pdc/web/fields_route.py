"""The fields of a count session, as the list beside the editor shows them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.state import CountField, FieldState
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.counting.field import field_row
from pdc.web.ui.words import in_language, language_of


def add_fields_route(app: FastAPI, access: Access, desk: FieldDesk) -> None:
    @app.get("/api/sessions/{id}/fields")
    def fields(request: Request, id: str) -> JSONResponse:
        """{"rows": [[sha256, name, stage, detail, reader]], "done", "total"}, for whoever may see all of its images."""
        found = desk.fields(desk.counts.session(id, access.user(request) or LOCAL_USER))
        rows = [[*row[:3], in_language(row[3], language_of(request)), row[4]] for row in _rows(found)]
        done = sum(f.state is FieldState.READ for f in found)
        return JSONResponse({"rows": rows, "done": done, "total": len(found)})


def _rows(fields: list[CountField]) -> list[list[str]]:
    several = len({f.replicate for f in fields}) > 1
    own = {n: [f for f in fields if f.replicate == n] for n in {f.replicate for f in fields}}
    return [field_row(f, own[f.replicate].index(f) + 1, several) for f in fields]
