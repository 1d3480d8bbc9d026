"""A crowd of readers at work: each saves once in five seconds, at times that were fixed before, against the app as it starts.

    python -m tests.bench.crowd [--readers 50] [--seconds 180] [--act finish] [--on sqlite postgresql] [--processes 1]

An open loop: a save that comes late, because the one before was slow, counts from when it should have begun. First one reader
alone, once a second; then the crowd. Prints p50, p95 and p99 of both, their ratio, refusals, and acknowledged saves that are
not in the database. `finish` saves and goes to the next image. Ratios of one run say how it holds, times on a shared machine
say little. PostgreSQL lies in memory, so its times are those of the work and not of a disk.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
from PIL import Image as Pillow

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "trials")]

import databases  # noqa: E402
from house import PASSWORD  # noqa: E402
from lives import Server  # noqa: E402

from pdc.domain.values import Image  # noqa: E402
from pdc.images.intake import Accepted, ImageFiles  # noqa: E402
from pdc.store import Store  # noqa: E402
from pdc.web.auth import hash_password  # noqa: E402

EVERY, ALONE_EVERY, ALONE_SECONDS, WARM = 5.0, 1.0, 60.0, 5
MOST = 60.0  # seconds that one answer is waited for
BAR = {"task": "count_and_box", "labels": ["platelet"]}


@dataclass
class Told:
    """What a reader was told: seconds from when each save should have begun, ids of acknowledged marks, and refusals."""

    seconds: list[float] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    cpu: float = 0.0
    """seconds of a core that the servers took meanwhile"""
    refused: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        self.seconds += other.seconds
        self.marks += other.marks
        self.refused += other.refused


class Reader:
    """One browser of one reader, with one page."""

    def __init__(self, url: str, name: str) -> None:
        self.web = httpx.AsyncClient(base_url=url, timeout=MOST)
        self.name, self.page, self.told = name, uuid4().hex, Told()
        self.value: dict[str, Any] = {}

    async def open(self, sha: str) -> None:
        said = await self.web.post("/login", data={"name": self.name, "password": PASSWORD})
        assert said.status_code == 303, said.text
        known = (await self.web.get("/config")).json()["dependencies"]
        self.numbers = {fn["api_name"]: fn["id"] for fn in reversed(known) if fn["api_name"]}
        opened = (await self.run("choose", {"chosen": {"sha256": sha}}, None))[1]
        asked = opened["labels"] == BAR["labels"]
        self.value = opened if asked else (await self.run("change_question", BAR, None, opened))[1]

    async def run(self, name: str, *data: Any) -> list[Any]:
        """What a handler returned. RuntimeError with the sentence where it refused."""
        body = {"data": data, "fn_index": self.numbers[name], "session_hash": self.page}
        (await self.web.post("/gradio_api/queue/join", json=body)).raise_for_status()
        output: dict[str, Any] = {"error": "The stream ended without an answer."}
        async with self.web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.page}) as stream:
            async for line in stream.aiter_lines():
                said = json.loads(line[6:]) if line.startswith("data: ") else {}
                output = said["output"] if said.get("msg") == "process_completed" else output
        if output.get("error"):
            raise RuntimeError(output["error"])
        return output["data"]

    async def save(self, act: str, id: str) -> None:
        x = 1 + len(self.told.marks) % 20
        bar = {"task": BAR["task"], "labels": self.value["labels"]}
        mark = {"id": id, "label": bar["labels"][0], "box": [x, 1, x + 8, 9], "origin": "human", "status": "open", "score": None}
        value = {**self.value, "marks": [mark], "edits": 1, "request": id}
        said = await self.run(act, bar, None, value, {})
        if act == "finish" and isinstance(said[1], dict):
            self.value = said[1]
        elif "Saved, revision" not in str(said[4]):
            raise RuntimeError(str(said[4]))

    async def work(self, act: str, begun: float, first: float, every: float, times: int) -> None:
        """Save at `first`, `first + every`, ... seconds after `begun`; what is late is made up for at once."""
        for n in range(times):
            due, id = begun + first + n * every, f"{self.name}-{self.page[:6]}-{n}"
            await asyncio.sleep(max(0.0, due - monotonic()))
            try:
                await self.save(act, id)
                self.told.marks.append(id)
            except (RuntimeError, httpx.HTTPError, json.JSONDecodeError, KeyError) as error:
                self.told.refused.append(str(error) or type(error).__name__)
            self.told.seconds.append(monotonic() - due)


async def _together(urls: list[str], pids: list[int], shas: list[str], act: str, every: float, seconds: float) -> Told:
    readers = [Reader(urls[n % len(urls)], f"reader {n}") for n in range(len(shas))]
    for reader, sha in zip(readers, shas, strict=True):
        await reader.open(sha)
    for reader in readers[:1]:
        await reader.work(act, monotonic(), 0, 0, WARM)
        reader.told = Told(marks=reader.told.marks)
    begun, apart, before = monotonic() + 1, every / len(readers), _cpu_seconds(pids)
    work = (r.work(act, begun, n * apart, every, max(1, int(seconds / every))) for n, r in enumerate(readers))
    await asyncio.gather(*work)
    told = Told(cpu=_cpu_seconds(pids) - before)
    for reader in readers:
        told.add(reader.told)
        await reader.web.aclose()
    return told


def crowd(urls: list[str], pids: list[int], shas: list[str], act: str, every: float, seconds: float) -> Told:
    return asyncio.run(_together(urls, pids, shas, act, every, seconds))


def fill(home: Path, url: str, images: int, readers: int) -> list[str]:
    """Small images and readers who may log in; the images' sha256."""
    store, files, shas = Store.open(url), ImageFiles(home / "images"), []
    hashed = hash_password(PASSWORD)
    for n in range(readers):
        store.add_user(f"reader {n}", hashed)
    for n in range(images):
        buffer = io.BytesIO()
        Pillow.fromarray(np.random.default_rng(n).integers(0, 255, (30, 40, 3), np.uint8)).save(buffer, "PNG")
        sha = sha256(buffer.getvalue()).hexdigest()
        files.put(Accepted(buffer.getvalue(), sha, f"{n}.png", 40, 30))
        store.add_image(Image(sha, f"{n}.png", 40, 30, sha, datetime.now(UTC)))
        shas.append(sha)
    store.close()
    return shas


@contextmanager
def serving(home: Path, url: str, processes: int) -> Iterator[list[Server]]:
    """So many processes of the app over one home and one database."""
    settings = {"PDC_LOGIN": "on", "PDC_ANSWER_POOL": "off", "PDC_DATABASE_URL": url}
    servers = [Server(home, **settings) for _ in range(processes)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.close()


def lost(url: str, told: Told) -> int:
    """How many acknowledged marks are in no review."""
    store = Store.open(url)
    try:
        return len(set(told.marks) - {mark.id for review in store.reviews() for mark in review.findings.marks})
    finally:
        store.close()


def measure(url: str, home: Path, asked: argparse.Namespace, name: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    shas = fill(home, url, max(asked.images, asked.readers), asked.readers)
    with serving(home, url, asked.processes) as servers:
        in_another = partial(_in_another_process, [s.url for s in servers], [s.pid for s in servers], asked.act)
        alone = in_another(shas[:1], every=ALONE_EVERY, seconds=asked.alone)
        many = in_another(shas[-asked.readers :], every=EVERY, seconds=asked.seconds)
        told = Told()
        told.add(alone)
        told.add(many)
        p95 = np.percentile(many.seconds, 95) / np.percentile(alone.seconds, 95)
        for who, found in ((f"{name}, 1 reader", alone), (f"{name}, {asked.readers} readers", many)):
            p = " | ".join(f"{1000 * seconds:.0f}" for seconds in np.percentile(found.seconds, (50, 95, 99)))
            print(f"| {who} | {len(found.seconds)} | {p} | {p95:.1f} | {len(found.refused)} | {lost(url, told)} |", flush=True)
        print(f"{1000 * many.cpu / len(many.seconds):.0f} ms of a core for each save of the crowd")
        for sentence in sorted(set(many.refused))[:5]:
            print(f"refused: {sentence}")


def _cpu_seconds(pids: list[int]) -> float:
    times = (psutil.Process(pid).cpu_times() for pid in pids)
    return sum(time.user + time.system for time in times)


def _in_another_process(urls: list[str], pids: list[int], act: str, shas: list[str], *, every: float, seconds: float) -> Told:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(crowd, (urls, pids, shas, act, every, seconds))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--readers", type=int, default=50)
    options.add_argument("--seconds", type=float, default=180)
    options.add_argument("--alone", type=float, default=ALONE_SECONDS, help="seconds of the one reader")
    options.add_argument("--act", choices=("save", "finish"), default="save")
    options.add_argument("--images", type=int, default=2500)
    options.add_argument("--processes", type=int, default=1)
    options.add_argument("--on", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    asked = options.parse_args()
    print(
        "| who | saves | p50 ms | p95 ms | p99 ms | ratio of p95 | refused | lost |\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for name in asked.on:
        with TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            if name == "sqlite":
                measure(f"sqlite:///{home / 'pdc.sqlite3'}", home, asked, name)
            else:
                with databases.running() as server:
                    measure(server.create(), home, asked, name)


if __name__ == "__main__":
    main()
