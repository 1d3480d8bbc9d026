"""How large a body may be, on every route of the app: what is sent without a length is counted, and no more of it is taken in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from house import Browser, House, living

from pdc.domain.values import Box, Mark
from pdc.web.limits.bodies import MB, BodyLimit, BodyLimits, CountedBody

PIECE = b" " * 64_000
PIECES = 300 * MB // len(PIECE)
LIMITS = BodyLimits(64 * MB)
GRADIOS = [
    f"/gradio_api/{n}" for n in ("run/edit", "run/edit/", "queue/join", "cancel", "reset", "upload", "call/edit", "no/such")
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: Any) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def alice(house: House) -> Browser:
    return house.reader("alice")


@dataclass(slots=True)
class Sender:
    """Somebody who sends 300 MB without saying so, and counts what is taken."""

    taken: int = 0
    status: int = 0
    said: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)

    async def receive(self) -> dict[str, Any]:
        self.taken += len(PIECE)
        return {"type": "http.request", "body": PIECE, "more_body": self.taken < 300 * MB}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        self.said += message.get("body", b"")


def flooded(app: Any, method: str, path: str, browser: Browser | None = None) -> Sender:
    cookies = "; ".join(f"{name}={value}" for name, value in (browser.cookies if browser else {}).items())
    kind = b"application/x-www-form-urlencoded" if path == "/login" else b"application/json"
    headers = [(b"host", b"testserver"), (b"cookie", cookies.encode()), (b"content-type", kind)]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    scope |= {"scheme": "https", "server": ("testserver", 443), "client": ("10.0.0.9", 1), "headers": headers, "state": {}}
    sender = Sender()
    with ThreadPoolExecutor(1) as pool:  # a browser test may have left a loop in this thread
        pool.submit(anyio.run, app, scope, sender.receive, sender.send).result()
    return sender


def written_to(house: House) -> list[tuple[str, str]]:
    """(method, path) of every route that takes a body, with something in place of what stands in brackets; Gradio's too."""
    own = [(m, r.path) for r in house.web.app.routes for m in set(getattr(r, "methods", None) or ()) - {"GET", "HEAD", "OPTIONS"}]
    assert len(own) > 12
    return sorted({(method, path.replace("{", "").replace("}", "")) for method, path in own} | {("POST", p) for p in GRADIOS})


def test_no_route_takes_in_more_than_its_limit_of_a_body_without_a_length(house: House):
    bob = house.reader("bob")  # who is logged out on the way
    for method, path in written_to(house):
        sender = flooded(house.web.app, method, path, bob)
        assert sender.taken <= LIMITS.of(path) + len(PIECE), path
        assert 400 <= sender.status < 500 or (path in ("/logout", "/session") and sender.taken == 0), (path, sender.status)


@pytest.mark.parametrize("path", ["/login", "/api/images", "/api/worklist/assign", "/gradio_api/queue/join", "/api/data/import"])
def test_who_sends_too_much_is_told_so_in_a_sentence(house: House, alice: Browser, path: str):
    sender = flooded(house.web.app, "POST", path, alice)
    assert sender.status == 413 and "larger than" in json.loads(sender.said)["error"]
    assert sender.headers[b"x-content-type-options"] == b"nosniff"


def test_a_length_over_the_limit_is_refused_before_anything_is_read(alice: Browser):
    answer = alice.send("POST", "/api/effort", content=b"x" * (MB + 1))
    assert answer.status_code == 413


def test_nobody_without_a_login_has_a_body_read(house: House):
    assert flooded(house.web.app, "POST", "/gradio_api/queue/join").taken == 0


def test_without_the_middleware_the_whole_body_is_read(house: House):
    """The control: the same sender gets rid of all 300 MB where nothing counts."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass

    assert flooded(app, "POST", "/api/worklist/assign").taken >= 300 * MB
    assert flooded(BodyLimit(app, LIMITS, False), "POST", "/api/worklist/assign").taken <= 9 * MB
    for path, most in (("/visit/a-name/api/images", 65 * MB), ("/visit/a-name/api/effort", 2 * MB)):
        assert flooded(BodyLimit(app, LIMITS, True), "POST", path).taken <= most


def test_two_drafts_of_five_thousand_marks_fit(house: House):
    marks = [
        Mark(f"mark-{n:016x}", Box(1234.5678, 2345.6789, 3456.789, 4567.8901), "a label of the longest kind" * 2)
        for n in range(5000)
    ]
    sent = [{"id": m.id, "label": m.label, "box": m.shape.xyxy, "note": "x" * 300, "origin": "human"} for m in marks]
    assert 2 * len(json.dumps(sent)) < LIMITS.of("/gradio_api/queue/join")


def test_an_answer_that_has_begun_goes_on_to_its_end():
    sender = Sender()
    body = CountedBody(sender.receive, sender.send, 10)

    async def answered_early() -> None:
        await body.send({"type": "http.response.start", "status": 200, "headers": []})
        with pytest.raises(Exception, match="413"):
            await body.receive()
        await body.send({"type": "http.response.body", "body": b"all of it"})

    with ThreadPoolExecutor(1) as pool:
        pool.submit(anyio.run, answered_early).result()
    assert (sender.status, sender.said) == (200, b"all of it")


def test_nothing_stays_on_disk_of_an_annotation_file_that_is_too_large(house: House, alice: Browser):
    assert flooded(house.web.app, "POST", "/api/data/import", alice).status == 413
    assert [p for p in house.folder.glob("incoming/**/*") if p.is_file()] == []
