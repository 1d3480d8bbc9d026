"""Routes for what happens to the images as a whole: retired and restored."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pdc.review.service import ReviewService
from pdc.web.auth import LOCAL_USER, Access


class Retirement(BaseModel):
    """Which images (sha256), and why."""

    images: list[str] = Field(max_length=100_000)
    why: str = Field("", max_length=200)


def add_routes(app: FastAPI, access: Access, service: ReviewService) -> None:
    """Every reader's own: what they see, and nobody else's."""

    def reader(request: Request) -> str:
        return access.user(request) or LOCAL_USER

    @app.post("/api/worklist/retire")
    def retire(request: Request, asked: Retirement) -> JSONResponse:
        """Images out of every list, export and training run; nothing is erased."""
        service.retire(asked.images, reader(request), asked.why.strip())
        return JSONResponse({"retired": len(asked.images)})

    @app.post("/api/worklist/restore")
    def restore(request: Request, asked: Retirement) -> JSONResponse:
        """Retired images back."""
        service.restore(asked.images, reader(request))
        return JSONResponse({"restored": len(asked.images)})
