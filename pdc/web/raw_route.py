"""The numbers of an image's file for the screen, which shows any window of them."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pdc.domain.errors import NotFound
from pdc.images.raw_files import Plane, plane
from pdc.review.service import ReviewService
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.turns import Turns


def add_raw_route(app: FastAPI, access: Access, service: ReviewService, turns: Turns, headers: dict[str, str]) -> None:
    @app.get("/raw/{sha256}/{channel}")
    async def raw(request: Request, sha256: str, channel: str) -> Response:
        """A channel, counted from 0, or `all` colours, as little-endian uint16; the headers say what one step means."""
        found = await turns.run(partial(_numbers, service, sha256, channel, access.user(request) or LOCAL_USER))
        scale = {"X-Base": repr(found.base), "X-Step": repr(found.step)}
        return Response(found.data, media_type="application/octet-stream", headers={**headers, **scale})


def _numbers(service: ReviewService, sha256: str, channel: str, reader: str) -> Plane:
    image = service.image(sha256, reader)
    if image.view is None or image.view.raw is None or not (channel == "all" or channel.isdecimal()):
        raise NotFound("The numbers of this image are missing; upload the image again.")
    return plane(service.files.raw_path(image.view), None if channel == "all" else int(channel))
