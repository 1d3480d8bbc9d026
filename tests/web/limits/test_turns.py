"""Turns at heavy work: so many at once, so many wait without a thread, and the others are told when to come again."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import living
from pictures import corners, encoded

from pdc.domain.errors import Busy
from pdc.images import intake
from pdc.images.thumbnails import Thumbnails
from pdc.web.limits.turns import HeavyWork, Turns


def ran(asked: Callable[[], Awaitable[Any]]) -> Any:
    """In a thread of its own: a browser test may have left a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, asked).result()


def test_more_than_may_wait_are_sent_away_and_everybody_else_has_their_turn():
    turns, go, running, most = Turns(2, 5), threading.Event(), [0], [0]

    def slow() -> bool:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(30)
        running[0] -= 1
        return True

    async def all_at_once() -> list[Any]:
        said: list[Any] = []

        async def one() -> None:
            try:
                said.append(await turns.run(slow))
            except Busy as refused:
                said.append(str(refused))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
            while len(said) < 13:
                await anyio.sleep(0.01)
            go.set()
        return said

    said = ran(all_at_once)
    assert most == [2] and said.count(True) == 7 and turns.inside == 0
    assert "try again in 3 seconds" in said[0]


def test_whoever_waits_holds_none_of_the_threads_that_all_share():
    turns, go = Turns(1, 100), threading.Event()

    async def waiting() -> tuple[int, int]:
        shared = anyio.to_thread.current_default_thread_limiter()
        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(partial(turns.run, partial(go.wait, 30)))
            while turns.inside < 60:
                await anyio.sleep(0.01)
            seen = shared.borrowed_tokens, await anyio.to_thread.run_sync(lambda: 7)
            go.set()
        return seen

    assert ran(waiting) == (0, 7)


def test_a_place_is_free_again_when_the_work_fails():
    turns = Turns(1, 0)

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await turns.run(lambda: 1 / 0)

    ran(twice)


def test_an_upload_beyond_the_queue_is_told_when_to_come_again_and_everything_else_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(HeavyWork, "__init__", lambda self: _set(self, uploads=Turns(1, -1), thumbnails=Turns(1, 9)))
    with living(tmp_path) as house:
        ada = house.reader("ada")
        answer = ada.send("POST", "/api/images?name=a.png", content=encoded(corners()))
        assert answer.status_code == 503 and answer.headers["retry-after"] == "3"
        assert answer.json()["error"].startswith("The server is busy with other images.")
        assert ada.send("GET", "/health").status_code == 200 and ada.send("GET", "/api/worklist").json()["rows"] == []
        assert list((tmp_path / "images").rglob("*.png")) == []


def _set(work: HeavyWork, **turns: Turns) -> None:
    for name in ("uploads", "thumbnails", "numbers"):
        object.__setattr__(work, name, turns.get(name, Turns(1, 1)))


def test_what_an_upload_was_laid_aside_in_is_gone_afterwards(tmp_path: Path):
    with living(tmp_path) as house:
        ada = house.reader("ada")
        assert len(ada.upload("a.png")) == 64
        assert ada.send("POST", "/api/images?name=b.png", content=b"no image" * 200_000).status_code == 422
        assert list((tmp_path / "incoming").iterdir()) == []


def test_a_thumbnail_that_was_made_waits_for_no_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with living(tmp_path) as house:
        ada = house.reader("ada")
        sha = ada.upload("a.png")
        assert ada.send("GET", f"/thumbnails/{sha}.jpg").status_code == 200
        monkeypatch.setattr(Thumbnails, "path", lambda *_: pytest.fail("it is there already"))
        assert ada.send("GET", f"/thumbnails/{sha}.jpg").status_code == 200


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="this system has no niceness")
def test_decoders_let_the_server_go_first():
    intake.accept(encoded(corners()), "a.png")
    with intake._worker() as worker:
        process = worker._alive()
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
