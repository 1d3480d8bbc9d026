"""What nobody foresaw: a sentence for whoever asked, with the id under which the log tells the rest."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from pdc.domain.message import Message
from pdc.web.limits.refusals import sentence
from pdc.web.watching.requests import HEADER

FAULT = "Something went wrong here, and it is a fault of PDC. Whoever runs PDC finds it in the log, under {request}."


async def own_up(request: Request, error: Exception) -> Response:
    """The answer to a request that failed by a fault of ours; the server tells the log about it, under the same id."""
    id = getattr(request.state, "request_id", "")
    answer = sentence(request, 500, Message(FAULT, request=id))
    answer.headers[HEADER] = id
    return answer
