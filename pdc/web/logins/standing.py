"""Requests that stay open, such as the events of a page: each ends soon after its user may no longer make it."""

from __future__ import annotations

import asyncio
import logging

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from pdc.web.auth import Access
from pdc.web.ui.sessions import LOG_IN

EVERY = 3.0  # seconds between two looks
log = logging.getLogger(__name__)


class OpenRequests:
    """Looks again, while a request is served, whether the login, the token and the role that it came with still hold."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.looking: CapacityLimiter | None = None  # made in the event loop that it belongs to

    async def serve(self, app: ASGIApp, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer, cut short with the standing of whoever asked."""
        if (standing := self.access.standing(request)) is None:
            return await app(scope, receive, send)
        answer, serving = _Answer(send), asyncio.current_task()
        watching = asyncio.create_task(self._watch(request, standing, answer, serving))
        try:
            await app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if not answer.cut or serving is None:
                raise
            serving.uncancel()
            await answer.end(scope, receive)
        finally:
            watching.cancel()

    async def _watch(self, request: Request, before: object, answer: _Answer, serving: asyncio.Task[None] | None) -> None:
        while await self._now(request) == before:
            pass
        log.info("an open request ends: its login, token or role no longer holds")
        answer.cut = True
        if serving is not None:
            serving.cancel()

    async def _now(self, request: Request) -> object:
        await asyncio.sleep(EVERY)
        self.looking = self.looking or CapacityLimiter(1)
        return await to_thread.run_sync(self.access.standing, request, limiter=self.looking)


class _Answer:
    """What is sent of an answer; one that was cut is ended in order."""

    def __init__(self, to: Send) -> None:
        self.to = to
        self.begun = self.cut = False

    async def send(self, message: AsgiMessage) -> None:
        self.begun = True
        await self.to(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        if self.begun:
            await self.to({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await JSONResponse({"error": str(LOG_IN)}, 401)(scope, receive, self.to)
