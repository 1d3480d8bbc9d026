"""A model in this process, loaded behind the first page and swapped to another adapter without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdc.decoding import Decoder
from pdc.domain import Findings, Question
from pdc.errors import PdcError, Unreadable
from pdc.predictors.base import Answer
from pdc.predictors.looks import Look, looks_at, raw_of
from pdc.tasks import as_task
from pdc.tiling import gathered

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.qwen import Qwen

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The adapter that should serve: its name and folder. Both None means the base alone."""

    name: str | None = None
    folder: str | None = None


class LocalPredictor:
    """One model, one question at a time. `wanted` is asked before each answer, so a promotion needs no restart."""

    def __init__(self, load: Callable[[], Qwen], wanted: Callable[[], Wanted] = Wanted) -> None:
        self._load, self._wanted = load, wanted
        self._lock = threading.Lock()
        self._qwen: Qwen | None = None
        self._decoder: Decoder | None = None
        self._serving: Wanted | None = None

    def warm_up(self) -> None:
        """Load in the background. A failure is kept for the first question, which then says what is wrong."""
        threading.Thread(target=self._try_to_be_ready, name="model-loader", daemon=True).start()

    def load(self) -> None:
        """Load now, and swap to the wanted adapter. Raises BadModel when either cannot be used."""
        with self._lock:
            self._ready()

    @property
    def loaded(self) -> bool:
        return self._decoder is not None

    @property
    def adapter(self) -> str | None:
        """The name of the adapter that answered last, or None."""
        return self._qwen.adapter if self._qwen else None

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Findings | Answer]:
        """The marks known so far, in pixels of the image, each time another is complete; the answer last.

        Ends without an answer once `cancelled` says so, after at most one more pass of the model. Raises PdcError as
        `predict` does. The model is this caller's until the iterator is used up or closed.
        """
        with self._lock:
            decoder, qwen = self._ready()
            started, shown = time.perf_counter(), 0
            looks = looks_at(decoder, image, qwen.asked(question))
            for _ in decoder.run([k.seen for k in looks], [k.line for k in looks]):
                if cancelled():
                    return
                marks = as_task(gathered([(k.tile, k.so_far(qwen)) for k in looks]), qwen.asked(question), question.task)
                if len(marks.marks) > shown and not all(k.line.done for k in looks):
                    shown = len(marks.marks)
                    yield marks
            yield _answer(qwen, question, looks, time.perf_counter() - started)

    def untaught(self, question: Question) -> tuple[str, ...]:
        return self._qwen.untaught(question) if self._qwen else ()

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """Several answers whose passes are shared; `seconds` is the time for all of them."""
        with self._lock:
            decoder, qwen = self._ready()
            started = time.perf_counter()
            looks = [looks_at(decoder, image, qwen.asked(question)) for image, question in asked]
            every = [k for some in looks for k in some]
            for _ in decoder.run([k.seen for k in every], [k.line for k in every]):
                pass
            seconds = time.perf_counter() - started
            return [_answer(qwen, question, some, seconds) for (_, question), some in zip(asked, looks, strict=True)]

    def _try_to_be_ready(self) -> None:
        try:
            self.load()
        except PdcError as error:
            log.error("%s", error)
        except Exception:
            log.exception("The model could not be loaded")

    def _ready(self) -> tuple[Decoder, Qwen]:
        if self._qwen is None or self._decoder is None:
            self._qwen = self._load()
            self._decoder = Decoder(self._qwen)
        wanted = self._wanted()
        if wanted != self._serving:
            self._qwen.use_adapter(wanted.name, wanted.folder)
            self._serving = wanted
        return self._decoder, self._qwen


def _answer(qwen: Qwen, question: Question, looks: Sequence[Look], seconds: float) -> Answer:
    try:
        whole = gathered([(k.tile, k.answer(qwen)) for k in looks])
        found: Findings | None = as_task(whole, qwen.asked(question), question.task)
    except Unreadable:
        found = None
    counts = looks[0].counts(qwen) if len(looks) == 1 else {}
    return Answer(found, raw_of(looks), qwen.name, qwen.adapter, qwen.prompt_style, round(seconds, 3), counts)
