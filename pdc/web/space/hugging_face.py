"""Logging in with Hugging Face, on a Space whose front matter says `hf_oauth: true`: its owner is admin, everybody else a reader.

An account that is made so has no password: in its place stands whose it is at Hugging Face. So nobody gets into it by another
account of the same name, here or there.
"""

from __future__ import annotations

import html
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from pdc.domain.errors import Forbidden, PdcError
from pdc.domain.message import Message
from pdc.domain.users.roles import Role
from pdc.web.auth import Access
from pdc.web.space.cookies import set_cookie

log = logging.getLogger(__name__)
START, BACK = "/login/huggingface", "/login/callback"
COOKIE, SECONDS = "pdc_oauth", 600
BY = "huggingface:"  # stands before the account's number there, where others have the hash of a password
WORDS = {"retry": Message("Log in with Hugging Face"), "back": Message("Go on without logging in")}
FAILED = Message("Logging in with Hugging Face did not work, so nobody was logged in. Try again.")
TAKEN = "There is another account named {name} here, so you cannot log in under this name; ask whoever runs this Space."
PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>PDC</title><style>
body{{font:16px system-ui;background:#14181d;color:#e8ebee;display:grid;place-items:center;min-height:95vh}}
main{{display:grid;gap:.8rem;max-width:24rem}} a{{color:#8cc4ff}} p{{color:#ffb4a8;margin:0}}
</style><main><h1>PDC</h1><p role="alert">{message}</p><a href="/login/huggingface">{retry}</a><a href="/">{back}</a></main>
</html>"""


@dataclass(frozen=True, slots=True)
class Provider:
    """What Hugging Face tells a Space about logging in, and about its owner."""

    url: str
    client: str
    secret: str
    host: str
    owner: str = ""
    creator: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Provider | None:
        """None where the Space has no log-in."""
        names = ("OPENID_PROVIDER_URL", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "SPACE_HOST")
        told = [env.get(name, "").strip() for name in names]
        if not all(told):
            return None
        url, client, secret, host = told
        return cls(
            url, client, secret, host, env.get("SPACE_AUTHOR_NAME", "").strip(), env.get("SPACE_CREATOR_USER_ID", "").strip()
        )

    def owns(self, name: str, id: str) -> bool:
        """Whether the Space is this account's: under its name, or made by it."""
        return (self.owner != "" and name.casefold() == self.owner.casefold()) or (self.creator != "" and id == self.creator)


class HuggingFaceLogin:
    """The way to Hugging Face and back. State, nonce and the PKCE verifier wait in a signed cookie of the browser."""

    def __init__(self, provider: Provider, access: Access) -> None:
        from authlib.integrations.starlette_client import OAuth

        self.provider, self.access = provider, access
        self.client: Any = OAuth().register(
            "huggingface",
            client_id=provider.client,
            client_secret=provider.secret,
            server_metadata_url=f"{provider.url.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
        )

    async def set_out(self, request: Request) -> Response:
        """To Hugging Face, where the visitor says that they want to log in here."""
        session: dict[str, Any] = {}
        request.scope["session"] = session  # where authlib keeps what the way back is checked against
        try:
            response = await self.client.authorize_redirect(request, f"https://{self.provider.host}{BACK}")
        except Exception:  # no network, or an answer that is not one of OpenID
            log.exception("Hugging Face could not be asked for a login")
            return _page(request, FAILED, 502)
        set_cookie(response, COOKIE, self.access.signer.dumps(session, salt=COOKIE), SECONDS, framed=True, secure=True)
        return response

    async def come_back(self, request: Request) -> Response:
        """A session for whoever Hugging Face says it is; the page with a sentence where that does not hold."""
        try:
            claims = await self._claims(request)
            name, id = str(claims["preferred_username"]), str(claims["sub"])
            response = self.access.admit(request, self._account(name, id))
        except PdcError as error:
            response = _page(request, error.message, 403)
        except Exception as error:  # of authlib, joserfc, httpx: whatever is wrong with the answer, nobody gets in
            log.warning("a login with Hugging Face failed: %s", type(error).__name__)
            response = _page(request, FAILED, 403)
        set_cookie(response, COOKIE, "", 0, framed=True, secure=True)
        return response

    async def _claims(self, request: Request) -> Mapping[str, Any]:
        """What the signed token says, once it was checked: for whom, by whom, until when, and for this very log-in."""
        request.scope["session"] = self.access.signer.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS, salt=COOKIE)
        issuer = self.provider.url.rstrip("/")
        expected = {
            "iss": {"essential": True, "values": [issuer, f"{issuer}/"]},
            "aud": {"essential": True, "value": self.provider.client},
            "sub": {"essential": True},
        }
        token = await self.client.authorize_access_token(request, claims_options=expected)
        claims = token["userinfo"]
        if "preferred_username" in claims:
            return claims
        more = await self.client.userinfo(token=token)
        if more["sub"] != claims["sub"]:
            raise Forbidden(FAILED)
        return more

    def _account(self, name: str, id: str) -> str:
        """The name of the account here; made at the first log-in. Forbidden where the name is somebody else's."""
        store, owner = self.access.store, self.provider.owns(name, id)
        user = store.user(name)
        if user is None:
            store.add_user(name, BY + id, Role.ADMIN if owner else Role.READER)
        elif user.password_hash != BY + id:
            raise Forbidden(TAKEN, name=name)
        elif owner and user.role is not Role.ADMIN:
            store.set_role(name, Role.ADMIN)
        return name


def add_login_routes(app: FastAPI, access: Access, provider: Provider) -> None:
    """The two addresses of a log-in with Hugging Face."""
    login = HuggingFaceLogin(provider, access)

    @app.get(START)
    async def start(request: Request) -> Response:
        return await login.set_out(request)

    @app.get(BACK)
    async def back(request: Request) -> Response:
        return await login.come_back(request)


def _page(request: Request, said: Message, status: int) -> Response:
    from pdc.web.ui.words import in_language, language_of

    language = language_of(request)
    words = {key: html.escape(in_language(text, language)) for key, text in {**WORDS, "message": said}.items()}
    return HTMLResponse(PAGE.format(**words | {"language": html.escape(language)}), status)
