"""However many readers wait for answers, everything else goes on: waiting holds no thread of the server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from desk import ASK, Desk

from pdc.web.app import build_server
from pdc.web.auth import Access
from pdc.web.ui.app import build_ui

pytestmark = pytest.mark.slow  # a server with many pages

READERS = 45  # more than the event loop has threads


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.model.go.set()
    desk.prefetcher.stop()


@pytest.fixture
def address(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """Where a server with this desk's review tab answers."""
    blocks = build_ui({"Review": desk.tab})
    app = build_server(desk.service, Access(desk.store, tmp_path, login=False), blocks, prefetcher=desk.prefetcher)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        while not server.started:
            time.sleep(0.01)
        desk.handlers = {fn.api_name: id for id, fn in blocks.fns.items()}
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        desk.model.go.set()
        server.should_exit = True
        thread.join(30)


def opened_and_waiting(address: str, desk: Desk, sha256: str) -> None:
    """A page that opens an image; its script then has the model asked, and waits."""
    page = uuid4().hex
    for name, data in (
        ("choose", [{"chosen": {"sha256": sha256}}, ASK.task.value, list(ASK.labels), None]),
        ("ask_if_new", [None, None]),
    ):
        body = {"data": data, "fn_index": desk.handlers[name], "session_hash": page}
        assert httpx.post(f"{address}/gradio_api/queue/join", json=body, timeout=20).status_code == 200
        if name == "choose":
            with httpx.stream("GET", f"{address}/gradio_api/queue/data?session_hash={page}", timeout=20) as stream:
                assert any("process_completed" in line for line in stream.iter_lines())


def test_many_waiting_answers_leave_images_and_saving_free(desk: Desk, address: str):
    shas = [desk.image(f"{i}.png") for i in range(READERS)]
    desk.model.go.clear()
    readers = [threading.Thread(target=opened_and_waiting, args=[address, desk, sha]) for sha in shas]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    ends = time.monotonic() + 20
    while len(desk.service.requests._in_flight) < READERS and time.monotonic() < ends:
        time.sleep(0.02)
    assert len(desk.service.requests._in_flight) == READERS and len(desk.model.asked) == 1
    for path in ("/health", f"/images/{shas[0]}.png", "/api/worklist"):
        assert httpx.get(address + path, timeout=10).status_code == 200
    opened_and_waiting(address, desk, desk.image("one more.png"))
