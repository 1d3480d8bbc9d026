"""What the page may load and run: only what this server sent, by a Content-Security-Policy with a nonce for each page.

Gradio compiles the small functions of its components from text, so 'unsafe-eval' stays; text that a person or a model wrote
is never compiled, and a script in it has no nonce. Styles may be inline: Gradio sets them on elements.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope

Send = Callable[[Message], Awaitable[None]]
SPACES = "https://huggingface.co"
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
)
KEPT_NOWHERE = ("text/html", "application/json", "text/csv")
A_YEAR = 31_536_000  # seconds


def frames_of(framed: bool) -> str:
    """Which pages may show this one inside them."""
    return f"'self' {SPACES}" if framed else "'none'"


def headers_for(scope: Scope, *, framed: bool) -> dict[str, str]:
    """What every answer says besides. `framed`: the page is shown inside Hugging Face's, as that of a Space is."""
    said = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "X-Robots-Tag": "noindex",
        "Content-Security-Policy": f"frame-ancestors {frames_of(framed)}",
    }
    if not framed:
        said["X-Frame-Options"] = "DENY"
    if scope.get("scheme") == "https":
        said["Strict-Transport-Security"] = f"max-age={A_YEAR}"
    return said


class PageSender:
    """Sends an answer on with these headers, where it does not set them itself; a page of HTML without a policy
    of its own gets a nonce on its scripts."""

    def __init__(self, send: Send, headers: dict[str, str], cookies: list[tuple[bytes, bytes]], *, framed: bool) -> None:
        self.send, self.headers, self.cookies, self.framed = send, headers, cookies, framed
        self.page: Message | None = None
        self.guarded = False
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._with_headers(message)
            if not self.guarded and MutableHeaders(scope=message).get("content-type", "").startswith("text/html"):
                self.page = message
                return
        elif self.page is not None and message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self.page)
            return
        await self.send(message)

    def _with_headers(self, message: Message) -> Message:
        message = {**message, "headers": [*message.get("headers", []), *self.cookies]}
        headers = MutableHeaders(scope=message)
        self.guarded = "content-security-policy" in headers
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        if headers.get("content-type", "").startswith(KEPT_NOWHERE):
            headers.setdefault("Cache-Control", "no-store")
        return message

    async def _send_page(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = self.body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers["Content-Security-Policy"] = POLICY.format(nonce=nonce, frames=frames_of(self.framed))
        headers["Content-Length"] = str(len(body))
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body})
