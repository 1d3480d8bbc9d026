"""A model in this process, loaded behind the first page and swapped to another adapter without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdc.decoding import Decoder, with_scores
from pdc.domain import Question
from pdc.errors import PdcError, Unreadable
from pdc.geometry import without_duplicates
from pdc.predictors.base import Answer
from pdc.tasks import parse

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
        with self._lock:
            decoder, qwen = self._ready()
            started = time.perf_counter()
            frame = qwen.frame(*image.size)
            decoded = decoder.decode(qwen.inputs(image, question), question, frame.model_wh)
            try:
                scored = with_scores(parse(question, decoded.text, qwen.prompt_style), decoded)
                findings = frame.to_image(without_duplicates(scored))
            except Unreadable:
                findings = None
            seconds = round(time.perf_counter() - started, 3)
            return Answer(findings, decoded.text, qwen.name, qwen.adapter, qwen.prompt_style, seconds)

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
