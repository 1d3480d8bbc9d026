"""SIGTERM ends the app in order: it says that it is no longer ready, what runs is answered, and the exit code is 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVES = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from pdc.cli.listening import answer_at, bound
from pdc.web.watching.life import Life
from pdc.web.watching.metrics import Metrics
from pdc.web.watching.requests import Routed, Watched

life, go = Life(float(sys.argv[1])), asyncio.Event()

async def slow(request):
    print("begun", flush=True)
    await go.wait()
    return JSONResponse("whole")

async def let_go(request):
    go.set()
    return JSONResponse("gone on")

async def ready(request):
    return JSONResponse(life.stopping)

app = Starlette(routes=[Route("/slow", slow), Route("/let-go", let_go), Route("/stopping", ready)])
app.add_middleware(Watched, metrics=Metrics(), life=life)
with bound("127.0.0.1", 0, "") as place:
    answer_at(place, app, lambda: print(place.getsockname()[1], flush=True), life)
print("after the last request", flush=True)
"""


def serving(seconds: float) -> tuple[subprocess.Popen[str], str]:
    """A server that gives running requests so many seconds, and its address."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVES, str(seconds)]
    app = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}, stdout=pipe, text=True
    )
    assert app.stdout is not None
    return app, f"http://127.0.0.1:{int(app.stdout.readline())}"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM")
def test_what_runs_when_it_is_told_to_stop_is_answered_and_then_it_ends_with_0():
    app, url = serving(60)
    with ThreadPoolExecutor(1) as one, httpx.Client(base_url=url, timeout=60) as web:
        answer = one.submit(httpx.get, f"{url}/slow", timeout=60)
        assert app.stdout is not None and app.stdout.readline() == "begun\n"
        app.send_signal(signal.SIGTERM)
        while not web.get("/stopping").json():
            assert app.poll() is None
        assert not answer.done() and web.get("/let-go").status_code == 200
        assert answer.result().json() == "whole"
    assert app.communicate(timeout=60)[0] == "after the last request\n" and app.returncode == 0


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM")
def test_a_request_that_does_not_end_is_cut_off_when_its_time_is_over():
    app, url = serving(0.1)
    with ThreadPoolExecutor(1) as one:
        answer = one.submit(httpx.get, f"{url}/slow", timeout=60)
        assert app.stdout is not None and app.stdout.readline() == "begun\n"
        app.send_signal(signal.SIGTERM)
        assert app.communicate(timeout=60)[0] == "after the last request\n" and app.returncode == 0
        assert answer.exception() is not None or answer.result().status_code == 500
