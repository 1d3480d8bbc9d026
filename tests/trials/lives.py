"""A real server that is killed without warning and started again over the same folder: `pdc serve`, forked after the imports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from house import Browser, House, bar_of

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300
SERVE = """
import ctypes, os, signal, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import pdc.compose, pdc.web.app, pdc.web.ui.app, pdc.cli.serve as cli
from pdc.review.service import ReviewService
from pdc.store import Store
append, lives = Store.save_review, os.fdopen(os.dup(0))

def die_before_the_answer(store, *args, **named):
    append(store, *args, **named)
    os.kill(os.getpid(), 9)

print("ready", flush=True)
for life in lives:  # "answers" or "dies", and what is switched off in it
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it does not outlive a test that was ended
        if "dies" in life:
            Store.save_review = die_before_the_answer
        if "unchecked" in life:
            ReviewService._standing = lambda self, *_: None
        os._exit(cli.serve())
    print("pid", child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


class Server:
    """The processes of one folder, one life after another. `port` stays, as a restarted server's does."""

    def __init__(self, home: Path, **settings: str) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.home, self.lines, self._said = home, [], threading.Condition()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PDC_HOME": str(home), "PDC_PORT": str(self.port)}
        environment |= {"PDC_SERVER_URL": "http://127.0.0.1:9", "TMPDIR": str(home.parent / "tmp"), **settings}
        (home.parent / "tmp").mkdir(exist_ok=True)
        pipe = subprocess.PIPE
        self.forker = subprocess.Popen(
            [sys.executable, "-c", SERVE], env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._wait_for("ready")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _listen(self) -> None:
        for line in self.forker.stdout:
            with self._said:
                self.lines.append(line.strip())
                self._said.notify_all()

    def _wait_for(self, word: str, after: int = 0) -> str:
        """The first line from there on that begins so."""
        with self._said:
            found = self._said.wait_for(lambda: [said for said in self.lines[after:] if said.startswith(word)], START_SECONDS)
        assert found, self.lines[-20:]
        return found[0]

    def start(self, life: str = "answers") -> float:
        """A new life; the seconds until it answers."""
        begun, before = time.monotonic(), len(self.lines)
        self.forker.stdin.write(f"{life}\n")
        self.forker.stdin.flush()
        self.pid = int(self._wait_for("pid", before).split()[1])
        self._wait_for("PDC is ready", before)
        assert httpx.get(f"{self.url}/health").status_code == 200
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL, and the end of it."""
        before = len(self.lines)
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            before = 0  # it has died by itself
        self._wait_for("dead", before)

    def died(self) -> None:
        """Wait for a life that ends itself."""
        self._wait_for("dead", next(i for i, line in enumerate(self.lines) if line == f"pid {self.pid}"))

    def close(self) -> None:
        self.forker.kill()
        self.forker.wait()
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (ProcessLookupError, AttributeError):
            return


class OverHttp(House):
    """What `Browser` needs of an app, of one in another process."""

    def __init__(self, server: Server, cookies: Mapping[str, str] | None = None) -> None:
        self.url, self.cookies, self.numbers = server.url, cookies or {}, {}
        self.web = httpx.Client(base_url=self.url, timeout=120, cookies=self.cookies)

    def handler(self, name: str) -> int:
        if not self.numbers:
            known = self.web.get("/config").json()["dependencies"]
            self.numbers = {fn["api_name"]: fn["id"] for fn in reversed(known) if fn["api_name"]}
        return self.numbers[name]

    def fresh(self) -> Browser:
        """A new page of the same user; the connection of the one before is gone."""
        self.web.close()
        self.web = httpx.Client(base_url=self.url, timeout=120, cookies=self.cookies)
        return Browser(self, cookies=dict(self.cookies))


@dataclass
class Saver:
    """Someone who saves one image again and again: what was acknowledged, and the save whose answer is still missing."""

    house: OverHttp
    sha256: str
    name: str
    key: bool = True
    """whether each save has a name of its own, under which it is sent again"""
    browser: Browser | None = None
    value: dict[str, Any] = field(default_factory=dict)
    pending: str | None = None
    told: list[str] = field(default_factory=list)
    """the ids of the marks of all acknowledged saves, in their order"""
    seconds: list[float] = field(default_factory=list)
    """what each of them took"""

    def work(self, times: int = 1_000_000) -> None:
        """Save so often, or until the server is gone. What was sent and not acknowledged is sent again first."""
        try:
            self._open()
            for _ in range(times):
                self.pending = self.pending or f"{self.name}-{len(self.told)}"
                begun = time.monotonic()
                self._save(self.pending)
                self.seconds.append(time.monotonic() - begun)
                self.told.append(self.pending)
                self.pending = None
        except (httpx.HTTPError, StopIteration, json.JSONDecodeError, KeyError):
            self.browser = None

    def _open(self) -> None:
        """A page of this life, for a page of the last one says nothing to this server."""
        self.browser = self.house.fresh()
        opened = self.browser.open(self.sha256, "platelet")
        self.value = opened if isinstance(opened, dict) else self._never(opened)

    def _save(self, id: str) -> None:
        x = 1 + len(self.told) % 20
        mark = {"id": id, "label": "platelet", "box": [x, 1, x + 8, 9], "origin": "human", "status": "open", "score": None}
        named = {"request": id} if self.key else {}
        said = self.browser.run("save", bar_of(self.value), None, {**self.value, "marks": [mark], "edits": 1, **named}, {})
        line = said if isinstance(said, str) else str(said[4])
        if "Saved, revision" not in line:
            self._never(line)

    def _never(self, said: object) -> Any:
        raise AssertionError(f"{self.name}: {said}")
