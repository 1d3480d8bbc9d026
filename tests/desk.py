"""A review tab with everything behind it and a model that answers what it is told: for tests of what happens around answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from databases import url_of
from pictures import encoded
from PIL import Image as Pillow

from pdc.domain.errors import BadModel
from pdc.domain.values import Box, Findings, Mark, Origin, Question, Status, Task
from pdc.images.intake import ImageFiles
from pdc.inference.predictors.base import Answer, SoFar
from pdc.review.drafts import Draft
from pdc.review.listing.entries import Entry, WorklistFilter
from pdc.review.prefetch import Prefetcher
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.store import Store
from pdc.web.ui.review_tab import ReviewTab

LABELS = ["red blood cell", "platelet"]
ASK = Question(Task.COUNT_AND_BOX, tuple(LABELS))
FOUND = Findings(
    (Mark("m1", Box(2, 2, 12, 12), "red blood cell", score=0.9), Mark("m2", Box(20, 5, 30, 15), "platelet", score=0.31415)),
    {"red blood cell": 1, "platelet": 1},
)


class Scripted:
    """A predictor with a script: answers FOUND, notes what it was asked, can be held up and can fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Question]] = []
        self.go = threading.Event()
        self.go.set()
        self.broken = False

    labels: frozenset[str] | None = None

    def untaught(self, question) -> tuple[str, ...]:
        return ()

    def stream(self, image, question: Question, cancelled) -> Iterator[SoFar | Answer]:
        """One mark, then the whole answer once `go` says so or it is cancelled."""
        yield SoFar(Findings(FOUND.marks[:1]))
        answer = self.predict(image, question)
        if not cancelled():
            yield answer

    def predict(self, image, question: Question) -> Answer:
        self.asked.append((image.tobytes()[:3].hex(), question))
        assert self.go.wait(120)
        if self.broken:
            raise BadModel("The model is not there; install it.")
        return Answer(FOUND, '[{"scripted"}]', "scripted", None, "compact-1", 0.1)


class Desk:
    """Services and a review tab over a store in `folder`."""

    def __init__(self, folder: Path, *, blind: bool = False) -> None:
        self.store, self.model = Store.open(url_of(folder)), Scripted()
        self.service = ReviewService(self.store, ImageFiles(folder / "images"), self.model, blind=blind)
        self.images, self.prefetcher = Worklist(self.service), Prefetcher(self.service)
        self.tab = ReviewTab(self.service, self.images, self.prefetcher, lambda: ASK)

    def image(self, name: str, size: tuple[int, int] = (40, 30)) -> str:
        picture = Pillow.new("RGB", size, tuple(crc32(name.encode()).to_bytes(4)[:3]))
        for colour, x in (("black", 4), ("white", 12)):
            picture.paste(colour, (x, 4, x + 8, 12))
        return self.service.add_image(encoded(picture), name)[0].sha256

    def listed(self, name: str, /, **wanted: Any) -> list[Entry]:
        """What the reader's list shows."""
        return list(self.images.walk(name, WorklistFilter(**wanted)))

    def choose(self, sha256: str, reader: str = "ada") -> tuple:
        return self.tab.choose({"chosen": {"sha256": sha256}}, None, who(reader))

    def ask(self, draft: Draft, value: dict) -> tuple:
        """The model asked, and watched to the end: the draft as a handler would see it, the editor's last value, the line."""
        *_, (shown, said) = watch(self.tab.ask(draft, value))
        return self.tab.asking.now(draft), shown, said


def watch(values: AsyncIterator[Any]) -> Iterator[Any]:
    """What a handler of the page yields, step by step."""
    loop, end = asyncio.new_event_loop(), object()
    with ThreadPoolExecutor(1) as beside:  # a browser test's own loop may be running in this thread
        while (value := beside.submit(loop.run_until_complete, anext(values, end)).result()) is not end:
            yield value
    loop.close()


def run(waiting: Awaitable[Any]) -> Any:
    """What a coroutine returns; it runs in a loop of its own."""

    async def wait() -> Any:
        return await waiting

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, wait()).result()


def who(name: str) -> SimpleNamespace:
    return SimpleNamespace(username=name)


def drawn(id: str = "h1", x: float = 1.0, label: str = "platelet") -> dict:
    """A mark as the editor sends it."""
    return {"id": id, "label": label, "box": [x, 1.0, x + 8, 9.0], "origin": "human", "status": "open", "score": None}


def a_mark(id: str, x: float, label: str = "platelet", **changes) -> Mark:
    return Mark(id, Box(x, 1, x + 8, 9), label, changes.get("origin", Origin.HUMAN), changes.get("status", Status.OPEN))
