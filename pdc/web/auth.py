"""Who may come in: users with passwords, signed session cookies, and the checks on where a request comes from."""

from __future__ import annotations

import hashlib
import html
import secrets
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pdc import files
from pdc.domain.errors import BadSetting, Busy, TooManyTries
from pdc.domain.message import Message
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.refusals import Refusals
from pdc.store.store import Store
from pdc.web.login_gate import LoginGate
from pdc.web.logins.tokens import PREFIX, Tokens, bearer
from pdc.web.space.cookies import set_cookie
from pdc.web.space.visitors import SECONDS, Visitors

if TYPE_CHECKING:
    from pdc.domain.users.roles import Role
    from pdc.store.records import StoredUser

COOKIE = "pdc_session"
IDLE_SECONDS = 3600
KEY_BYTES = 32
MIN_PASSWORD = 10
LOCAL_USER = "reader"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})

PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>PDC: {log_in}</title><style>
body{{font:16px system-ui;background:#14181d;color:#e8ebee;display:grid;place-items:center;min-height:95vh}}
form{{display:grid;gap:.8rem;width:18rem}} input,button{{font:inherit;padding:.6rem;border-radius:6px;border:1px solid #5a6672}}
input{{background:#1d232a;color:inherit}} button{{background:#2f6fb0;color:#fff;border:0}} p{{color:#ffb4a8;margin:0}}
</style><form method="post" action="/login"><h1>PDC</h1><p role="alert">{message}</p>
<label>{name} <input name="name" autocomplete="username" autofocus required></label>
<label>{password} <input name="password" type="password" autocomplete="current-password" required></label>
<button>{log_in}</button></form></html>"""
ON_PAGE = {"log_in": Message("Log in"), "name": Message("Name"), "password": Message("Password")}
WRONG = Message("This name and password do not fit. Try again, or ask whoever runs PDC.")


class Access:
    """`login`: everyone must log in. `visitors`: nobody has to, and each browser is its own user (a public Space); they are
    forgotten `visit` seconds after they were named.

    Who works stays logged in; after `idle` seconds without work, or once the password changes or the user is removed, nobody is.
    """

    def __init__(
        self, store: Store, home: Path, *, login: bool, visitors: bool = False, idle: int = IDLE_SECONDS, visit: int = SECONDS
    ) -> None:
        from itsdangerous import URLSafeTimedSerializer

        self.store, self.login, self.visitors, self.idle = store, login, visitors, idle
        self.gate = LoginGate(store)
        self.tokens = Tokens(store, self.gate)
        self.refusals = Refusals(store.record_event, lambda name: store.user(name) is not None)
        self.signer = URLSafeTimedSerializer(_secret(home))
        self.visits = Visitors(self.signer, visit)
        self.seen: Callable[[str], object] = lambda name: None
        """told who came, of a Space's visitors"""

    def user(self, request: Request) -> str | None:
        """The name of whoever sent the request, or None when they must log in first; `ByToken` where an API token says it.

        StoreUnavailable, TooManyTries.
        """
        if self.visitors and not self.by_token(request):
            return self._reader(request) or self.visits.name(request)
        return self._reader(request) if self.login or self.visitors else LOCAL_USER

    def logged_in(self, request: Request) -> str | None:
        """Who logged in; None where nobody did, or has to."""
        return self._reader(request) if self.login or self.visitors else None

    def remember(self, request: Request, response: Response) -> None:
        """Give a new visitor of a Space a name of their own."""
        if self.visitors and not self.by_token(request) and self._reader(request) is None:
            self.visits.remember(request, response)

    def note(self, request: Request) -> None:
        """Somebody who was here before is here again."""
        if self.visitors and (name := self._reader(request) or self.visits.known(request)):
            self.seen(name)

    def arrive(self, request: Request) -> Response | None:
        """Where a visitor's page lies, when it is not where they ask for it."""
        new = self.visitors and not self.by_token(request) and self._reader(request) is None
        return self.visits.arrive(request) if new else None

    async def log_in(self, request: Request, name: str, password: str) -> Response:
        try:
            fits = await self.gate.check(name, _address(request), partial(self._password_fits, name, password))
        except TooManyTries as early:
            await run_sync(self.refusals.add, name, _address(request))
            return self.page(request, early.message, 429)
        except Busy as full:
            return self.page(request, full.message, 503)
        if not fits:
            await run_sync(self.refusals.add, name, _address(request))
            return self.page(request, WRONG, 401)
        return await run_sync(self.admit, request, name)

    def admit(self, request: Request, name: str) -> Response:
        """The way in for a user whose word has been checked: the page, and a cookie for a session of its own."""
        self.store.record_event(AuditKind.LOGIN, name, address=_address(request))
        response = RedirectResponse("/", 303)
        self._set(request, response, self._session(name, secrets.token_hex(8)))
        return response

    def renew(self, request: Request, response: Response) -> None:
        """The reader is at work: their time starts again."""
        if not self.by_token(request) and (name := self.logged_in(request)) is not None:
            self._set(request, response, self._session(name, self._named(request)[2]))

    def log_out(self, request: Request) -> Response:
        """The session ends here, also for whoever has a copy of its cookie."""
        if not self.by_token(request) and (name := self.logged_in(request)) is not None:
            self.store.record_event(AuditKind.LOGGED_OUT, name)
            self.store.end_session(self._named(request)[2])
        response = RedirectResponse("/login", 303)
        set_cookie(response, COOKIE, "", 0, framed=self.visitors, secure=request.url.scheme == "https")
        return response

    def page(self, request: Request, said: Message | str = "", status: int = 200) -> Response:
        """The page to log in on, with a sentence, in the language of the browser."""
        from pdc.web.ui.words import in_language, language_of

        language = language_of(request)
        words = {key: html.escape(in_language(text, language)) for key, text in {**ON_PAGE, "message": said}.items()}
        return HTMLResponse(PAGE.format(language=html.escape(language), **words), status)

    def host_allowed(self, request: Request) -> bool:
        """Without a login only this machine's own names are served: another name means a rebound DNS entry."""
        if self.login or self.visitors:
            return True
        return request.headers.get("host", "").rsplit(":", 1)[0] in LOCAL_HOSTS

    def by_token(self, request: Request) -> bool:
        """Whether an API token has to say who it is; then no cookie does. No browser sends one on its own. To a Space others
        come with tokens of Hugging Face."""
        text = bearer(request)
        return text is not None and (self.login or (self.visitors and text.startswith(PREFIX)))

    def same_origin(self, request: Request) -> bool:
        """Whether a request that changes something comes from a page of ours, or from no page at all."""
        if self.by_token(request):
            return True
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return False
        origin = request.headers.get("origin")
        host = request.headers.get("x-forwarded-host") if self.visitors else None
        return origin is None or origin.split("//", 1)[-1] in (request.headers.get("host"), host)

    def _password_fits(self, name: str, password: str) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import Argon2Error, InvalidHashError

        user = self.store.user(name)
        try:
            # An unknown name costs the same time as a known one.
            return PasswordHasher().verify(user.password_hash if user else _nobody(), password) and user is not None
        except (Argon2Error, InvalidHashError):
            return False

    def _reader(self, request: Request) -> str | None:
        """Who the token or the cookie names; looked up once a request."""
        if not hasattr(request.state, "reader"):
            token = (bearer(request) or "") if self.by_token(request) else None
            request.state.reader = self._by_cookie(request) if token is None else self.tokens.user(token, _address(request))
        return request.state.reader

    def standing(self, request: Request) -> tuple[str, Role] | None:
        """The user who made the request and what they may do now; None once they may not make it, or where nobody logs in.

        For requests that go on for long. How old the cookie is does not count: the page has a newer one meanwhile.
        """
        if self.by_token(request):
            token = self.tokens.token(bearer(request) or "")
            return (token.user, token.role) if token else None
        if (login := getattr(request.state, "login", None)) is None:
            return None
        found, request.state.just_found = request.state.just_found, None
        user = found or self._stands(*login)
        return (user.name, user.role) if user else None

    def _by_cookie(self, request: Request) -> str | None:
        """Who the cookie names, if their password is still the one that they logged in with."""
        login = self._named(request)
        if (user := self._stands(*login)) is None:
            return None
        request.state.login, request.state.just_found = login, user
        return login[0]

    def _stands(self, name: str, stamp: str, id: str) -> StoredUser | None:
        """The user of a login that still holds."""
        user = self.store.user_of(name, id) if name else None
        return user if user is not None and secrets.compare_digest(stamp, _stamp(user)) else None

    def _named(self, request: Request) -> tuple[str, str, str]:
        """The user, the stamp and the session that the cookie names; nothing where it is none of ours, or too old."""
        said = self._signed(request, COOKIE, self.idle)
        whole = isinstance(said, list) and len(said) == 3 and all(isinstance(part, str) for part in said)
        return (said[0], said[1], said[2]) if whole else ("", "", "")

    def _session(self, name: str, id: str) -> list[str]:
        user = self.store.user(name)
        return [name, _stamp(user) if user else "", id]

    def _signed(self, request: Request, cookie: str, seconds: int) -> Any:
        from itsdangerous import BadSignature

        try:
            return self.signer.loads(request.cookies.get(cookie, ""), max_age=seconds)
        except BadSignature:
            return None

    def _set(self, request: Request, response: Response, said: list[str]) -> None:
        secure = request.url.scheme == "https"
        set_cookie(response, COOKIE, self.signer.dumps(said), self.idle, framed=self.visitors, secure=secure)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def hash_password(password: str) -> str:
    """Argon2id hash for the store. Raises BadSetting for a password that is too short."""
    from argon2 import PasswordHasher

    if len(password) < MIN_PASSWORD:
        raise BadSetting(f"The password has {len(password)} characters; use {MIN_PASSWORD} or more.")
    return PasswordHasher().hash(password)


def _stamp(user: StoredUser) -> str:
    """What changes with the user's password, and says nothing of it."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


@lru_cache
def _nobody() -> str:
    """A hash that no password fits."""
    return hash_password(secrets.token_hex(16))


def _secret(home: Path) -> bytes:
    """The key that signs cookies; made once, readable by the owner only. BadSetting when the file holds no whole key."""
    path = home / "secret"
    if not path.exists():
        files.write_once(path, secrets.token_hex(KEY_BYTES).encode())
    key = path.read_bytes().strip()
    if len(key) < KEY_BYTES:
        raise BadSetting(
            f"The key file {path} holds {len(key)} bytes and needs {KEY_BYTES} or more: anybody could sign a login with it. "
            "Remove the file and start again; a new key is made, and everybody logs in anew."
        )
    return key
