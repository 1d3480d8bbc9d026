"""A server with logins and a model that answers what it is told, and scripts that come in with API tokens."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from desk import LABELS, Desk
from fastapi import FastAPI
from pictures import encoded
from PIL import Image as Pillow
from starlette.testclient import TestClient

from pdc.adapters.registry import Adapters
from pdc.domain.users.roles import Role, capped, demand
from pdc.jobs.desk import JobDesk
from pdc.jobs.exporting import Exporting
from pdc.jobs.kinds import Kinds
from pdc.jobs.worker import Worker
from pdc.web.api.parts import Behind
from pdc.web.app import build_server
from pdc.web.auth import Access, hash_password
from pdc.web.data_routes import export_of
from pdc.web.logins.tokens import make_token
from pdc.web.ui.app import build_ui

ASKED = {"task": "count_and_box", "labels": LABELS}
HASH = hash_password("correct horse")
V1 = "/api/v1"


@dataclass
class Office:
    """The server, what stands behind it, and who may come in."""

    desk: Desk
    web: TestClient
    colours: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 24, 4099)))

    def token(self, name: str, role: Role = Role.READER, most: Role = Role.ADMIN) -> str:
        """A new token of a user, who is made if there is none."""
        if self.desk.store.user(name) is None:
            self.desk.store.add_user(name, HASH, most)
        return make_token(self.desk.store, name, uuid4().hex, role, 1, "root")

    def script(self, name: str, role: Role = Role.READER) -> Script:
        return Script(self, {"Authorization": f"Bearer {self.token(name, role)}"})

    def picture(self) -> bytes:
        """A PNG of 40 x 30 pixels that nobody has sent before."""
        image = Pillow.new("RGB", (40, 30), f"#{next(self.colours):06x}")
        image.paste("white", (4, 4, 12, 12))
        return encoded(image)


@dataclass
class Script:
    """One program's requests."""

    office: Office
    headers: dict[str, str]

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.office.web.cookies.clear()
        return self.office.web.request(method, V1 + path, headers=self.headers | more.pop("headers", {}), **more)

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self.send("GET", path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200, **params: Any) -> Any:
        answer = self.send("POST", path, json=body, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def bring(self, name: str = "a.png", **params: Any) -> str:
        """The sha256 of a new image."""
        return self.send("POST", "/images", params={"name": name, **params}, content=self.office.picture()).json()["sha256"]


def app_of(desk: Desk, folder: Path) -> tuple[FastAPI, Worker]:
    """The server of this desk, and what does the jobs that are asked for there."""

    def role(name: str) -> Role:
        user = desk.store.user(name)
        return capped(user.role if user else Role.READER, name)

    jobs = folder / "jobs"
    kinds = Kinds.of([Exporting(desk.store, partial(export_of, desk.service), jobs).kind])
    worker = Worker(desk.store, kinds)
    desk.service.allowed = lambda user, action: demand(role(user), action)
    adapters = Adapters(desk.store, "scripted", folder)
    app = build_server(
        desk.service,
        Access(desk.store, folder, login=True),
        build_ui({"Review": desk.tab}),
        prefetcher=desk.prefetcher,
        behind=Behind(adapters, role, lambda: desk.tab.questions.first),
        jobs=(JobDesk(desk.store, kinds, role, worker.wake), jobs),
    )
    return app, worker


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """A server inside this process."""
    desk = Desk(folder)
    app, worker = app_of(desk, folder)
    worker.start()
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as web:
        yield Office(desk, web)
    worker.stop()
    desk.prefetcher.stop()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Office]]:
    """A server on an address of its own."""
    desk = Desk(folder)
    app, worker = app_of(desk, folder)
    worker.start()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", Office(desk, TestClient(app))
        server.should_exit = True
        thread.join(30)
    worker.stop()
    desk.prefetcher.stop()
