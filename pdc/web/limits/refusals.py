"""What was refused, as an answer: a sentence in the reader's language, with the status that a program goes by."""

from __future__ import annotations

import logging

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from pdc.domain.errors import (
    BadImage,
    Busy,
    DiskFull,
    Forbidden,
    NotFound,
    PdcError,
    QuotaReached,
    StoreUnavailable,
    TooManyTries,
)
from pdc.domain.message import Message
from pdc.web.limits.turns import RETRY_SECONDS
from pdc.web.ui.words import in_language, language_of

log = logging.getLogger(__name__)
STATUS: dict[type[PdcError], int] = {
    NotFound: 404,
    BadImage: 422,
    Forbidden: 403,
    TooManyTries: 429,
    StoreUnavailable: 503,
    DiskFull: 507,
    QuotaReached: 429,
    Busy: 503,
}


async def say(request: Request, error: Exception) -> Response:
    """The sentence of a PdcError."""
    assert isinstance(error, PdcError)
    return refusal(request, error, STATUS.get(type(error), 400))


def refusal(request: Request, error: PdcError, status: int) -> Response:
    """The sentence of a PdcError under this status."""
    if isinstance(error, StoreUnavailable):
        log.warning("%s", error)  # with the place that readers are not told
    return sentence(request, status, error.message, again=isinstance(error, Busy))


def sentence(request: Request, status: int, said: Message, *, again: bool = False) -> Response:
    """`again`: it may be asked for once more, after so many seconds."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if again else None
    return JSONResponse({"error": in_language(said, language_of(request))}, status, headers)
