"""The whole app in this process, and hands and eyes on its pages: what tests of whole pages share."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Image as PilImage

from pdc.adapters.registry import Adapters
from pdc.adapters.routing import AdapterRouting
from pdc.domain.values import Question
from pdc.images.intake import ImageFiles
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.local import LocalPredictor
from pdc.jobs.desk import JobDesk
from pdc.jobs.exporting import Exporting
from pdc.jobs.kinds import Kinds
from pdc.jobs.worker import Worker
from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.sessions import CountSessions
from pdc.review.history import History
from pdc.review.labels import Labels
from pdc.review.listing.entries import Stage, WorklistFilter
from pdc.review.prefetch import Prefetcher
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.settings import Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.fresh import fresh
from pdc.training.process import ProcessTrainer
from pdc.web.app import NO_OFFER, Offer, build_server
from pdc.web.auth import Access
from pdc.web.data_routes import export_of
from pdc.web.ui.app import build_ui, gradio_options
from pdc.web.ui.data_tab import DataTab
from pdc.web.ui.history_tab import HistoryTab
from pdc.web.ui.labels_tab import LabelsTab
from pdc.web.ui.record.panel import RecordPanel
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.study_tab import StudyTab
from pdc.web.ui.training.tab import TrainingTab

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Recorder:
    """The app, with every byte of every body it sends."""

    def __init__(self, app) -> None:
        self.app, self.sent = app, bytearray()

    async def __call__(self, scope, receive, send) -> None:
        async def recording(message) -> None:
            if message["type"] == "http.response.body":
                self.sent += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, recording)


class Remembering:
    """A model whose whole answers are kept, step by step, so that the tests of a worker wait once for an answer they share."""

    def __init__(self, model: LocalPredictor) -> None:
        self.model, self.kept = model, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def stream(self, image: PilImage, question: Question, cancelled: Callable[[], bool]) -> Iterator[SoFar | Answer]:
        asked, steps = (image.size, image.tobytes(), question), []
        if asked in self.kept:
            yield from self.kept[asked]
            return
        for step in self.model.stream(image, question, cancelled):
            steps.append(step)
            yield step
        if steps and isinstance(steps[-1], Answer):
            self.kept[asked] = steps


class Workbench:
    """The whole app in this process, on the embedded model."""

    def __init__(
        self,
        folder: Path,
        model: LocalPredictor | Remembering,
        serve: Callable[[object], str],
        *,
        blind: bool = False,
        training: bool = False,
        private: bool = False,
        offer: Offer = NO_OFFER,
    ) -> None:
        self.store = Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")
        self.service = ReviewService(self.store, ImageFiles(folder / "images"), model, blind=blind, private=private)
        self.images, prefetcher = Worklist(self.service), Prefetcher(self.service)
        self.counts = CountSessions(self.store, folder, self.service)
        review = ReviewTab(self.service, self.images, prefetcher, fields=FieldDesk(self.counts))
        history = HistoryTab(
            History(self.service, AdapterRouting("pdc-tiny", AdapterRef), self.store.adapters), review, RecordPanel(self.service)
        )
        tabs = {
            "Review": review,
            "History": history,
            "Reading study": StudyTab(self.service),
            "Labels": LabelsTab(Labels(self.store)),
            "Data": DataTab(),
        }
        blocks = build_ui({**tabs, "Training": _training(folder, self.store)} if training else tabs)
        access = Access(self.store, folder, login=False)
        self.app = Recorder(
            build_server(
                self.service,
                access,
                blocks,
                prefetcher=prefetcher,
                offer=offer,
                counts=self.counts,
                jobs=None if private else (_exports(self.service, folder / "jobs"), folder / "jobs"),
                gradio_options=gradio_options(),
            )
        )
        self.url = serve(self.app)
        self.prefetcher = prefetcher

    def add(self, n: int) -> list[str]:
        from finetune.data.drawings import smear

        return [self._add(smear(np.random.default_rng(900 + i), (160, 120)).image, f"smear-{i:02}.png") for i in range(n)]

    def add_with_platelet(self) -> str:
        """A smear in which the model finds a platelet too, as smear-00.png."""
        from finetune.data.drawings import smear

        return self._add(smear(np.random.default_rng(901), (160, 120)).image, "smear-00.png")

    def _add(self, pixels: np.ndarray, name: str) -> str:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return self.service.add_image(buffer.getvalue(), name)[0].sha256

    def stages(self) -> list[Stage]:
        return [e.stage for e in self.images.walk("reader", WorklistFilter())]


def _exports(service: ReviewService, folder: Path) -> JobDesk:
    """Exports as jobs, each done as soon as it is asked for."""
    kinds = Kinds.of([Exporting(service.store, partial(export_of, service), folder).kind])
    worker = Worker(service.store, kinds)
    return JobDesk(service.store, kinds, added=lambda: Thread(target=worker.run_all).start())


def _training(folder: Path, store: Store) -> TrainingTab:
    settings = Settings.from_env({"PDC_HOME": str(folder)})
    adapters = Adapters(store, settings.model, settings.home)
    config = TrainConfig.for_model(settings.model)
    return TrainingTab(ProcessTrainer(settings), adapters, config, fresh=lambda: fresh(store, settings.runs, config))


def open_page(browser, bench: Workbench, **options):
    """A page of this app; `options` are the browser's, such as locale or color_scheme."""
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 720}, **options})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(bench.url)
    page.wait_for_selector(".pdc-thumbs .pdc-item", state="attached", timeout=60_000)
    page.wait_for_function("document.querySelector('.pdc-progress').textContent !== ''")
    return page


def an_example(page, name: str = "blood-drawing.jpg") -> None:
    """A card in the middle of the page is pressed; where the list has images, the first in the list."""
    page.locator(f'.pdc-own .pdc-item:visible, .pdc-card[data-example="{name}"]:visible').first.click()


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def says(page, words: str, where: str = ".pdc-status p") -> str:
    script = "([where, words]) => document.querySelector(where)?.textContent.includes(words)"
    page.wait_for_function(script, arg=[where, words], timeout=90_000)
    return page.inner_text(where)


def opened(page, name: str) -> None:
    page.wait_for_function("name => document.querySelector('.pda-picture')?.alt === `Image ${name}`", arg=name, timeout=60_000)
