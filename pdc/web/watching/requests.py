"""Every request has an id, is counted, and is told in the log by the template of its route, never by its address."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pdc.logs import REQUEST
from pdc.web.watching.life import Life
from pdc.web.watching.metrics import Metrics

log = logging.getLogger("pdc.access")
HEADER = "x-request-id"
PLAIN = re.compile(rb"[\w.-]{1,64}", re.ASCII)
SEEN = "pdc.seen"  # where the template of the route is handed out of the app
NO_ROUTE = "none"  # refused before a route was looked for, or there is no such route
CUT_OFF = 499  # as others call it: the sender left before the answer began
ENDLESS = "/gradio_api/heartbeat/{session_hash}"  # open as long as its page


@dataclass(slots=True)
class Seen:
    """What is known of one request."""

    method: str
    id: str
    begun: float
    route: str = NO_ROUTE
    status: int = CUT_OFF


class Watched:
    """ASGI middleware around everything else of the app: the id, the count, the line in the log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, life: Life) -> None:
        self.app, self.metrics, self.life = app, metrics, life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = Seen(scope["method"], id_of(scope), time.perf_counter())
        REQUEST.set(seen.id)  # never taken back: the task ends with the request, and what went wrong is told after it
        scope[SEEN], scope.setdefault("state", {})["request_id"] = seen, seen.id
        counts = not scope["path"].removeprefix(scope.get("root_path", "")).startswith(ENDLESS.partition("{")[0])
        self.life.running += counts
        try:
            await self.app(scope, receive, _Numbered(send, seen))
        except Exception:
            seen.status = 500
            raise
        finally:
            self.life.running -= counts
            self._tell(seen)

    def _tell(self, seen: Seen) -> None:
        seconds = time.perf_counter() - seen.begun
        self.metrics.answered(seen.method, seen.route, seen.status, seconds)
        fields = {"method": seen.method, "route": seen.route, "status": seen.status, "ms": round(1000 * seconds)}
        log.info("%s %s %d in %d ms", *fields.values(), extra={"fields": fields})


class Routed:
    """ASGI middleware next to the router: what the router found is written into what it was given."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = scope.get("root_path", "")
        try:
            await self.app(scope, receive, send)
        finally:
            if (seen := scope.get(SEEN)) is not None:
                seen.route = template_of(scope, before)


def template_of(scope: Scope, before: str) -> str:
    """The route as the code writes it, below the app that was asked under the path `before`."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return NO_ROUTE
    return scope.get("root_path", "").removeprefix(before) + path or "/"


def id_of(scope: Scope) -> str:
    """The sender's own id where it is short and plain, else a new one."""
    said = next((value for name, value in scope["headers"] if name == HEADER.encode()), b"")
    return said.decode() if PLAIN.fullmatch(said) else uuid4().hex[:16]


class _Numbered:
    """Sends an answer on with the id of its request."""

    def __init__(self, send: Send, seen: Seen) -> None:
        self.inner, self.seen = send, seen

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.seen.status = message["status"]
            message = {**message, "headers": [*message.get("headers", [])]}
            MutableHeaders(scope=message)[HEADER] = self.seen.id
        await self.inner(message)
