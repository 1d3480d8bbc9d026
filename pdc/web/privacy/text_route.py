"""An upload that text is burned into is answered with the places of the text, and nothing is stored; the page asks its reader."""

from __future__ import annotations

import base64
import io
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from pdc.domain.message import Message
from pdc.images.burned_in.door import Action, TextInImage
from pdc.review.service import ReviewService
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of

LONGEST = 1000  # pixels of the picture that is shown
MOST_BOXES = 10_000


def choice_of(text: str) -> Action | None:
    """What the reader chose, of an upload's address; None: they have not been asked."""
    return Action(text) if text in (Action.PAINT, Action.KEEP) else None


def add_text_routes(app: FastAPI, access: Access, service: ReviewService) -> None:
    app.exception_handler(TextInImage)(ask)

    @app.post("/api/images/left-out")
    def left_out(request: Request, boxes: int) -> Response:
        """The reader does not add an image with text in it; that is noted, and nothing else of the image."""
        service.left_out(max(0, min(boxes, MOST_BOXES)), access.user(request) or LOCAL_USER)
        return Response(status_code=204)


def ask(request: Request, found: Exception) -> JSONResponse:
    """What the page shows its reader."""
    assert isinstance(found, TextInImage)
    return asked(request, found, found.message)


def asked(request: Request, found: TextInImage, said: Message) -> JSONResponse:
    """409, with the picture, decoded in a thread, and the boxes. The file is sent again with `text=paint` or `text=keep`."""
    error = in_language(said, language_of(request))
    return JSONResponse({"error": error, "text": _shown(found)}, 409, headers={"Cache-Control": "no-store"})


def _shown(found: TextInImage) -> dict[str, Any]:
    size = {"width": found.accepted.width, "height": found.accepted.height}
    return {**size, "boxes": [list(map(round, box.xyxy)) for box in found.boxes], "picture": _picture(found)}


def _picture(found: TextInImage) -> str:
    """As a JPEG in the answer itself, for there is no address of what is not stored."""
    picture, buffer = found.accepted.pixels(), io.BytesIO()
    picture.thumbnail((LONGEST, LONGEST))
    picture.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
