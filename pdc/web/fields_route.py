"""The fields of a count session, as the list beside the editor shows them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from pdc.domain.errors import NotFound
from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.state import NO_FIELD, CountField, FieldState
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.counting.field import field_row, field_value
from pdc.web.ui.words import in_language, language_of, translated


def add_fields_route(app: FastAPI, access: Access, desk: FieldDesk) -> None:
    @app.get("/api/sessions/{id}/fields")
    def fields(request: Request, id: str) -> JSONResponse:
        """{"rows": [[sha256, name, stage, detail, reader]], "done", "total"}, for whoever may see all of its images."""
        found = desk.fields(desk.counts.session(id, access.user(request) or LOCAL_USER))
        rows = [[*row[:3], in_language(row[3], language_of(request)), row[4]] for row in _rows(found)]
        done = sum(f.state is FieldState.READ for f in found)
        return JSONResponse({"rows": rows, "done": done, "total": len(found)})

    @app.get("/api/sessions/{id}/fields/{sha256}")
    def field(request: Request, id: str, sha256: str) -> JSONResponse:
        """`counting` of the editor's value, as it is now: an area that was set changes what others add."""
        reader = access.user(request) or LOCAL_USER
        found = desk.field(sha256, reader, desk.question(desk.counts.session(id, reader)))
        if found is None or found.session.id != id:
            raise NotFound(NO_FIELD)
        return JSONResponse(translated(field_value(found), language_of(request)))


def _rows(fields: list[CountField]) -> list[list[str]]:
    several = len({f.replicate for f in fields}) > 1
    own = {n: [f for f in fields if f.replicate == n] for n in {f.replicate for f in fields}}
    return [field_row(f, own[f.replicate].index(f) + 1, several) for f in fields]
