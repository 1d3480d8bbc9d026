"""A visitor of a Space is one visitor from request to request, whatever their browser keeps."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Request
from itsdangerous import URLSafeTimedSerializer
from starlette.responses import Response
from starlette.testclient import TestClient

from pdc.web.space.cookies import set_cookie
from pdc.web.space.visitors import OPENS_SECONDS, VISIT, Visitors, under_visit

SIGNER = URLSafeTimedSerializer(b"k" * 64)


def space(visits: Visitors) -> TestClient:
    """A page, and a route that says who asks; cookies are sent only where a test adds them."""
    app = FastAPI()

    @app.get("/")
    def page(request: Request) -> Response:
        answer = visits.arrive(request) or Response(visits.name(request))
        visits.remember(request, answer)
        return answer

    @app.get("/who")
    def who(request: Request) -> Response:
        return Response(visits.name(request))

    async def outer(scope, receive, send):
        await app(under_visit(scope) if scope["type"] == "http" else scope, receive, send)

    return TestClient(outer, base_url="https://testserver", follow_redirects=False)


@pytest.fixture
def web() -> TestClient:
    return space(Visitors(SIGNER))


def without_cookies(web: TestClient, path: str) -> Any:
    web.cookies.clear()
    return web.get(path)


def test_three_requests_without_any_cookie_are_one_visitor(web: TestClient):
    place = without_cookies(web, "/?__theme=dark").headers["location"]
    assert place.startswith(VISIT) and place.endswith("/?__theme=dark")
    place = place.partition("?")[0]
    names = {without_cookies(web, place + path).text for path in ("", "who", "who")}
    assert len(names) == 1 and names.pop().startswith("visitor-")
    other = without_cookies(web, "/").headers["location"]
    assert without_cookies(web, other + "who").text != without_cookies(web, place + "who").text


def test_where_the_cookie_is_kept_the_address_of_the_page_says_nothing(web: TestClient):
    sent = web.get("/")
    assert {"Partitioned", "SameSite=none", "Secure", "HttpOnly"} <= set(sent.headers["set-cookie"].split("; "))
    assert web.get(sent.headers["location"]).headers["location"] == "/"
    name = web.get("/").text
    assert name == web.get("/who").text == without_cookies(web, sent.headers["location"] + "who").text


FORGED = {"short": "x", "bare": "visitor-00", "of another key": URLSafeTimedSerializer(b"o" * 64).dumps("visitor-00", salt=VISIT)}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_address_is_nobodys(web: TestClient, token: str):
    name = without_cookies(web, f"{VISIT}{token}/who").text
    assert name.startswith("visitor-") and name != "visitor-00"
    assert without_cookies(web, f"{VISIT}{token}/").headers["location"] != f"{VISIT}{token}/"


def test_a_cookie_is_no_address_and_an_address_no_cookie(web: TestClient):
    cookie = SIGNER.dumps("visitor-00")
    assert without_cookies(web, f"{VISIT}{cookie}/who").text != "visitor-00"
    web.cookies.set("pdc_visitor", SIGNER.dumps("visitor-00", salt=VISIT))
    assert web.get("/who").text != "visitor-00"


def test_an_address_that_somebody_passes_on_opens_no_page_but_its_own_page_goes_on(web: TestClient, later):
    place = without_cookies(web, "/").headers["location"]
    name = without_cookies(web, place + "who").text
    later(OPENS_SECONDS + 1)
    sent_on = without_cookies(web, place).headers["location"]
    assert sent_on != place and without_cookies(web, sent_on + "who").text != name
    assert without_cookies(web, place + "who").text == name


def test_a_page_that_kept_its_address_goes_on_as_the_same_visitor_until_it_is_too_old(web: TestClient, later):
    visits = Visitors(SIGNER, seconds=1000)
    place = visits.address("visitor-00")
    later(900)
    again = visits.again(place.removeprefix(VISIT).strip("/"))
    assert again and again != place and without_cookies(space(visits), again + "who").text == "visitor-00"
    later(1100)
    assert visits.again(place.removeprefix(VISIT).strip("/")) is None


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """later(seconds): what is signed from now on seems so old."""
    import time

    started = time.time()

    def move(seconds: float) -> None:
        monkeypatch.setattr("itsdangerous.timed.time.time", lambda: started + seconds)

    return move


def test_a_cookie_is_taken_back_with_the_words_it_was_given_with():
    answer = Response()
    set_cookie(answer, "a", "", 0, framed=True, secure=False)
    assert answer.headers["set-cookie"].endswith("; Partitioned") and "Max-Age=0" in answer.headers["set-cookie"]


def test_elsewhere_a_cookie_stays_with_its_own_site():
    answer = Response()
    set_cookie(answer, "a", "b", 10, framed=False, secure=False)
    said = answer.headers["set-cookie"]
    assert "SameSite=strict" in said and "Partitioned" not in said and "Secure" not in said
