"""`python -m tests.bench.flood [--images 500] [--model]`: what a flood costs everybody else, and whether memory stays flat.

The app as it starts, with a login. One reader saves and somebody asks for /health: alone, beside 60 wrong logins at once, beside
45 uploads of 32 megapixels at once, beside 300 half-open connections. Then images are brought, opened (with `--model` asked
about) and saved one after the other, and the memory of the server is read. Ratios of times of one run, side by
side; p95 of so many saves.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
from PIL import Image

from pdc.store import Store
from pdc.web.auth import hash_password

ROOT = Path(__file__).resolve().parents[2]
NAME, PASSWORD = "ada", "correct horse"
NO_MODEL = "http://127.0.0.1:9"
LOGINS, UPLOADS, HALF_OPEN = 60, 45, 300
SAVES, PINGS, WARM = 100, 200, 5
SHOWN = 50, 100, 250, 500
MOST = 120.0  # seconds that one answer is waited for
Times = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Server:
    """The app in a process of its own."""

    url: str
    process: psutil.Process

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def megabytes(self) -> float:
        return self.process.memory_info().rss / 1e6


class Reader:
    """A reader with a browser's cookies and one page."""

    def __init__(self, url: str) -> None:
        self.web = httpx.Client(base_url=url, timeout=MOST)
        answer = self.web.post("/login", data={"name": NAME, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        self.page, self.numbers, self.marks = uuid4().hex, _handlers(self.web.get("/config").json()), count()

    def run(self, name: str, *data: Any) -> list[Any]:
        """What a handler of the page returned."""
        body = {"data": list(data), "fn_index": self.numbers[name], "session_hash": self.page}
        self.web.post("/gradio_api/queue/join", json=body).raise_for_status()
        output: dict[str, Any] = {}
        with self.web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.page}) as stream:
            for line in stream.iter_lines():
                said = json.loads(line[6:]) if line.startswith("data: ") else {}
                output = said["output"] if said.get("msg") == "process_completed" else output
        return output["data"]

    def open(self, sha256: str) -> dict[str, Any]:
        value = self.run("choose", {"chosen": {"sha256": sha256}}, None)[1]
        return self.run("change_question", {"task": "count_and_box", "labels": ["platelet"]}, None, value)[1]

    def save(self, value: dict[str, Any]) -> None:
        n = next(self.marks)
        place = {"box": [n % 30, 1.0, n % 30 + 8, 9.0], "label": "platelet"}
        mark = {**place, "id": f"m{n}", "origin": "human", "status": "open", "score": None}
        saved = self.run("save", {"task": "count_and_box", "labels": ["platelet"]}, None, {**value, "marks": [mark]}, {})
        assert "Saved" in json.dumps(saved), saved


def bring(web: httpx.Client, name: str, image: bytes) -> str:
    """Its sha256; waits where the server is busy, as the page does."""
    while (answer := web.post("/api/images", params={"name": name}, content=image)).status_code == 503:
        time.sleep(float(answer.headers["retry-after"]))
    return answer.raise_for_status().json()["sha256"]


def _handlers(config: dict[str, Any]) -> dict[str, int]:
    return {d["api_name"]: d["id"] for d in config["dependencies"] if d.get("api_name")}


@contextmanager
def served(model: bool) -> Iterator[Server]:
    with socket.socket() as free, tempfile.TemporaryDirectory() as home:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        Store.open(f"sqlite:///{home}/pdc.sqlite3").add_user(NAME, hash_password(PASSWORD))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PDC_")}
        own = {"PDC_HOME": home, "PDC_PORT": str(port), "PDC_LOGIN": "on", "PDC_ANSWER_POOL": "off"}
        environment = kept | own | ({} if model else {"PDC_SERVER_URL": NO_MODEL})
        free.close()
        with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                yield Server(f"http://127.0.0.1:{port}", _ready(port, process.pid))
            finally:
                process.terminate()


def _ready(port: int, pid: int) -> psutil.Process:
    for _ in range(900):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return psutil.Process(pid)
        time.sleep(0.2)
    raise SystemExit("The app did not start within three minutes.")


def measured(server: Server, reader: Reader, value: dict[str, Any], go_on: Callable[[], bool]) -> Times:
    """Seconds of so many saves and questions for /health, or of as many as there were while the flood lasted."""
    times: Times = {"save": [], "health": []}
    web = httpx.Client(base_url=server.url, timeout=MOST)
    while len(times["save"]) < SAVES and (go_on() or len(times["save"]) < 5):
        times["save"].append(_seconds(lambda: reader.save(value)))
        for _ in range(PINGS // SAVES):
            times["health"].append(_seconds(lambda: web.get("/health").raise_for_status()))
    return times


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


@contextmanager
def threads(n: int, act: Callable[[int], object]) -> Iterator[Callable[[], bool]]:
    """`act` in so many threads; what is yielded says whether any goes on."""
    started = [threading.Thread(target=act, args=[i], daemon=True) for i in range(n)]
    for thread in started:
        thread.start()
    yield lambda: any(thread.is_alive() for thread in started)
    for thread in started:
        thread.join(600)


@contextmanager
def logins(server: Server, _: Reader) -> Iterator[Callable[[], bool]]:
    over = threading.Event()
    web = httpx.Client(base_url=server.url, timeout=MOST, limits=httpx.Limits(max_connections=LOGINS))

    def wrong(n: int) -> None:
        while not over.wait(1):  # a second between the tries of one sender
            web.post("/login", data={"name": f"user {n}", "password": "wrong password"})

    with threads(LOGINS, wrong) as going:
        yield going
        over.set()


@contextmanager
def uploads(server: Server, reader: Reader) -> Iterator[Callable[[], bool]]:
    """In a process of its own, behind everything else: in real work those who send have other machines."""
    sender = get_context("spawn").Process(target=send_large, args=[server.url, dict(reader.web.cookies)])
    sender.start()
    yield sender.is_alive
    sender.join(600)


def send_large(url: str, cookies: dict[str, str]) -> None:
    os.nice(19)
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (4900, 6600, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", quality=70)

    def send(n: int) -> None:
        bring(httpx.Client(base_url=url, timeout=600, cookies=cookies), f"large-{n}.jpg", buffer.getvalue())

    with threads(UPLOADS, send):
        pass


@contextmanager
def half_open(server: Server, _: Reader) -> Iterator[Callable[[], bool]]:
    with ExitStack() as held:
        for _ in range(HALF_OPEN):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half")
        yield lambda: True


FLOODS: dict[str, Callable[[Server, Reader], AbstractContextManager[Callable[[], bool]]]] = {
    f"{LOGINS} wrong logins at once": logins,
    f"{HALF_OPEN} half-open connections": half_open,
    f"{UPLOADS} uploads of 32 megapixels at once": uploads,
}


def small(n: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(n).integers(0, 255, (200, 200, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def floods(server: Server, reader: Reader) -> None:
    value = reader.open(bring(reader.web, "own.png", small(0)))
    for _ in range(WARM):
        reader.save(value)
    alone = measured(server, reader, value, lambda: True)
    print("| beside | save p95 ms | ratio | health p95 ms | ratio | saves | server MB |\n|---|---|---|---|---|---|---|")
    _tell("nobody", alone, alone, server)
    for name, flood in FLOODS.items():
        with flood(server, reader) as going:
            _tell(name, measured(server, reader, value, going), alone, server)


def _tell(name: str, times: Times, alone: Times, server: Server) -> None:
    p95 = {kind: np.percentile(own, 95) * 1000 for kind, own in times.items()}
    first = {kind: np.percentile(own, 95) * 1000 for kind, own in alone.items()}
    cells = [f"{p95[kind]:.0f} | {p95[kind] / first[kind]:.1f}" for kind in ("save", "health")]
    print(f"| {name} | {' | '.join(cells)} | {len(times['save'])} | {server.megabytes():.0f} |", flush=True)


def memory(server: Server, reader: Reader, images: int, model: bool) -> None:
    print("\n| images | server MB |\n|---|---|", flush=True)
    for n in range(1, images + 1):
        value = reader.open(bring(reader.web, f"{n}.png", small(n)))
        if model:
            reader.run("ask", {"task": "count_and_box", "labels": ["platelet"]}, None, value)
        reader.save(value)
        if n in SHOWN:
            print(f"| {n} | {server.megabytes():.0f} |", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--images", type=int, default=500)
    options.add_argument("--model", action="store_true", help="with the embedded model, which is asked about each image")
    chosen = options.parse_args()
    with served(chosen.model) as server:
        reader = Reader(server.url)
        floods(server, reader)
        memory(server, reader, chosen.images, chosen.model)


if __name__ == "__main__":
    main()
