"""What the client does where a server is busy, away, or something else: waits as it is told, and says why it gave up."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pdc.client import Changed, Client, Failed, Refused, Unavailable
from pdc.client.shapes import Mark
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


def test_a_file_whose_name_is_as_long_as_a_sha256_is_uploaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name, asked = f"{'smear ' * 10}.png"[-64:].strip().rjust(64, "s"), []
    (tmp_path / name).write_bytes(b"picture")
    monkeypatch.chdir(tmp_path)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.content))
        return httpx.Response(404, json={"error": "Enough."})

    with pytest.raises(Refused, match="Enough"):
        client(answer)[0].predict(name, ["platelet"])
    assert len(name) == 64 and asked == [("/api/v1/images", b"picture")]


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda pdc: pdc.predict("0" * 64, ["platelet"], "guessing"), "task"),
        (lambda pdc: pdc.predict("0" * 64, "platelet"), "labels"),
        (lambda pdc: pdc.predict("0" * 64, ["platelet"], looks=9), "looks"),
        (lambda pdc: pdc.save("0" * 64, ["platelet"], marks=[{"lable": "platelet"}]), "marks.0"),
        (lambda pdc: pdc.save("0" * 64, ["platelet"], marks=[], base_revision=-1), "base_revision"),
        (lambda pdc: pdc.start_export(stgae="done"), "stgae"),
        (lambda pdc: pdc.promote("rods", 7), "reason"),
    ],
)
def test_an_argument_that_cannot_be_taken_is_refused_by_its_name(ask: Callable[[Client], object], named: str):
    with pytest.raises(Refused, match=named):
        ask(client(in_turn())[0])


def test_marks_are_sent_back_as_they_were_changed_and_without_a_warning():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(409, json={"error": "Changed.", "current": None})

    mark = Mark(id="m1", label="platelet", box=(1, 1, 9, 9), score=0.5)
    with warnings.catch_warnings(), pytest.raises(Changed):
        warnings.simplefilter("error")
        client(answer)[0].save("0" * 64, ["platelet"], [mark.model_copy(update={"box": [2, 2, 9, 9], "status": "rejected"})])
    assert sent[0]["marks"] == [{"id": "m1", "label": "platelet", "box": [2, 2, 9, 9], "status": "rejected", "score": 0.5}]
    assert sent[0].keys() == {"task", "labels", "base_revision", "marks", "request"}  # nothing that an older server may not know


def test_a_job_that_failed_is_told_as_one():
    job = {"id": 3, "kind": "export", "state": "failed", "by": "ada", "done": 0, "total": None, "words": "", "error": "No."}
    job |= {"result": {}, "made": "2026-11-27T08:30:00Z", "started": None, "ended": None, "tries": 1, "parent": None}
    with pytest.raises(Failed, match=r"No\.") as failed:
        client(in_turn(httpx.Response(200, json=job)))[0].wait(3)
    assert failed.value.job.id == 3


def test_nothing_is_next_to_an_image_that_there_is_not():
    gone = httpx.Response(404, json={"error": "There is no image x."})
    with pytest.raises(Refused, match="no image x"):
        client(in_turn(gone, gone))[0].next(after="x")
    assert client(in_turn(gone))[0].next() is None
