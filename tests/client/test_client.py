"""What the client does where a server is busy, away, or something else: waits as it is told, and says why it gave up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from pdc.client import Changed, Client, Refused, Unavailable
from pdc.client.wire import LONGEST, TRIES

ME = {"user": "ada", "role": "reader", "by_token": True, "version": "1"}
Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> tuple[Client, list[float]]:
    """A client of a server that answers so, and how long it waited each time."""
    made, waited = Client("http://there", "pdc_x"), []
    made.wire.web = httpx.Client(
        base_url=made.wire.web.base_url, transport=httpx.MockTransport(answer), headers=made.wire.web.headers
    )
    made.wire.sleep = waited.append
    return made, waited


def in_turn(*answers: httpx.Response) -> Answer:
    left = iter(answers)
    return lambda request: next(left)


def test_it_comes_again_when_the_server_says_and_at_most_after_a_minute():
    busy = [httpx.Response(503, headers={"Retry-After": "3"}), httpx.Response(429, headers={"Retry-After": "3600"})]
    pdc, waited = client(in_turn(*busy, httpx.Response(200, json=ME)))
    assert pdc.me().user == "ada" and waited == [3, LONGEST]


def test_it_gives_up_after_some_tries_with_the_servers_sentence():
    pdc, waited = client(lambda r: httpx.Response(503, headers={"Retry-After": "1"}, json={"error": "Too busy."}))
    with pytest.raises(Unavailable, match=r"Too busy\.") as gone:
        pdc.me()
    assert gone.value.status == 503 and len(waited) == TRIES - 1


def test_a_refusal_without_a_time_to_come_again_is_not_asked_twice():
    pdc, waited = client(in_turn(httpx.Response(404, json={"error": "There is no image x."})))
    with pytest.raises(Refused, match="There is no image x"):
        pdc.image("x")
    assert waited == []


def test_a_save_on_a_broken_connection_is_sent_again_under_the_same_name():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        if len(sent) == 1:
            raise httpx.ReadError("reset")
        return httpx.Response(409, json={"error": "Changed.", "current": None})

    pdc, _ = client(answer)
    with pytest.raises(Changed):
        pdc.save("0" * 64, ["platelet"], marks=[])
    assert len(sent) == 2 and sent[0] == sent[1] and b'"request"' in sent[0]


def test_a_decision_on_a_broken_connection_is_not_sent_twice():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise httpx.ReadError("reset")

    pdc, _ = client(answer)
    with pytest.raises(Unavailable, match="No server answers at http://there"):
        pdc.promote("rods")
    assert len(sent) == 1


def test_an_answer_that_is_none_of_pdc_is_one_sentence():
    pdc, _ = client(in_turn(httpx.Response(418, text="<html>")))
    with pytest.raises(Refused, match="no sentence"):
        pdc.me()


def test_the_client_loads_neither_server_nor_model_and_pdc_alone_not_even_the_client():
    code = "import sys, pdc; assert 'httpx' not in sys.modules; import pdc.client; " + (
        "sys.exit(bool({'torch', 'gradio', 'fastapi', 'sqlalchemy', 'numpy', 'PIL'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
