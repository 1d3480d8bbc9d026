"""What a page holds open ends soon after its reader is removed, has another role, logs out or loses the token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from desk import run
from fastapi import Request
from house import Browser, House, living

from pdc.domain.users.roles import Role
from pdc.web.auth import Access
from pdc.web.logins import standing
from pdc.web.logins.standing import OpenRequests


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("open")) as house, pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing, "EVERY", 0.05)
        yield house


def removed(house: House, browser: Browser) -> None:
    house.store.remove_user("ann")


def made_less(house: House, browser: Browser) -> None:
    house.store.set_role("ann", Role.READER)


def logged_out(house: House, browser: Browser) -> None:
    assert Browser(house, cookies=dict(browser.cookies)).send("POST", "/logout").status_code == 303


@pytest.mark.parametrize("act", [removed, made_less, logged_out])
def test_the_events_of_a_page_end_with_the_standing_of_its_reader(house: House, act: Callable[[House, Browser], None]):
    browser = house.reader("ann")
    with ThreadPoolExecutor(1) as beside:
        stream = beside.submit(browser.send, "GET", f"/gradio_api/heartbeat/{browser.page}")
        with pytest.raises(TimeoutError):
            stream.result(0.3)
        act(house, browser)
        assert stream.result(60).status_code == 200  # it had begun, and ended in order
    if house.store.user("ann"):
        house.store.remove_user("ann")


def test_an_answer_that_had_not_begun_says_log_in_again(house: House):
    ben = house.reader("ben")
    scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": [_cookie(ben)], "client": ("::1", 1)}
    access, sent = _access(house), []

    async def forever(scope: Any, receive: Any, send: Any) -> None:
        house.store.remove_user("ben")
        await asyncio.sleep(600)

    async def send(message: Any) -> None:
        sent.append(message)

    async def serve() -> None:
        request = Request(scope)
        assert access.user(request) == "ben"
        await OpenRequests(access).serve(forever, request, scope, send, send)

    run(serve())
    assert sent[0]["status"] == 401 and b"log in again" in sent[1]["body"]


def test_what_waits_in_the_queue_does_not_run_for_a_reader_who_is_gone(house: House):
    """The request came in while the reader was there; its handler's turn, or its next step, comes later."""
    cid = house.reader("cid")
    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": [_cookie(cid)], "client": ("::1", 1)}
    request = Request(scope)
    assert _access(house).user(request) == "cid"
    fn = house.blocks.fns[house.handler("rollback")]
    asked = {"block_fn": fn, "inputs": [None, ""], "state": None, "request": gr.Request(request, username="cid")}
    run(house.blocks.process_api(**asked))
    house.store.remove_user("cid")
    with pytest.raises(gr.Error, match="log in again"):
        run(house.blocks.process_api(**asked))


def test_an_event_is_cancelled_by_whoever_began_it_and_by_nobody_else(house: House):
    dan, eve = house.reader("dan"), house.reader("eve")
    queue = house.blocks._queue
    event = type("Waiting", (), {"username": "dan", "session_hash": dan.page})()
    queue.event_ids_to_events["theirs"] = event
    asked = {"session_hash": eve.page, "fn_index": 0, "event_id": "theirs"}
    there, not_there = (eve.send("POST", "/gradio_api/cancel", json={**asked, "event_id": id}) for id in ("theirs", "nothing"))
    assert (there.status_code, there.json()) == (not_there.status_code, not_there.json()) == (200, {"success": True})
    assert queue.event_ids_to_events.pop("theirs") is event


def _cookie(browser: Browser) -> tuple[bytes, bytes]:
    return b"cookie", "; ".join(f"{name}={value}" for name, value in browser.cookies.items()).encode()


def _access(house: House) -> Access:
    return next(m.kwargs["access"] for m in house.web.app.user_middleware if "access" in m.kwargs)
