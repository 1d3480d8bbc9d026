"""Each request has an id: in its answer, and in every line of the log about it, in whichever thread; no line has names."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from house import Browser, House

from pdc.logs import REQUEST, JsonFormatter
from pdc.review.requests import Cancelled, Priority, RequestTable
from pdc.review.service import ReviewService
from pdc.web.watching.requests import NO_ROUTE, id_of, template_of


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """What the log says meanwhile, as PDC_LOG=json PDC_LOG_LEVEL=info would write it."""
    handler, root = logging.StreamHandler(io.StringIO()), logging.getLogger()
    handler.setFormatter(JsonFormatter())
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.stream
    root.setLevel(before)
    root.removeHandler(handler)


def lines(told: io.StringIO, logger: str = "") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in told.getvalue().splitlines()]
    return [line for line in found if line["logger"].startswith(logger)]


def test_a_short_plain_id_is_taken_and_sent_back_and_others_are_replaced(house: House):
    assert Browser(house).send("GET", "/health", headers={"X-Request-ID": "proxy-7.a_B"}).headers["x-request-id"] == "proxy-7.a_B"
    for bad in ("", "a b", "x" * 65, "a;b", "<b>", "a\x0bb"):
        mine = Browser(house).send("GET", "/health", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert mine != bad and len(mine) == 16
    refused = Browser(house).send("GET", "/api/worklist", headers={"X-Request-ID": "no-login"})
    assert (refused.status_code, refused.headers["x-request-id"]) == (401, "no-login")


def test_a_line_of_a_request_has_its_template_and_its_id_and_no_name(house: House, told: io.StringIO):
    reader = house.reader("maria")
    sha = reader.upload("smear of Smith.png")
    reader.send("GET", f"/thumbnails/{sha}.jpg?who=Smith", headers={"X-Request-ID": "thumb"})
    reader.send("GET", "/Smith")
    line = next(line for line in lines(told, "pdc.access") if line["request"] == "thumb")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/thumbnails/{sha256}.jpg", 200) and line["ms"] >= 0
    access = [line for line in lines(told, "pdc.access") if line["route"] != "/login"]
    assert len(access) >= 3 and not [line for line in access if "Smith" in str(line) or "maria" in str(line) or sha in str(line)]


def test_what_a_handler_of_the_page_says_has_the_id_of_the_request_that_began_it(
    house: House, told: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    opened = ReviewService.open

    def heard(self: ReviewService, *args: Any) -> Any:
        logging.getLogger("a.library").info("an image is opened")
        return opened(self, *args)

    monkeypatch.setattr(ReviewService, "open", heard)
    reader = house.reader("maria")
    sha = reader.upload("another.png", "blue")
    reader.headers["X-Request-ID"] = "opens-it"
    reader.open(sha)
    assert next(line["request"] for line in lines(told, "a.library")) == "opens-it"


def test_what_the_model_says_is_told_under_the_request_that_waits_for_it(told: io.StringIO):
    def work(cancelled: Cancelled) -> Iterator[str]:
        logging.getLogger("a.model").info("it answers")
        yield "answer"

    def ask() -> str | None:
        REQUEST.set("waits")
        return RequestTable().ask("key", Priority.SCREEN, work).result()

    assert copy_context().run(ask) == "answer"
    assert [line["request"] for line in lines(told, "a.model")] == ["waits"]


@pytest.mark.parametrize(
    ("path", "broken", "route"),
    [
        ("/api/record.csv", "record_event", "/api/record.csv"),
        ("/api/v1/labels/find?text=Smith", "dictionary", "/api/v1/labels/find"),
    ],
)
def test_a_fault_nobody_foresaw_is_a_sentence_with_the_id_that_the_log_has_too(
    house: House, told: io.StringIO, monkeypatch: pytest.MonkeyPatch, path: str, broken: str, route: str
):
    reader = house.reader("maria")
    monkeypatch.setattr(type(house.store), broken, lambda *args, **named: 1 / 0)
    monkeypatch.setattr(house.web._transport, "raise_server_exceptions", False)
    answer = reader.send("GET", path, headers={"X-Request-ID": "a-fault"})
    assert answer.status_code == 500 and "a-fault" in answer.json()["error"] and answer.headers["x-request-id"] == "a-fault"
    line = next(line for line in lines(told, "pdc.access") if line["request"] == "a-fault")
    assert (line["status"], line["route"]) == (500, route)


def test_a_template_is_below_the_place_where_the_app_is_asked():
    class Route:
        path = "/images/{id}"

    assert template_of({"route": Route, "root_path": "/v/abc/api/v1"}, "/v/abc") == "/api/v1/images/{id}"
    assert template_of({"root_path": ""}, "") == NO_ROUTE
    assert id_of({"headers": [(b"x-request-id", b"a")]}) == "a"
