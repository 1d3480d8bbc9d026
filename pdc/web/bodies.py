"""Bodies of requests, bounded whatever their headers claim."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request

from pdc.domain.errors import BadImage
from pdc.domain.message import Message

TOO_LARGE = "The upload is larger than {n} MB. Choose a smaller file, or raise PDC_MAX_UPLOAD_MB."


def too_large(limit: int) -> Message:
    return Message(TOO_LARGE, n=limit // 1_000_000)


async def body_of(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The request's body in parts. BadImage as soon as it passes `limit` bytes."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BadImage(too_large(limit))
        yield part
