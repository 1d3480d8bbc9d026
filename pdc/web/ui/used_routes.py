"""Which of Gradio's own routes the page uses. All others answer like what is not there, for everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API = "/gradio_api/"
FILES = ("/static/", "/assets/", "/svelte/")
PAGES = ("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/pwa_icon")
CALLS = (
    "run/predict",
    "queue/join",
    "queue/data",
    "heartbeat/",
    "cancel",
    "reset",
    "info",
    "startup-events",
    "app_id",
    "theme.css",
)


def used(route: str) -> bool:
    """Whether the page asks for it. `route` is the path inside the app."""
    if route.startswith(API):
        call = route.removeprefix(API)
        return any(call.startswith(known) if known.endswith("/") else call == known for known in CALLS)
    return route in PAGES or route.startswith(FILES)


class OnlyUsed:
    """Stands before Gradio's own app."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not used(scope["path"].removeprefix(scope.get("root_path", "")) or "/"):
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
