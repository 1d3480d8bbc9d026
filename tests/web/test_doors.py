"""Every route of the app, for everybody who may knock: what each gets is a row of routes.txt. And ways around the login."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from house import Browser, House, living
from itsdangerous import URLSafeTimedSerializer
from starlette.routing import Mount

from pdc.domain.errors import StoreUnavailable
from pdc.domain.users.roles import Role
from pdc.web.auth import COOKIE, _stamp

KEPT = Path(__file__).parent / "routes.txt"
SPACE = "SPACE_ID"
WHO = ("nobody", *(f"{role}{by}" for role in Role for by in ("", " token")), "visitor")
ASKED = {"task": "count_and_box", "labels": ["platelet"]}
ENDLESS = {
    "GET /gradio_api/heartbeat/{session_hash}",
    "GET /gradio_api/queue/data",
}  # for whoever's page it is; walked as a stranger
SENT: dict[str, Callable[[str], dict[str, Any]]] = {  # with the sha256 of an image; all others are sent nothing
    "POST /login": lambda sha: {"data": {"name": uuid4().hex}},
    "POST /api/worklist/assign": lambda sha: {"json": {"images": [sha], "reader": "somebody else"}},
    "POST /api/worklist/open": lambda sha: {"json": {"image": sha}},
    "POST /api/worklist/retire": lambda sha: {"json": {"images": [sha]}},
    "POST /api/worklist/restore": lambda sha: {"json": {"images": [sha]}},
    "POST /api/worklist/hold-back": lambda sha: {"json": {"images": [sha], "why": "x"}},
    "POST /api/worklist/release": lambda sha: {"json": {"images": [sha], "why": "x"}},
    "POST /api/v1/images/{sha256}/reviews": lambda sha: {"json": {**ASKED, "base_revision": 0, "marks": []}},
    "POST /api/v1/adapters/{name}/promote": lambda sha: {"json": {}},
    "POST /api/v1/adapters/rollback": lambda sha: {"json": {"name": "x"}},
    "GET /api/v1/labels/find": lambda sha: {"params": {"text": "x"}},
    "GET /api/similar/{sha256}": lambda sha: {"params": {"task": "count_and_box", "label": "platelet"}},
}
NEW = (
    "{route} has no row in tests/web/routes.txt, or another one. Decide for each of {who} what they are to get, make it so, and "
    "keep this row:\n{row}"
)


@contextmanager
def opened(folder: Path, *, space: bool = False) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SPACE, "a/space") if space else patch.delenv(SPACE, raising=False)
        with living(folder) as house:
            yield house


@pytest.fixture(scope="module")
def space_row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What a visitor of a Space gets by each route."""
    with opened(tmp_path_factory.mktemp("space"), space=True) as house:
        alice, bob = Browser(house), Browser(house)
        given = filled_for(alice)
        return {route: got(bob, route, given) for route in routes(house)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, space_row: dict[str, int]) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("doors")) as house:
        yield house


def routes(house: House) -> list[str]:
    """`METHOD /path` of every route, also those of Gradio and of what is mounted or included."""
    return sorted({found for found in _walk(house.web.app.routes)}, key=lambda r: r.split()[::-1])


def _walk(found: Any, prefix: str = "") -> Iterator[str]:
    for route in found:
        inside = getattr(route, "original_router", None)
        if inside is not None:
            yield from _walk(inside.routes, prefix)
        elif isinstance(route, Mount):
            yield from _walk(route.app.routes, prefix + route.path)
        else:
            yield from (f"{method} {prefix}{route.path}" for method in route.methods or ())


def filled_for(alice: Browser) -> dict[str, str]:
    """What stands in the places of an address: alice's."""
    sha = alice.upload("hers.png")
    alice.open(sha)
    return {"sha256": sha, "session_hash": alice.page, "channel": "0", "format": "coco", "ending": "html", "id": "1"}


def got(browser: Browser, route: str, given: dict[str, str]) -> int:
    method, path = route.split(" ", 1)
    for part in [part.split("}")[0] for part in path.split("{")[1:]]:
        path = path.replace(f"{{{part}}}", given.get(part.split(":")[0], "x"))
    if route == "GET /gradio_api/queue/data":
        path = f"{path}?session_hash={given['session_hash']}"
    return browser.send(method, path, **SENT.get(route, lambda sha: {})(given["sha256"])).status_code


def test_every_route_answers_everybody_as_its_row_says(house: House, space_row: dict[str, int]):
    given = filled_for(house.reader("alice"))
    knocking: dict[str, Callable[[], Browser]] = {"nobody": lambda: Browser(house)}
    for role in Role:
        browser = house.reader(f"a {role}", role)
        knocking[role] = lambda browser=browser: Browser(house, cookies=dict(browser.cookies))
        knocking[f"{role} token"] = lambda role=role: house.program(f"a {role}", role)
    kept = dict(line.split(" : ") for line in KEPT.read_text("utf-8").splitlines() if " : " in line)
    last = sorted(routes(house), key=lambda route: route == "POST /logout")
    rows = {r: [*(got(knock(), r, given) for knock in knocking.values()), space_row.get(r, "-")] for r in last}
    rows = {route: " ".join(map(str, row)) for route, row in rows.items()}
    wrong = [NEW.format(route=r, who=", ".join(WHO), row=f"{r} : {row}") for r, row in rows.items() if kept.get(r) != row]
    assert not wrong, "\n".join(wrong)
    assert set(kept) == set(rows), f"no longer there: {sorted(set(kept) - set(rows))}; remove their rows"
    assert len(rows) > 100
    assert {r for r, row in rows.items() if row.split()[0] != "401"} == {"GET /login", "GET /health", "GET /ready"}


def cookies(house: House, of: str) -> dict[str, str]:
    """Cookies that somebody without a login might try."""
    user = house.store.user(of)
    stamp, real = _stamp(user), house.reader(of).cookies[COOKIE]
    key = (house.folder / "secret").read_bytes()
    said, at, signature = real.rsplit(".", 2)
    other, none = (URLSafeTimedSerializer(k).dumps([of, stamp, "id"]) for k in (b"another key of 32 bytes or more!", b""))
    return {
        "another key": other,
        "no key": none,
        "half a key": URLSafeTimedSerializer(key[:16]).dumps([of, stamp, "id"]),
        "another salt": URLSafeTimedSerializer(key, salt="x").dumps([of, stamp, "id"]),
        "another stamp": URLSafeTimedSerializer(key).dumps([of, "0" * 16, "id"]),
        "nobody's name": URLSafeTimedSerializer(key).dumps(["nobody here", stamp, "id"]),
        "a name alone": URLSafeTimedSerializer(key).dumps(of),
        "numbers": URLSafeTimedSerializer(key).dumps([1, 2, 3]),
        "an object": URLSafeTimedSerializer(key).dumps({"user": of}),
        "unsigned": base64.urlsafe_b64encode(f'["{of}","{stamp}","id"]'.encode()).decode(),
        "another name": f"{base64.urlsafe_b64encode(b'[]').decode()}.{at}.{signature}",
        "another time": f"{said}.{'A' * len(at)}.{signature}",
        "cut": real[:-1],
        "nothing": "",
        "dots": "...",
        "sha1": f"{said}.{at}.{hashlib.sha1(real.encode()).hexdigest()}",
        "long": "x" * 4000,
    }


def inside(answer: Any) -> bool:
    return answer.status_code not in (307, 400, 401, 403, 404, 405, 303)


def test_no_cookie_that_the_server_did_not_give_lets_anybody_in(house: House):
    house.reader("carol")
    for name, value in cookies(house, "carol").items():
        browser = Browser(house)
        answer = browser.send("GET", "/api/worklist", headers={"Cookie": f"{COOKIE}={value}"})
        assert answer.status_code == 401, name


def test_a_cookie_is_nothing_after_its_time(house: House, monkeypatch: pytest.MonkeyPatch):
    import itsdangerous.timed

    browser, now = house.reader("dora"), itsdangerous.timed.time.time()
    monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: now + 3601)
    assert browser.send("GET", "/api/worklist").status_code == 401


SPOOFS = [
    {"X-Forwarded-User": "alice"},
    {"X-Remote-User": "alice"},
    {"Remote-User": "alice"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Host": "localhost"},
    {"X-Forwarded-Proto": "http"},
    {"Forwarded": "for=127.0.0.1;host=localhost"},
    {"X-Real-IP": "127.0.0.1"},
    {"X-Original-URL": "/health"},
    {"X-Rewrite-URL": "/health"},
    {"X-HTTP-Method-Override": "GET"},
    {"Authorization": "Basic YWxpY2U6"},
    {"Authorization": "Bearer alice"},
    {"Authorization": "Bearer"},
    {"X-Gradio-User": "alice"},
    {"Cookie": "access-token=x; access-token-unsecure=x"},
    {"Host": "localhost"},
]


@pytest.mark.parametrize("spoof", SPOOFS, ids=[next(iter(s)) + str(i) for i, s in enumerate(SPOOFS)])
def test_no_header_says_who_somebody_is(house: House, spoof: dict[str, str]):
    for method, path in (("GET", "/api/worklist"), ("POST", "/api/images"), ("GET", "/config"), ("GET", "/gradio_api/info")):
        assert Browser(house).send(method, path, headers=spoof).status_code == 401, path


AROUND = ["//api/worklist", "/./api/worklist", "/health/../api/worklist", "/API/worklist", "/api/worklist/", "/api//worklist"]
AROUND += ["/%61pi/worklist", "/api%2fworklist", "/api/worklist%00", "/login/../api/worklist", "/api/worklist;x=/health"]
AROUND += [
    "/api/worklist?path=/login",
    "/config/",
    "//config",
    "/%63onfig",
    "/gradio_api%2finfo",
    "/Gradio_api/upload",
    "/health%2f",
]
AROUND += ["/login/x", "/health/", "/login%2e%2e/config", "/.%2e/config", "/gradio_api//upload", "/gradio_api/./file=/etc/passwd"]


@pytest.mark.parametrize("path", AROUND)
def test_no_way_of_writing_an_address_passes_the_login_by(house: House, path: str):
    for method in ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert not inside(Browser(house).send(method, path)), method


def test_an_error_while_a_login_is_looked_up_lets_nobody_in(house: House, monkeypatch: pytest.MonkeyPatch):
    browser, program = house.reader("finn"), house.program("finn")
    sha = browser.upload("finn.png", "green")

    def broken(*args: Any) -> None:
        raise StoreUnavailable("The database is away.")

    for name in ("user", "user_of", "use_token"):
        monkeypatch.setattr(type(house.store), name, broken)
    for knocking in (browser, program):
        for path in ("/api/worklist", f"/images/{sha}.png", "/config", "/gradio_api/info"):
            assert knocking.send("GET", path).status_code == 503, path
    monkeypatch.setattr(type(house.store), "user_of", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        browser.send("GET", "/api/worklist")


def test_eleven_wrong_passwords_lock_a_name_for_a_while(house: House):
    house.reader("gina")
    asked = [Browser(house).send("POST", "/login", data={"name": "gina", "password": "wrong"}).status_code for _ in range(7)]
    assert asked[:5] == [401] * 5 and asked[-1] == 429
    right = Browser(house).send("POST", "/login", data={"name": "gina", "password": "correct horse"})
    assert right.status_code == 429


PARTS = [
    "..",
    "../..",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "....//",
    "%252e%252e%252f",
    "..%c0%af",
    "..;/",
    "%00../",
    "/",
    "~/",
]
ENDS = ["secret", "pdc.sqlite3", "images", "canary.txt"]
PLACES = [
    "/images/{}.png",
    "/thumbnails/{}.jpg",
    "/raw/{}/0",
    "/raw/{}/all",
    "/examples/{}",
    "/scripts/x/{}",
    "/static/{}",
    "/assets/{}",
]
PLACES += ["/svelte/{}", "/api/data/export/{}.zip", "/api/sheets/{}.html", "/api/sessions/{}/fields", "/gradio_api/file={}"]
CANARY = "a canary that nobody reads"


def test_no_path_leads_out_of_a_folder(house: House):
    (house.folder / "canary.txt").write_text(CANARY)
    secret, browser, tried = (house.folder / "secret").read_text(), house.reader("hugo"), 0
    for place in PLACES:
        for part in PARTS:
            for end in ENDS:
                answer = browser.send("GET", place.format(part + end))
                tried += 1
                assert CANARY.encode() not in answer.content and secret.encode() not in answer.content
                assert b"SQLite format 3" not in answer.content and answer.status_code in (200, 303, 307, 400, 403, 404, 405, 422)
    assert tried > 600


def test_a_file_that_comes_in_gets_no_name_that_leads_out_of_a_folder(house: House):
    browser = house.reader("ines")
    before = {path for path in house.folder.parent.iterdir()}
    for part in PARTS:
        browser.send("POST", f"/api/data/import?name={part}evil-{uuid4().hex}.json", content=b"{}")
        browser.send("POST", f"/api/images?name={part}evil.png", content=b"x")
    assert {path for path in house.folder.parent.iterdir()} == before
    assert not [p for p in house.folder.rglob("evil*") if house.folder / "incoming" not in p.parents]
