"""Everything that the API refuses is `{"error": "a sentence"}`, in the language that the program asks for."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pdc.client.shapes import Error, what_is_wrong
from pdc.domain.errors import (
    OutOfMemory,
    PdcError,
    ReadFirst,
    SeveralReaders,
    Signed,
    StaleSave,
    StillAnswering,
    Unreachable,
    Unreadable,
)
from pdc.domain.message import Message
from pdc.images.burned_in.door import TextInImage
from pdc.web.limits.refusals import STATUS, refusal, sentence
from pdc.web.privacy.text_route import asked
from pdc.web.watching.faults import own_up

ALSO: dict[type[PdcError], int] = {
    ReadFirst: 403,
    SeveralReaders: 403,
    StaleSave: 409,
    Signed: 409,
    StillAnswering: 409,
    Unreachable: 502,
    Unreadable: 502,
    OutOfMemory: 503,
}
WRONG_FIELD = "The field {field} cannot be taken: {why}. Correct it, then send the request again."
NO_JSON = "The body is no JSON: {why} at character {n}. Correct it, then send the request again."
NO_TYPE = Message("The body is to be JSON. Send it with the header Content-Type: application/json.")
TEXT_IN_IT = Message(
    "Text that may say who somebody is stands in this image. Nothing was stored; "
    "send it again with text=paint to paint it over, or with text=keep."
)
NO_SUCH_PATH = Message("The API has no such address. The page /api/v1/docs lists those there are.")
NO_SUCH_METHOD = Message("This address is not asked with this method. The page /api/v1/docs lists what it takes.")
REFUSED = "The request was refused with status {status}; nothing was changed."
WHY = {
    400: "It cannot be done as it was asked, or a parameter is none that the address takes.",
    401: "No login, or a token that does not work.",
    403: "Not allowed to this user, or sent from another site.",
    404: "There is no such thing, or none that this user may see.",
    409: "Something else stands there now.",
    413: "The body is larger than is taken here.",
    422: "A field is missing or cannot be taken; or the file is no image that can be accepted.",
    429: "Too many requests; `Retry-After` says after how many seconds to come again.",
    502: "The model server does not answer, or not as it should.",
    503: "The store or the model is not available now; with `Retry-After` it is worth to come again.",
    507: "The disk is full, or nearly so; what was acknowledged is kept.",
}


def errors(*also: int) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: what may be answered in place of what was asked for."""
    return {status: {"model": Error, "description": WHY[status]} for status in (400, 401, 403, 404, 422, 429, 503, *also)}


def add_errors(app: FastAPI) -> None:
    app.exception_handler(PdcError)(_say)
    app.exception_handler(TextInImage)(_ask)
    app.exception_handler(RequestValidationError)(_wrong_field)
    app.exception_handler(HTTPException)(_no_such)
    app.exception_handler(Exception)(own_up)


async def _say(request: Request, error: Exception) -> Response:
    assert isinstance(error, PdcError)
    return refusal(request, error, (STATUS | ALSO).get(type(error), 400))


def _ask(request: Request, found: Exception) -> Response:
    assert isinstance(found, TextInImage)
    return asked(request, found, TEXT_IN_IT)


async def _wrong_field(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return sentence(request, 422, Message(NO_JSON, why=first["ctx"]["error"], n=first["loc"][1]))
    if isinstance(error.body, bytes):
        return sentence(request, 422, NO_TYPE)
    place, why = what_is_wrong(error.errors(), skip=1)
    return sentence(request, 422, Message(WRONG_FIELD, field=place, why=why))


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: NO_SUCH_PATH, 405: NO_SUCH_METHOD}
    return sentence(request, error.status_code, known.get(error.status_code) or Message(REFUSED, status=error.status_code))
