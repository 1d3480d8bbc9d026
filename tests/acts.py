"""What the page does by itself and what a reader does on it, each as one call: on load, by timer, per image and per tab.

A new act is one more row of `ACTS`: tests then hold that its cost does not grow with the store, and that each of its queries has
an index.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch
from uuid import uuid4

import gradio as gr
import numpy as np
from databases import url_of
from desk import Scripted, drawn
from grown_stores import ASK, fill, sha_of
from pictures import encoded
from PIL import Image as Pillow

from pdc.adapters.registry import Adapters
from pdc.images.intake import ImageFiles
from pdc.review.ahead.pool import AnswerPool
from pdc.review.counting import looking
from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.sessions import CountSessions
from pdc.review.history import History
from pdc.review.learnt.reviews import LearntReviews
from pdc.review.listing.entries import WorklistFilter
from pdc.review.prefetch import Prefetcher
from pdc.review.questions import labels_of
from pdc.review.service import ReviewService
from pdc.review.similar.cases import SimilarCases
from pdc.review.similar.describing import Describer
from pdc.review.similar.matrix import CANDIDATES
from pdc.review.worklist import Worklist
from pdc.settings import Settings
from pdc.store import Store
from pdc.store.audit.lines import AT_ONCE
from pdc.store.learnt.queries import POINTS
from pdc.training.config import TrainConfig
from pdc.training.fresh import count_new, fresh
from pdc.training.process import ProcessTrainer
from pdc.training.readers import offered
from pdc.web.data_routes import MOST_ROWS, ByJob, Data
from pdc.web.ui.counting import collecting, tab
from pdc.web.ui.counting.tab import CountTab
from pdc.web.ui.history_tab import HistoryTab
from pdc.web.ui.labels_tab import LabelsTab
from pdc.web.ui.record.panel import SHOWN, RecordPanel
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.training.suspicions import SuspicionPanel
from pdc.web.ui.training.tab import TrainingTab

WEIGHTS = "weights"
ADA: Any = SimpleNamespace(username="ada", headers={})


class Lab:
    """Everything behind the page of a lab with `n` images, and one reader, who has been at work: caches are warm."""

    def __init__(self, folder: Path, n: int) -> None:
        self.store = Store.open(url_of(folder))
        fill(self.store, n, WEIGHTS)
        self.store.sum_up()
        settings, files = Settings(home=folder, model="base"), ImageFiles(folder / "images")
        self.service = ReviewService(self.store, files, cast(Any, Scripted()), serving=lambda question: ("model", None, ()))
        self.images, self.prefetcher = Worklist(self.service), Prefetcher(self.service)
        while self.store.count_changes():
            self.images.upkeep.catch_up()
            time.sleep(0.02)
        self.counts = CountSessions(self.store, folder, self.service)
        self.review = ReviewTab(self.service, self.images, self.prefetcher, lambda: ASK, fields=FieldDesk(self.counts))
        adapters = Adapters(cast(Any, self.store), "base", folder)
        self.record = RecordPanel(self.service)
        history = History(self.service, SimpleNamespace(base="model"), adapters.usable)  # pyright: ignore[reportArgumentType]
        self.history, self.labels = HistoryTab(history, self.review), LabelsTab(labels_of(self.service))
        self.count_tab = CountTab(self.counts, self.review)
        config = TrainConfig.for_model("base")
        self.new = lambda: count_new(self.store, settings.runs)
        self.suspicions = SuspicionPanel(adapters, lambda: offered(self.store), self.review)
        self.training = TrainingTab(
            ProcessTrainer(settings),
            adapters,
            config,
            LearntReviews(self.store).edits,
            self.suspicions,
            fresh=lambda: fresh(self.store, settings.runs, config),
        )
        with gr.Blocks() as demo:
            self.training.build(demo)
        self.similar = SimilarCases(self.service, Describer(self.store, files, lambda pixels: np.ones(16), WEIGHTS))
        self.data = Data(None, self.service)
        self.pool = AnswerPool(self.service, lambda: ASK)
        self._unread = count(0, 40)  # images that nobody has reviewed, and nobody's draft

    def close(self) -> None:
        self.store.close()

    def opened(self, i: int | None = None) -> tuple[Any, ...]:
        """(draft, editor's value) of an image; else of one that nobody has reviewed."""
        sha = sha_of(next(self._unread) if i is None else i)
        return self.review.choose({"chosen": {"sha256": sha}}, None, ADA)[:2]

    def edited(self) -> tuple[Any, Any]:
        draft, value = self.opened()
        return draft, {**value, "marks": [*value["marks"], drawn(label="nucleus")], "edits": 1}

    def page(self) -> object:
        """The first page of the list, as its route answers it."""
        page = self.images.page("ada", wanted := WorklistFilter())
        return page, self.images.progress("ada", wanted, page.counted)


Act = Callable[[Lab], Callable[[], object]]
"""what has to be there before -> the act itself, which alone is looked at"""

BLANK = ("", "", None, "", "")
ACTS: dict[str, Act] = {
    "load: review tab": lambda lab: lab.review.start,
    "load: what scores are worth": lambda lab: lab.review.sureness.learn,
    "load: training tab": lambda lab: lambda: lab.training.look(ADA),
    "load: charts": lambda lab: lambda: lab.training.charts.show(ADA),
    "load: readers to leave out": lambda lab: lab.suspicions.could_be_left_out,
    "timer: training tab": lambda lab: lab.training.mark,
    "list: a page": lambda lab: _again(lab.page),
    "list: next image": lambda lab: _again(lambda: lab.images.next("ada", WorklistFilter(), sha_of(1))),
    "list: what follows": lambda lab: _again(lambda: list(islice(lab.images.following("ada", WorklistFilter(), sha_of(1)), 5))),
    "save and next": lambda lab: _with((*lab.edited(), {}), lab.review.finish),
    "list: readers": lambda lab: lab.images.readers,
    "list: labels": lambda lab: lab.store.labels,
    "list: offer of a training": lambda lab: lab.new,
    "open an image": lambda lab: lambda: lab.opened(1),
    "open an image of several readers": lambda lab: lambda: lab.opened(26),
    "keep an edit": lambda lab: _with(lab.edited(), lab.review.edit),
    "save": lambda lab: _with((*lab.edited(), {}), lab.review.save),
    "skip without going on": lambda lab: _with((lab.opened()[0],), lab.service.skip),
    "send back": lambda lab: lambda: lab.images.send_back(sha_of(1), "ada"),
    "assign": lambda lab: lambda: lab.images.assign([sha_of(1)], "ben", "ada"),
    "retire": lambda lab: lambda: lab.service.retire([sha_of(1)], "ada"),
    "hold back": lambda lab: lambda: lab.service.hold_back([sha_of(2)], "ada"),
    "bring an image": lambda lab: lambda: lab.service.add_image(encoded(Pillow.new("RGB", (9, 9))), "new.png", owner="ada"),
    "history tab": lambda lab: _with(lab.opened(1)[:1], lab.history.show),
    "record": lambda lab: lambda: lab.record.show(*BLANK, ADA),
    "record of an image": lambda lab: lambda: lab.record.show("field 0000007.png", "", None, "", "", ADA),
    "record of a user": lambda lab: lambda: lab.record.show("", "ben", None, "", "", ADA),
    "record of a kind": lambda lab: lambda: lab.record.show("", "", "retired", "", "", ADA),
    "count tab": lambda lab: _again(_few(lambda: lab.count_tab.show(None, ADA))),
    "count tab, another sample": lambda lab: _again(_few(lambda: lab.count_tab.act({"asked": {"do": "new"}}, ADA))),
    "how a label fits": lambda lab: _again(lambda: lab.store.newest_usable(["nucleus"], 50)),
    "data tab": lambda lab: _again(lambda: lab.data.newest(ByJob("ada", {}))),
    "data tab: held back": lambda lab: _again(lambda: lab.data.held(ByJob("ada", {}))),
    "labels tab": lambda lab: lambda: lab.labels.show(ADA),
    "cases like an image": lambda lab: _again(lambda: lab.similar.of(sha_of(1), ASK, "ada")),
    "pool: nothing new": lambda lab: _again(lab.pool._next),
    "pool: after an answer": lambda lab: _with((), _after_an_answer(lab)),
    "efforts": lambda lab: lambda: lab.store.efforts("ada", 50),
}


ROWS_AT_MOST = {
    "list: a page": 1000,
    "load: charts": 2 * POINTS,
    "data tab": 20 * MOST_ROWS,
    "record": 12 * AT_ONCE + SHOWN,
    "record of a user": 12 * AT_ONCE + SHOWN,
    "record of a kind": 12 * AT_ONCE + SHOWN,
    "cases like an image": 4 * CANDIDATES,
}
"""acts that show so much and no more, however much there is"""


def _after_an_answer(lab: Lab) -> Callable[[], object]:
    lab.pool._next()
    lab.store.add_prediction(replace(lab.store.prediction("p8"), id=uuid4().hex))
    return lab.pool._next


def _few(act: Callable[[], object]) -> Callable[[], object]:
    """With less on the Count tab at most than the small store has."""

    def acted() -> object:
        with patch.object(tab, "MOST", 50), patch.object(collecting, "MOST", 3), patch.object(looking, "FEW", 3):
            return act()

    return acted


def _again(act: Callable[[], object]) -> Callable[[], object]:
    """An act that has been done before."""
    act()
    return act


def _with(values: tuple[Any, ...], act: Callable[..., object]) -> Callable[[], object]:
    return lambda: act(*values)
