"""Logging in with Hugging Face, against a small OpenID provider with signed tokens on this machine."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from pdc.domain.users.roles import Role
from pdc.store import Store
from pdc.web.auth import Access, hash_password
from pdc.web.space.hugging_face import Provider, add_login_routes

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
ADA, BOB = {"sub": "1234", "preferred_username": "ada"}, {"sub": "99", "preferred_username": "bob"}
TO_SPACE = "https://space.test/login/callback"


@dataclass
class OpenId:
    """The provider: who says yes to a log-in, and what its token then says; `lies` are claims in place of the true ones."""

    url: str
    key: RSAKey = field(default_factory=lambda: KEY)
    lies: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)
    sparse: bool = False
    """its token names the account by its number only"""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def about() -> dict[str, Any]:
            paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            ends = {f"{name}_endpoint": f"{self.url}/oauth/{path}" for name, path in paths.items()}
            algorithms = {"id_token_signing_alg_values_supported": ["RS256"]}
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **ends, **algorithms}

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [KEY.as_dict(private=False)]}

        @app.get("/oauth/userinfo")
        def userinfo() -> dict[str, Any]:
            return dict(ADA)

        @app.post("/oauth/token")
        async def token(request: Request) -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            basic = base64.b64encode(b"pdc-client:pdc-secret").decode()
            asked, account = self.codes.pop(form["code"], ({}, {}))
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
            fits = asked.get("redirect_uri") == form["redirect_uri"] and asked.get("code_challenge") == challenge.decode()
            if not fits or basic not in request.headers["authorization"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            now = int(time.time())
            claims = {"iss": self.url, "aud": "pdc-client", "iat": now, "exp": now + 60, "nonce": asked["nonce"], **account}
            if self.sparse:
                claims.pop("preferred_username")
            signed = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.lies}, self.key)
            return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

        return app

    def agree(self, sent_to: str, account: dict[str, Any]) -> str:
        """The account says yes on the provider's page; where its browser is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(sent_to).query).items()}
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256" and asked["redirect_uri"] == TO_SPACE
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = asked, account
        return f"/login/callback?code={code}&state={asked['state']}"


@pytest.fixture(scope="module")
def running() -> Iterator[OpenId]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    provider = OpenId(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(provider.app(), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield provider
    server.should_exit = True
    thread.join()


@pytest.fixture
def openid(running: OpenId) -> OpenId:
    running.key, running.lies, running.sparse = KEY, {}, False
    return running


class Space:
    """A Space of ada's, and browsers at it."""

    def __init__(self, folder: Path, openid: OpenId) -> None:
        self.openid, self.store = openid, Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")
        self.access = Access(self.store, folder, login=False, visitors=True)
        self.app = FastAPI()
        add_login_routes(self.app, self.access, Provider(openid.url, "pdc-client", "pdc-secret", "space.test", owner="Ada"))

        @self.app.get("/who")
        def who(request: Request) -> dict[str, str | None]:
            return {"user": self.access.user(request)}

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url="https://space.test", follow_redirects=False)

    def log_in(self, browser: TestClient, account: dict[str, Any]) -> Any:
        return browser.get(self.openid.agree(browser.get("/login/huggingface").headers["location"], account))


@pytest.fixture
def space(tmp_path: Path, openid: OpenId) -> Space:
    return Space(tmp_path, openid)


def who(browser: TestClient) -> str:
    return browser.get("/who").json()["user"]


def refused(answer: Any, browser: TestClient) -> bool:
    return answer.status_code == 403 and 'role="alert"' in answer.text and who(browser).startswith("visitor-")


def test_the_owner_comes_in_as_admin_and_anybody_else_as_a_reader(space: Space):
    ada, bob = space.browser(), space.browser()
    assert space.log_in(ada, ADA).headers["location"] == "/" and who(ada) == "ada"
    assert space.log_in(bob, BOB).status_code == 303 and who(bob) == "bob"
    assert {user.name: user.role for user in space.store.users()} == {"ada": Role.ADMIN, "bob": Role.READER}
    assert who(space.browser()).startswith("visitor-")


def test_whoever_made_the_space_is_its_owner_too_and_without_its_variables_there_is_no_log_in():
    env = {"OPENID_PROVIDER_URL": "https://huggingface.co", "OAUTH_CLIENT_ID": "c", "OAUTH_CLIENT_SECRET": "s", "SPACE_HOST": "h"}
    provider = Provider.from_env({**env, "SPACE_AUTHOR_NAME": "a-lab", "SPACE_CREATOR_USER_ID": "1234"})
    assert provider and provider.owns("ada", "1234") and not provider.owns("bob", "99")
    nobody = Provider.from_env(env)
    assert nobody and not nobody.owns("", "")
    for name in env:
        assert Provider.from_env({**env, name: " "}) is None


def test_an_account_that_its_token_names_by_number_only_is_looked_up(space: Space, openid: OpenId):
    openid.sparse = True
    ada, bob = space.browser(), space.browser()
    space.log_in(ada, ADA)
    assert who(ada) == "ada"
    assert refused(space.log_in(bob, BOB), bob)  # the provider speaks of another account than its token


def test_a_callback_that_this_browser_did_not_set_out_for_is_refused(space: Space):
    ada, victim = space.browser(), space.browser()
    back = space.openid.agree(ada.get("/login/huggingface").headers["location"], ADA)
    assert refused(victim.get(back), victim)  # no cookie of a log-in
    victim.get("/login/huggingface")
    assert refused(victim.get(back), victim)  # another state
    assert refused(victim.get("/login/callback?code=x"), victim)


def test_a_code_works_once(space: Space):
    ada, thief = space.browser(), space.browser()
    back = space.openid.agree(ada.get("/login/huggingface").headers["location"], ADA)
    thief.cookies.update(dict(ada.cookies))
    assert ada.get(back).status_code == 303 and "pdc_oauth" not in ada.cookies
    assert refused(ada.get(back), space.browser())
    assert refused(thief.get(back), thief)  # with a copy of the cookie too


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"nonce": "of another log-in"},
        {"exp": 1_000_000},
        {"sub": ""},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_a_token_that_is_not_for_this_log_in_is_refused(space: Space, openid: OpenId, lies: dict[str, Any]):
    openid.lies = lies
    ada = space.browser()
    assert refused(space.log_in(ada, ADA), ada) and space.store.users() == []


def test_a_token_that_somebody_else_signed_is_refused(space: Space, openid: OpenId):
    openid.key = OTHER_KEY
    ada = space.browser()
    assert refused(space.log_in(ada, ADA), ada)


@pytest.mark.parametrize("taken", ["a password", "huggingface:77"], ids=["by an account of this Space", "by an earlier holder"])
def test_a_name_that_is_somebody_elses_here_is_not_handed_over(space: Space, taken: str):
    space.store.add_user("bob", hash_password("a long password") if taken == "a password" else taken, Role.ADMIN)
    bob = space.browser()
    answer = space.log_in(bob, BOB)
    assert refused(answer, bob) and "another account named bob" in answer.text


def test_names_that_the_app_uses_for_itself_come_in_nowhere(space: Space):
    for name in ("reader", "visitor-0123456789abcdef", "<script>"):
        browser = space.browser()
        answer = space.log_in(browser, {"sub": "5", "preferred_username": name})
        assert "<script>" not in answer.text
        assert answer.status_code == 303 if name == "<script>" else refused(answer, browser)


def test_no_password_opens_an_account_of_hugging_face(space: Space):
    ada = space.browser()
    space.log_in(ada, ADA)
    stored = space.store.user("ada")
    assert stored and not space.access._password_fits("ada", stored.password_hash)


def test_a_provider_that_does_not_answer_ends_in_a_sentence(space: Space):
    space.openid = OpenId("http://127.0.0.1:9")
    app = FastAPI()
    add_login_routes(app, space.access, Provider("http://127.0.0.1:9", "c", "s", "space.test"))
    answer = TestClient(app, base_url="https://space.test").get("/login/huggingface", headers={"accept-language": "de"})
    assert answer.status_code == 502 and "niemand wurde angemeldet" in answer.text
