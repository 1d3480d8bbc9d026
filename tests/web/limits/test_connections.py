"""Connections that are held half open, on a real server: they are closed after a time, and nobody waits for them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from pdc.web.limits.connections import MOST, TimedProtocol, most_connections

HEAD = b"POST /slow HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n"
GET = b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n"


class Quick(TimedProtocol):
    head_seconds = last_seconds = 0.3
    rest_seconds = 2.0
    body_seconds = taking_seconds = 1.0
    least_bytes = 100


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads a body on /slow, answers at once on all others; /long is larger than the buffers of both sides."""
    while scope["path"] == "/slow":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * (30_000_000 if scope["path"] == "/long" else 2)})


@contextmanager
def served(protocol: type[TimedProtocol], most: int | None = None) -> Iterator[int]:
    """The port of a server with this protocol."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", log_level="error", limit_concurrency=most, timeout_keep_alive=60
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield listening.getsockname()[1]
        server.should_exit = server.force_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(Quick) as port:
        yield port


def opened(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(sent)
    return connection


def closed(connection: socket.socket) -> bool:
    """Whether the server ends it; False after ten seconds."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTT", HEAD, HEAD + b"x" * 50], ids=["nothing", "half a head", "no body", "half a body"]
)
def test_what_does_not_go_on_is_closed(port: int, sent: bytes):
    with opened(port, sent) as connection:
        assert closed(connection)


def test_between_two_requests_there_is_time_but_a_head_that_has_begun_has_to_come(port: int):
    ask = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    with opened(port, ask) as connection:
        for _ in range(2):
            time.sleep(0.8)  # longer than a head may take
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            connection.sendall(ask)
        time.sleep(0.8)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        connection.sendall(ask[:20])
        assert closed(connection) and time.monotonic() < begun + 1.5
    with opened(port, ask) as connection:
        assert closed(connection)  # at last


def test_a_head_that_drips_is_closed_all_the_same(port: int):
    with opened(port, b"GET / HTTP/1.1\r\n") as connection:
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() < begun + 10:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.05)


def test_a_body_that_comes_slowly_but_comes_is_read_to_its_end(port: int):
    with opened(port, HEAD.replace(b"1000000", b"2000")) as connection:
        for _ in range(8):  # longer than one time for a body
            time.sleep(0.2)
            connection.sendall(b"x" * 250)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_takes_is_given_up(port: int):
    with opened(port, GET) as connection:
        time.sleep(2)
        assert closed(connection)
    assert httpx.get(f"http://127.0.0.1:{port}/long", timeout=10).num_bytes_downloaded == 30_000_000


def test_who_goes_on_sending_after_the_answer_is_cut_off(port: int):
    head = HEAD.replace(b"/slow", b"/").replace(b"1000000", b"1000000000000")
    with opened(port, head) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() < begun + 10:
                connection.sendall(b"x" * 10_000)
                time.sleep(0.02)


def test_a_connection_is_used_again_and_again(port: int):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as browser:
        for _ in range(3):
            assert browser.post("/slow", content=b"x" * 200_000).status_code == 200


def test_half_open_connections_beyond_the_most_make_room_for_the_next():
    with served(TimedProtocol, most=40) as port, ExitStack() as held:
        connections = [held.enter_context(opened(port, b"GET / HTT")) for _ in range(100)]
        assert all(httpx.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200 for _ in range(5))
        assert closed(connections[0])


def test_uvicorn_alone_keeps_a_half_open_connection():
    """The control: without the clocks it stays."""
    with served(uvicorn.protocols.http.h11_impl.H11Protocol) as port, opened(port, b"GET / HTT") as connection:
        connection.settimeout(1)
        assert not closed(connection)


def test_connections_take_no_more_than_half_of_the_open_files():
    assert most_connections(1024) == 512 and most_connections(10**6) == MOST
