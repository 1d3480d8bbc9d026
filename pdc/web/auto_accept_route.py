"""Routes by which a reader accepts, unseen, what leaves nothing in doubt, and takes that back."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pdc.review.auto_accept import LOOKED, AutoAccept
from pdc.review.worklist import Worklist, without_hints
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of
from pdc.web.ui.worklist import filter_from


class Unseen(BaseModel):
    """Which images (sha256)."""

    images: list[str] = Field(max_length=LOOKED)


def add_routes(app: FastAPI, access: Access, images: Worklist) -> None:
    unseen = AutoAccept(images)

    def reader(request: Request) -> str:
        return access.user(request) or LOCAL_USER

    @app.get("/api/worklist/auto-accept")
    def offer(request: Request) -> JSONResponse:
        """Which images of the list may be accepted unseen, of how many, and why the others are left; `more`: not all were looked
        at."""
        wanted = without_hints(filter_from(request.query_params), images.service.blind)
        found, language = unseen.offer(reader(request), wanted), language_of(request)
        left = [in_language(why, language) for why in found.reasons]
        return JSONResponse({"images": list(found.images), "of": found.total, "left": left, "more": found.more})

    @app.post("/api/worklist/auto-accept")
    def accept(request: Request, asked: Unseen) -> JSONResponse:
        """Those of the images that nothing speaks against now are accepted; the answer names them."""
        return JSONResponse({"images": unseen.accept(asked.images, reader(request))})

    @app.post("/api/worklist/take-back")
    def take_back(request: Request, asked: Unseen) -> JSONResponse:
        """Those of the images that nobody has looked at since are as if they had not been accepted; the answer names them."""
        return JSONResponse({"images": unseen.take_back(asked.images, reader(request))})
