"""How large the body of a request may be: counted while it comes, on every route, whatever its headers claim."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from pdc.domain.message import Message
from pdc.web.page_policy import headers_for
from pdc.web.space.visitors import under_visit
from pdc.web.ui.words import in_language, language_of

KB, MB = 1_000, 1_000_000
OTHERWISE = 1 * MB
UPLOADS = ("/api/images", "/api/data/import", "/api/v1/images")  # as large as the settings allow
ROUTES = {
    "/login": 64 * KB,
    "/logout": 64 * KB,
    "/session": 64 * KB,
    "/visit": 64 * KB,
    "/api/worklist/": 8 * MB,  # the names of 100,000 images
    "/api/v1/images/": 16 * MB,  # a review of 6,400 marks
    "/gradio_api/run/": 16 * MB,  # a draft, and the one that it is merged with, of 5,000 marks each
    "/gradio_api/queue/": 16 * MB,
}
UPLOAD_TOO_LARGE = "The upload is larger than {n} MB. Choose a smaller file, or raise PDC_MAX_UPLOAD_MB."
TOO_LARGE = "What was sent is larger than {n} kB, the most that is taken here. Nothing was changed; send less at once."


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The most bytes of a body, by its path; `upload` is that of a file."""

    upload: int

    def of(self, path: str) -> int:
        if path in UPLOADS:
            return self.upload
        return next((most for start, most in ROUTES.items() if path.startswith(start)), OTHERWISE)

    def sentence(self, path: str) -> Message:
        most = self.of(path)
        return Message(UPLOAD_TOO_LARGE, n=most // MB) if path in UPLOADS else Message(TOO_LARGE, n=most // KB)


class BodyTooLarge(HTTPException):
    """The body has passed its limit; the route that was reading it ends."""

    def __init__(self) -> None:
        super().__init__(413)


@dataclass(slots=True)
class CountedBody:
    """A body that ends with BodyTooLarge once it is past `most` bytes. What the route then answers is not sent."""

    inner_receive: Receive
    inner_send: Send
    most: int
    size: int = 0
    answered: bool = False

    @property
    def passed(self) -> bool:
        return self.size > self.most

    async def receive(self) -> AsgiMessage:
        message = await self.inner_receive()
        self.size += len(message.get("body", b""))
        if self.passed and message["type"] == "http.request":
            raise BodyTooLarge
        return message

    async def send(self, message: AsgiMessage) -> None:
        if not self.passed or self.answered:
            self.answered = True
            await self.inner_send(message)


class BodyLimit:
    """ASGI middleware around everything: 413 with a sentence as soon as a body is past the limit of its route. A sender who
    leaves in the middle of a body is no fault of ours, and no line in the log. `framed`: as in `page_policy`."""

    def __init__(self, app: ASGIApp, limits: BodyLimits, framed: bool) -> None:
        self.app, self.limits, self.framed = app, limits, framed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = self._path(scope)
        most = self.limits.of(path)
        if _claimed(scope) > most:
            await self._refusal(scope, path)(scope, receive, send)
            return
        body = CountedBody(receive, send, most)
        try:
            await self.app(scope, body.receive, body.send)
        except Exception as error:
            if not (body.passed or isinstance(error, ClientDisconnect)):
                raise
        if body.passed and not body.answered:
            await self._refusal(scope, path)(scope, receive, send)

    def _path(self, scope: Scope) -> str:
        scope = under_visit(scope) if self.framed else scope
        return scope["path"].removeprefix(scope.get("root_path", ""))

    def _refusal(self, scope: Scope, path: str) -> Response:
        said = in_language(self.limits.sentence(path), language_of(Request(scope)))
        headers = {**headers_for(scope, framed=self.framed), "Cache-Control": "no-store"}
        return JSONResponse({"error": said}, 413, headers)


def _claimed(scope: Scope) -> int:
    """The length in the headers; 0 where there is none."""
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(said) if said.isdigit() else 0
