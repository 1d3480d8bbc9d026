"""Who a visitor of a Space is: named by a cookie, or by the address of the page where a browser keeps none.

In the frame on huggingface.co the cookie is another site's, and many browsers keep no such cookie. So whoever comes without one
is sent on to a page under `/visit/<signed name>/`: everything that page asks for lies under the same address. Where the cookie
was kept, that page leads back at once. Opened later the address names nobody, so a link that somebody passes on is no way in.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.types import Scope

from pdc.domain.users.names import VISITOR as PREFIX
from pdc.web.space.cookies import set_cookie

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

COOKIE = "pdc_visitor"
SECONDS = 30 * 24 * 3600  # a visitor who comes back finds their images
VISIT = "/visit/"
OPENS_SECONDS = 60  # so long after it was made the address still opens a page


class Visitors:
    """The names of browsers in which nobody logs in, signed by `signer`."""

    def __init__(self, signer: URLSafeTimedSerializer, seconds: int = SECONDS) -> None:
        self.signer, self.seconds = signer, seconds

    def name(self, request: Request) -> str:
        """The visitor's name: as the address says, or the cookie, or a new one."""
        if not hasattr(request.state, "visitor"):
            request.state.visitor = self.known(request) or f"{PREFIX}{secrets.token_hex(8)}"
        return request.state.visitor

    def known(self, request: Request) -> str | None:
        """The name that the request itself brings; None where it brings none that holds."""
        return self._of_address(request, self.seconds) or self._of_cookie(request)

    def remember(self, request: Request, response: Response) -> None:
        """Give a new visitor a cookie with their name."""
        if self._of_cookie(request) is None:
            set_cookie(response, COOKIE, self.signer.dumps(self.name(request)), self.seconds, framed=True, secure=True)

    def arrive(self, request: Request) -> Response | None:
        """Where the page itself is asked for: a way to the address that names its visitor; None where it can be shown."""
        at_visit, cookie = bool(request.scope.get("root_path")), self._of_cookie(request)
        if cookie is not None:
            return _way("/", request) if at_visit else None
        if at_visit and self._of_address(request, OPENS_SECONDS):
            return None
        request.state.visitor = f"{PREFIX}{secrets.token_hex(8)}"
        return _way(self.address(request.state.visitor), request)

    def again(self, token: str) -> str | None:
        """A fresh address for the visitor whose page kept this token of an earlier one; None where it no longer holds."""
        name = self._read(token, VISIT, self.seconds)
        return self.address(name) if name else None

    def address(self, name: str) -> str:
        """The address of a page of this visitor's."""
        return f"{VISIT}{self.signer.dumps(name, salt=VISIT)}/"

    def _of_address(self, request: Request, seconds: int) -> str | None:
        return self._read(request.scope.get("root_path", "").removeprefix(VISIT), VISIT, seconds)

    def _of_cookie(self, request: Request) -> str | None:
        return self._read(request.cookies.get(COOKIE, ""), None, self.seconds)

    def _read(self, token: str, salt: str | None, seconds: int) -> str | None:
        from itsdangerous import BadSignature

        try:
            name = self.signer.loads(token, max_age=seconds, salt=salt)
        except BadSignature:
            return None
        return name if isinstance(name, str) and name.startswith(PREFIX) else None


def under_visit(scope: Scope) -> Scope:
    """The request as one to the app under `/visit/<signed name>`, where its address begins so."""
    if not scope["path"].startswith(VISIT) or "/" not in scope["path"][len(VISIT) :]:
        return scope
    token = scope["path"][len(VISIT) :].split("/", 1)[0]
    return {**scope, "root_path": VISIT + token}


def _way(path: str, request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(quote(path, safe="/._-") + query, 303)
