"""Sheets as files: one that was kept, as it was signed, or the draft of a count as it is now; in the browser's language."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pdc.counting.sheet import Sheet, as_kept, differences
from pdc.domain.errors import NotFound
from pdc.formats.sheets.export import KINDS, Kind, Outgoing
from pdc.review.counting.sessions import CountSessions
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of

SHOWN = ("html", "pdf")  # in the browser; the others are saved
PLAIN = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def add_sheet_routes(app: FastAPI, access: Access, counts: CountSessions) -> None:
    """Whoever may see all images of a session may have its sheets."""

    @app.get("/api/sheets/{id}.{ending}")
    def kept(request: Request, id: str, ending: str) -> Response:
        """A kept sheet by its id; what does not follow from its own counts is said on it."""
        id, kind, ending = _asked(id, ending)
        text = counts.kept(id, access.user(request) or LOCAL_USER).text
        return _file(request, as_kept(text), kind, ending, differences(text))

    @app.get("/api/sessions/{id}/sheet.{ending}")
    def draft(request: Request, id: str, ending: str) -> Response:
        """The sheet of a session as it is now, as a draft."""
        _, kind, ending = _asked("", ending)
        return _file(request, counts.sheet(id, access.user(request) or LOCAL_USER), kind, ending)


def _asked(id: str, ending: str) -> tuple[str, Kind, str]:
    """The id and the kind, where dots may be part of the ending; NotFound for another ending."""
    id, _, rest = f"{id}.{ending}".partition(".")
    if rest not in KINDS:
        raise NotFound("A sheet has no file that ends in .{ending}; there are {kinds}.", ending=rest[:20], kinds=", ".join(KINDS))
    return id, KINDS[rest], rest


def _file(request: Request, sheet: Sheet, kind: Kind, ending: str, altered: list[str] | None = None) -> Response:
    language = language_of(request)
    made = kind.make(Outgoing(sheet, partial(in_language, language=language), language, altered or []))
    how = "inline" if ending in SHOWN else "attachment"
    named = {
        "Content-Disposition": f"{how}; filename=\"{_name(sheet)}.{ending}\"; filename*=UTF-8''{quote(_code(sheet))}.{ending}"
    }
    return Response(made, media_type=kind.media, headers={**PLAIN, **named})


def _code(sheet: Sheet) -> str:
    """The sample's code without what a file's name may not hold."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", f"{sheet.heading.sample} {sheet.heading.status}").strip(". ")


def _name(sheet: Sheet) -> str:
    """The same in ASCII."""
    return _code(sheet).encode("ascii", "replace").decode().replace("?", "_")
