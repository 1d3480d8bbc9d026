"""The counting area of a field: what the editor asks to propose one, and how it is kept."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pdc.counting.area import CountingArea
from pdc.counting.chambers import Chamber
from pdc.domain.errors import BadQuestion
from pdc.review.counting.areas import Areas, Found, Known
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.turns import Turns
from pdc.web.ui.words import in_language, language_of

Place = tuple[float, float]
Name = Annotated[str, Field(max_length=64)]
WAITING = 50  # requests
THREE = "Set three corners of the grid, and how many squares lie between them."


class Wanted(BaseModel):
    """What to look for; for `corners` three places in the image, and the squares along the first and the second side."""

    session: Name
    what: Literal["grid", "dish", "corners"]
    corners: Annotated[list[Place], Field(max_length=3)] = []
    squares: tuple[int, int] = (1, 1)


class Kept(BaseModel):
    """The area as JSON (pdc/counting/area.py), null for the whole image of unknown size; `same`: for the whole replicate."""

    session: Name
    area: dict[str, Any] | None
    same: bool = False


def add_area_route(app: FastAPI, access: Access, areas: Areas) -> None:
    turns = Turns(1, WAITING)

    @app.get("/api/area/{sha256}")
    def known(request: Request, sha256: str, session: str) -> JSONResponse:
        """{"chamber": {"name", "width_mm", "height_mm", "depth_mm", "found"} | null, "mm_per_pixel", "replicate"}."""
        return JSONResponse(_known(areas.known(session[:64], sha256, access.user(request) or LOCAL_USER)))

    @app.post("/api/area/{sha256}/found")
    async def found(request: Request, sha256: str, wanted: Wanted) -> JSONResponse:
        """{"area": {...} | null, "said": what to do where nothing is found}. One at a time: it takes a second of a core."""
        reader = access.user(request) or LOCAL_USER
        said = await turns.run(partial(_look, areas, sha256, wanted, reader))
        return JSONResponse({"area": _json(said.area), "said": in_language(said.said, language_of(request)) or ""})

    @app.post("/api/area/{sha256}")
    def keep(request: Request, sha256: str, kept: Kept) -> JSONResponse:
        """{"area": as it is kept}."""
        reader = access.user(request) or LOCAL_USER
        return JSONResponse({"area": _json(areas.set(kept.session, sha256, kept.area, kept.same, reader))})


def _look(areas: Areas, sha256: str, wanted: Wanted, reader: str) -> Found:
    match wanted.what:
        case "grid":
            return areas.grid(wanted.session, sha256, reader)
        case "dish":
            return areas.dish(wanted.session, sha256, reader)
        case "corners":
            if len(wanted.corners) != 3:
                raise BadQuestion(THREE)
            return areas.corners(wanted.session, sha256, tuple(wanted.corners), wanted.squares, reader)


def _json(area: CountingArea | None) -> dict[str, Any] | None:
    return area.to_json() if area else None


def _known(known: Known) -> dict[str, Any]:
    return {"chamber": _chamber(known.chamber), "mm_per_pixel": known.mm_per_pixel, "replicate": known.replicate}


def _chamber(chamber: Chamber | None) -> dict[str, Any] | None:
    if chamber is None:
        return None
    sides = {"width_mm": chamber.width_mm, "height_mm": chamber.height_mm, "depth_mm": chamber.depth_mm}
    return {"name": chamber.name, **sides, "found": chamber.pattern is not None}
