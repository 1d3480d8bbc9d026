"""A server with logins and a model that answers what it is told, and scripts that come in with API tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from desk import LABELS, Desk
from pictures import encoded
from PIL import Image as Pillow
from starlette.testclient import TestClient

from pdc.domain.users.roles import Role, capped
from pdc.web.api.parts import Behind
from pdc.web.app import build_server
from pdc.web.auth import Access, hash_password
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


@contextmanager
def office(folder: Path, **desk_too: Any) -> Iterator[Office]:
    desk = Desk(folder, **desk_too)

    def role(name: str) -> Role:
        user = desk.store.user(name)
        return capped(user.role if user else Role.READER, name)

    app = build_server(
        desk.service,
        Access(desk.store, folder, login=True),
        build_ui({"Review": desk.tab}),
        prefetcher=desk.prefetcher,
        behind=Behind(role=role, first=lambda: desk.tab.questions.first),
    )
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as web:
        yield Office(desk, web)
    desk.model.go.set()
    desk.prefetcher.stop()
