"""The app as app.py puts it together, and browsers with cookies of their own: for tests of who may do what."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image
from starlette.testclient import TestClient

from pdc.compose import build, open_store
from pdc.domain.users.roles import Role
from pdc.settings import Settings
from pdc.store import Store
from pdc.web.auth import hash_password
from pdc.web.logins.tokens import make_token

NO_MODEL = "http://127.0.0.1:9"  # nothing listens there: these tests need no answers
PASSWORD = "correct horse"


class House:
    """The app over HTTP; with a login when the environment names no Space."""

    def __init__(self, web: TestClient, store: Store, folder: Path) -> None:
        self.web, self.store, self.folder = web, store, folder

    @property
    def blocks(self) -> Any:
        """The interface inside."""
        return next(route.app for route in self.web.app.routes if hasattr(getattr(route, "app", None), "get_blocks")).get_blocks()

    def reader(self, name: str, role: Role = Role.ADMIN) -> Browser:
        """A new browser in which this reader is logged in."""
        if self.store.user(name) is None:
            self.store.add_user(name, hash_password(PASSWORD), role)
        browser = Browser(self)
        browser.log_in(name)
        return browser

    def program(self, name: str, role: Role = Role.READER) -> Browser:
        """What comes in for this user with a new API token of the role."""
        token = make_token(self.store, name, uuid4().hex, role, 1, name)
        return Browser(self, headers={"Authorization": f"Bearer {token}"})

    def handler(self, name: str) -> int:
        """The number of a handler: by its name, or where several tabs have one of that name, by `tab.name`."""
        module, _, last = name.rpartition(".")
        if not module:
            return next(id for id, known in self.handlers() if known == name)
        own = ((id, fn.fn) for id, fn in self.blocks.fns.items() if fn.fn is not None)
        return next(id for id, fn in own if fn.__module__.endswith(f".{module}") and fn.__name__ == last)

    def handlers(self) -> list[tuple[int, str]]:
        """(number, name) of everything a browser can have run here."""
        return [(id, fn.api_name) for id, fn in self.blocks.fns.items() if fn.fn is not None]


@dataclass(slots=True)
class Browser:
    """One browser: its cookies, the page it has open, and everything it was sent."""

    house: House
    page: str = field(default_factory=lambda: uuid4().hex)
    cookies: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        web = self.house.web
        web.cookies.clear()
        web.cookies.update(self.cookies)
        answer = web.request(method, path, headers=self.headers | (headers or {}), **options)
        self.cookies |= dict(answer.cookies)
        if "image" not in answer.headers.get("content-type", ""):
            self.seen.append(answer.text)
        return answer

    def log_in(self, name: str) -> None:
        assert self.send("POST", "/login", data={"name": name, "password": PASSWORD}).status_code == 303

    def upload(self, name: str, colour: str = "red") -> str:
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
        return self.send("POST", f"/api/images?name={name}", content=buffer.getvalue()).json()["sha256"]

    def join(self, number: int, data: list[Any], page: str | None = None) -> Any:
        """Have a handler run, in this browser's page or in another."""
        body = {"data": data, "fn_index": number, "session_hash": page or self.page}
        return self.send("POST", "/gradio_api/queue/join", json=body)

    def run(self, name: str, *data: Any) -> Any:
        """What a handler returned, or the sentence with which it refused."""
        joined = self.join(self.house.handler(name), list(data))
        if joined.status_code != 200:
            return joined.json()["error"]
        stream = self.send("GET", f"/gradio_api/queue/data?session_hash={self.page}").text
        said = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
        output = next(m["output"] for m in said if m["msg"] == "process_completed")
        return output.get("error") or output["data"]

    def open(self, sha256: str, label: str | None = None) -> Any:
        """The editor's value for an image, asked for one label or as it comes, or why it is refused."""
        opened = self.run("choose", {"chosen": {"sha256": sha256}}, None)
        if isinstance(opened, str):
            return opened
        value = opened[1]
        if label is None or value["labels"] == [label]:
            return value
        return self.run("change_question", {"task": "count_and_box", "labels": [label]}, None, value)[1]

    def save(self, value: dict, *marks: dict) -> Any:
        """The line under the question, or why it is refused."""
        saved = self.run("save", bar_of(value), None, {**value, "marks": [*value["marks"], *marks]}, {})
        return saved if isinstance(saved, str) else saved[4]


def bar_of(value: dict) -> dict[str, Any]:
    """The task and labels in the bar above what an editor shows."""
    _, task, *labels = json.loads(value["case"])
    return {"task": task, "labels": labels}


@contextmanager
def living(folder: Path, **settings_too: str) -> Iterator[House]:
    """The app over a fresh folder, with its event loop running."""
    settings = Settings.from_env({"PDC_HOME": str(folder), "PDC_HOST": "0.0.0.0", "PDC_SERVER_URL": NO_MODEL, **settings_too})
    built, _, stop = build(settings)
    with TestClient(built, base_url="https://testserver", follow_redirects=False) as web:
        yield House(web, open_store(settings), folder)
    stop()
