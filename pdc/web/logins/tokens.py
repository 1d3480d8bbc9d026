"""API tokens of requests: `Authorization: Bearer pdc_...`, sent by a program, never by a browser on its own."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from fastapi import Request

from pdc.domain.users.roles import ByToken, Role
from pdc.store.store import Store
from pdc.store.tokens.records import ApiToken
from pdc.web.login_gate import LoginGate

PREFIX = "pdc_"  # by which scanners for leaked secrets know one
BYTES = 32


def bearer(request: Request) -> str | None:
    """The token of the request, whatever it is worth; None where there is none."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


class Tokens:
    """Who a token stands for. Wrong ones are counted by address in the login gate."""

    def __init__(self, store: Store, gate: LoginGate) -> None:
        self.store, self.gate = store, gate

    def user(self, text: str, address: str) -> ByToken | None:
        """None where the token is unknown, revoked or too old. TooManyTries after many such from one address."""
        token = self.token(text)
        if token is None:
            self.gate.count_wrong_token(address)
            return None
        return ByToken(token.user, token.role)

    def token(self, text: str) -> ApiToken | None:
        """The token, where it works now."""
        return self.store.use_token(digest(text), datetime.now(UTC)) if text.startswith(PREFIX) else None


def make_token(store: Store, user: str, name: str, role: Role, days: int, by: str) -> str:
    """A new token, which is told here once and kept nowhere. NotFound and BadSetting as `Store.add_token`."""
    text, now = PREFIX + secrets.token_urlsafe(BYTES), datetime.now(UTC)
    store.add_token(ApiToken(name, user, role, now, now + timedelta(days=days)), digest(text), by)
    return text


def digest(text: str) -> str:
    """By which the store knows a token: it has 256 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(text.encode()).hexdigest()
