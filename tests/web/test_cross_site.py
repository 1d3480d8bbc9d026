"""Another site in the reader's browser: every route that changes something, with each kind of request such a site can send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from desk import drawn
from house import Browser, House, bar_of, living
from starlette.routing import Mount, Route, WebSocketRoute

from pdc.web.api.app import PLACE
from pdc.web.auth import Access

FOREIGN = (
    "https://evil.example",
    "null",
    "https://testserver.evil.example",
    "https://eviltestserver",
    "https://testserver:444",
    "https://testserver@evil.example",
    "file://",
    "",
)
FROM_FOREIGN = [{"Origin": origin} for origin in FOREIGN]
FROM_FOREIGN += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]  # without Origin, as old pages and forms come
BODIES: list[dict[str, Any]] = [
    {"json": {}},
    {"content": b'{"images": []}', "headers": {"Content-Type": "text/plain"}},
    {"data": {"images": "x", "reader": "eve"}},
    {"files": {"file": ("x.png", b"x")}},
]
SAFE = ("GET", "HEAD", "OPTIONS")
USED = ("/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset")


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        yield house


def changing(house: House) -> list[tuple[str, str]]:
    """Every (method, path) of the app by which something can be changed; the gate needs no real ids."""
    api = next(r.app for r in house.web.app.routes if isinstance(r, Mount) and r.path == PLACE)
    paths = [(r, r.path) for r in house.web.app.routes if isinstance(r, Route)]
    paths += [(r, PLACE + r.path) for g in api.routes for r in getattr(getattr(g, "original_router", None), "routes", [g])]
    ours = [(m, path) for r, path in paths for m in (r.methods or ()) if m not in SAFE]
    return [*ours, *(("POST", path) for path in USED)]


def state(house: House) -> tuple[int, ...]:
    return len(house.store.images()), len(house.store.reviews()), len(house.store.users())


def test_another_site_changes_nothing_whichever_way_it_asks(house: House):
    alice = house.reader("alice")
    sha = alice.upload("hers.png")
    routes, before, asked = changing(house), state(house), 0
    assert len(routes) > 12 and not [r for r in house.web.app.routes if isinstance(r, WebSocketRoute)]
    for method, path in routes:
        for origin in FROM_FOREIGN:
            for body in BODIES if origin == FROM_FOREIGN[0] else BODIES[:1]:
                options = {**body, "headers": {**body.get("headers", {}), **origin}}
                answer = alice.send(method, path.replace("{sha256}", sha), **options)
                assert answer.status_code == 403, (method, path, origin, body)
                assert "access-control-allow-origin" not in answer.headers
                asked += 1
    assert state(house) == before and asked > 150
    assert alice.send("GET", "/config").status_code == 200, "the foreign log-out was not refused"


def save_from(reader: Browser, value: dict, origin: str) -> int:
    data = [bar_of(value), None, {**value, "marks": [drawn()]}, {}]
    body = {"data": data, "fn_index": reader.house.handler("save"), "session_hash": reader.page}
    return reader.send("POST", "/gradio_api/queue/join", json=body, headers={"Origin": origin}).status_code


def test_a_save_passes_from_the_page_itself_and_from_no_other_site(house: House):
    alice = house.reader("alice")
    value = alice.open(alice.upload("own.png", "green"))
    assert save_from(alice, value, "https://evil.example") == 403
    assert save_from(alice, value, "https://testserver") == 200


def test_without_the_check_another_site_passes(house: House, monkeypatch: pytest.MonkeyPatch):
    """The negative control: the same request is let through once the check is switched off."""
    monkeypatch.setattr(Access, "same_origin", lambda self, request: True)
    alice = house.reader("alice")
    value = alice.open(alice.upload("blue.png", "blue"))
    assert save_from(alice, value, "https://evil.example") == 200


def test_no_page_of_another_site_may_read_an_answer_or_send_the_login_along(house: House):
    alice = house.reader("alice")
    for path in ("/config", "/api/worklist", "/session"):
        told = alice.send("GET", path, headers={"Origin": "https://evil.example"}).headers
        assert not [name for name in told if name.startswith("access-control")], path
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in alice.send("OPTIONS", "/api/images", headers=asked).headers
    answer = house.web.post("/login", data={"name": "alice", "password": "correct horse"})
    assert "samesite=strict" in answer.headers["set-cookie"].lower() and "httponly" in answer.headers["set-cookie"].lower()


def test_the_app_has_no_other_rooms_than_those_that_were_walked(house: House):
    """Routes are found one level deep: what is mounted beside Gradio would have to be walked too."""
    mounted = [route.path for route in house.web.app.routes if isinstance(route, Mount)]
    assert sorted(mounted) == ["", PLACE]
