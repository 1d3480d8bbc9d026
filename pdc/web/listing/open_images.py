"""A page says which image it has open, again and again, so that nobody else is sent to it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pdc.review.listing.claims import Claims
from pdc.web.auth import LOCAL_USER, Access


class OpenImage(BaseModel):
    """Which image (sha256) the page has open, if any, and which it has no longer."""

    image: str = Field("", max_length=64)
    left: str = Field("", max_length=64)


def add_open_route(app: FastAPI, access: Access, claims: Claims) -> None:
    @app.post("/api/worklist/open")
    def hold(request: Request, asked: OpenImage) -> JSONResponse:
        """Nobody else is sent to the image for two minutes; asked again while it is open."""
        reader = access.user(request) or LOCAL_USER
        if asked.left:
            claims.let_go(asked.left, reader)
        if asked.image:
            claims.hold(asked.image, reader)
        return JSONResponse({"image": asked.image})
