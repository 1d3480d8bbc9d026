"""A model in this process, loaded behind the first page and swapped to another adapter without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pdc.domain.doubt import unlike
from pdc.domain.errors import OutOfMemory, PdcError
from pdc.domain.geometry import Size
from pdc.domain.values import Likeness, Question
from pdc.inference.adapter_ref import BASE, AdapterRef, Wanted, routed
from pdc.inference.answer_settings import taught
from pdc.inference.decoding import Decoder
from pdc.inference.decoding.engine import MAX_NEW_TOKENS
from pdc.inference.memory import TOO_LITTLE, free, is_out_of_memory, sentences, settle
from pdc.inference.predictors.base import Answer, SoFar, untaught
from pdc.inference.predictors.content import whole_picture
from pdc.inference.predictors.looks import put_question
from pdc.inference.predictors.parts import SplitQuestion, stream_parts
from pdc.inference.predictors.tiled import TiledQuestion, plan_requests
from pdc.inference.types import Decoded, Proposal

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

log = logging.getLogger(__name__)
LEAST_LOOK = 25_000  # pixels: with fewer nothing is tried when memory is short


class LocalPredictor:
    """One model, one question at a time. `wanted` is asked before each answer, so a promotion needs no restart; a question
    is split among the adapters that answer about its labels. `limit` is the longest answer, in tokens; `folder` is the
    model's, which says what it was taught before it is loaded."""

    def __init__(
        self,
        load: Callable[[], Qwen],
        wanted: Callable[[], Wanted] = AdapterRef,
        *,
        limit: int = MAX_NEW_TOKENS,
        folder: str = "",
    ) -> None:
        self._load, self._wanted, self._limit, self._folder = load, wanted, limit, folder
        self._lock = threading.Lock()
        self._qwen: Qwen | None = None
        self._decoder: Decoder | None = None
        self._serving: AdapterRef | None = None

    def warm_up(self, say: Callable[[str], None] = lambda line: None) -> None:
        """Load in the background, and say so. A failure is kept for the first question, which then says what is wrong."""
        threading.Thread(target=self._try_to_be_ready, args=(say,), name="model-loader", daemon=True).start()

    def load(self) -> None:
        """Load now, and the wanted adapters too. Raises BadModel when one of them cannot be used."""
        with self._lock:
            for adapter in routed(self._wanted()).able[::-1] or (BASE,):
                self._ready(adapter)

    @property
    def loaded(self) -> bool:
        return self._decoder is not None

    @property
    def adapter(self) -> str | None:
        """The name of the adapter that answered last, or None."""
        return self._qwen.adapter if self._qwen else None

    @property
    def lora_layers(self) -> int | None:
        """How many LoRA layers answered last, every one of them loaded; None before the model is loaded."""
        return self._qwen.lora_layers if self._qwen else None

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """What is known so far, each time another mark is complete; the answer last.

        Ends without an answer once `cancelled` says so, after at most one more pass of the model. Raises PdcError as
        `predict` does. The model is this caller's until the iterator is used up or closed.
        """
        with self._lock:
            split = SplitQuestion.of(question, routed(self._wanted()))
            yield from stream_parts(split, lambda who, asked: self._part(who, image, asked, cancelled), cancelled)

    def _part(
        self, who: AdapterRef, image: PilImage, question: Question, cancelled: Callable[[], bool]
    ) -> Iterator[SoFar | Answer]:
        """What one adapter finds, or the base; of a smaller image where memory is short."""
        decoder, qwen = self._ready(who)
        with _whole_again(qwen):
            while True:
                try:
                    yield from self._streamed(decoder, qwen, image, question, cancelled)
                    return
                except (MemoryError, RuntimeError) as error:
                    short = _tell_short(error)
                _show_smaller(decoder, image.size, short)

    def _streamed(
        self, decoder: Decoder, qwen: Qwen, image: PilImage, question: Question, cancelled: Callable[[], bool]
    ) -> Iterator[SoFar | Answer]:
        started, shown = time.perf_counter(), 0
        asked = _asked(qwen, question, image)
        looks = plan_requests(decoder, image, asked.put)
        if unlike(likeness := asked.likeness(looks)) and not cancelled():
            yield SoFar(likeness=likeness)
        for _ in decoder.run([k.encoded for k in looks], [k.sequence for k in looks]):
            if cancelled():
                return
            marks = asked.so_far([k.answered() for k in looks])
            if len(marks.marks) > shown and not all(k.sequence.done for k in looks):
                shown = len(marks.marks)
                yield SoFar(marks, likeness)
        yield asked.answer([k.answered() for k in looks], time.perf_counter() - started)

    @property
    def labels(self) -> frozenset[str] | None:
        return self.taught(self._wanted())

    def taught(self, wanted: Wanted) -> frozenset[str] | None:
        """The labels that the model was taught with these adapters; None where one of them does not say."""
        folder = self._qwen.folder if self._qwen else self._folder
        return taught(folder, *(a.folder for a in routed(wanted).able)) if folder else None

    def untaught(self, question: Question) -> tuple[str, ...]:
        return untaught(question, self.labels)

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """Several answers whose passes are shared; `seconds` is the time for all of them."""
        with self._lock:
            started, route = time.perf_counter(), routed(self._wanted())
            splits = [SplitQuestion.of(question, route) for _, question in asked]
            batches: dict[AdapterRef, dict[int, tuple[PilImage, Question]]] = {}
            for i, split in enumerate(splits):
                for who, part in split.parts:
                    batches.setdefault(who, {})[i] = asked[i][0], part
            answers: dict[tuple[int, AdapterRef], Answer] = {}
            for who, batch in batches.items():
                answers |= zip(((i, who) for i in batch), self._answered(who, list(batch.values())), strict=True)
            seconds = time.perf_counter() - started
            return [s.answer([answers[i, who] for who, _ in s.parts], seconds) for i, s in enumerate(splits)]

    def _answered(self, wanted: AdapterRef, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """All in one batch; each alone where memory is short for that, and then with a smaller image."""
        decoder, qwen = self._ready(wanted)
        with _whole_again(qwen):
            while True:
                try:
                    return _batch(decoder, qwen, asked)
                except (MemoryError, RuntimeError) as error:
                    short = _tell_short(error)
                if len(asked) > 1:
                    decoder.forget_images()
                    return [self._answered(wanted, [one])[0] for one in asked]
                _show_smaller(decoder, asked[0][0].size, short)

    def complete(self, image: PilImage, question: Question, wanted: AdapterRef, limit: int) -> Iterator[Decoded]:
        """One look at the whole image, in the model's own frame: the answer so far after each pass, at last all of it.

        The question is asked as it is. The model is this caller's until the iterator is used up or closed.
        """
        with self._lock:
            decoder, qwen = self._ready(wanted)
            with sentences(qwen.max_pixels):  # no smaller retry: the frame is what whoever asks knows
                encoded = decoder.encode(image)
                sequence = decoder.begin(encoded, question, min(limit, decoder.limit))
                for _ in decoder.run([encoded], [sequence]):
                    yield sequence.decoded()

    def proposals(self, image: PilImage, wanted: AdapterRef) -> tuple[Proposal, ...] | None:
        """What the dense head sees, in the model's own frame; None when there is no head."""
        with self._lock:
            decoder, qwen = self._ready(wanted)
            with sentences(qwen.max_pixels):
                return decoder.proposals(image) if qwen.head else None

    def likeness(self, image: PilImage, wanted: AdapterRef) -> Likeness:
        """How the image compares with those that the model was trained on, per label; empty where that is not known."""
        with self._lock:
            decoder, qwen = self._ready(wanted)
            with sentences(qwen.max_pixels):
                return qwen.likeness(decoder.see(image).features) if qwen.knows_images else {}

    def describe(self, image: PilImage) -> np.ndarray:
        """The picture as the base's vision tower sees it (`Qwen.description`), whichever adapter serves."""
        with self._lock:
            decoder, qwen = self._ready(self._serving or BASE)
            if qwen.vision_weights is not None:
                decoder, qwen = self._ready(BASE)
            with _whole_again(qwen), sentences(qwen.max_pixels):
                return qwen.description(decoder.see(whole_picture(image)).features)

    def compared(self, image: PilImage, question: Question) -> Likeness:
        """The `likeness` of the picture for the asked labels, without an answer: where an expert gives it."""
        picture, parts = whole_picture(image), routed(self._wanted()).split(question)
        known = {who: self.likeness(picture, who) for who in parts}
        return {label: known[who][label] for who, part in parts.items() for label in part.labels if label in known[who]}

    def _try_to_be_ready(self, say: Callable[[str], None]) -> None:
        started = time.monotonic()
        try:
            say("Loading the model, once.")
            self.load()
            settle()
            say(f"The model is loaded, after {time.monotonic() - started:.1f} s.")
        except PdcError as error:
            log.error("%s", error)
        except Exception:
            log.exception("The model could not be loaded")

    def _ready(self, wanted: AdapterRef) -> tuple[Decoder, Qwen]:
        if self._qwen is None or self._decoder is None:
            self._qwen = self._load()
            self._decoder = Decoder(self._qwen, limit=self._limit)
        if wanted != self._serving:
            self._qwen.use_adapter(wanted.name, wanted.folder)
            self._serving = wanted
        return self._decoder, self._qwen


def _batch(decoder: Decoder, qwen: Qwen, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
    questions = [_asked(qwen, question, image) for image, question in asked]
    looks = [plan_requests(decoder, image, q.put) for (image, _), q in zip(asked, questions, strict=True)]
    every = [k for some in looks for k in some]
    for _ in decoder.run([k.encoded for k in every], [k.sequence for k in every]):
        pass
    return [q.answer([k.answered() for k in some], 0.0) for q, some in zip(questions, looks, strict=True)]


def _asked(qwen: Qwen, question: Question, image: PilImage) -> TiledQuestion:
    by, most = qwen.asked_as(question.task), None if qwen.head else qwen.tile_pixels
    put = put_question(question, by, image.size, qwen.windows, most)
    style, most, short = qwen.prompt_style, qwen.max_pixels, qwen.halvings > 0
    return TiledQuestion(question, put, qwen.name, qwen.adapter, style, qwen.thresholds, most, short, qwen.count_models)


@contextmanager
def _whole_again(qwen: Qwen) -> Iterator[None]:
    """Whatever memory allowed for one answer, the next one is asked with the whole budget."""
    try:
        yield
    finally:
        qwen.halvings = 0


def _tell_short(error: Exception) -> str:
    """What was said when memory ran out; any other error goes on its way."""
    if not is_out_of_memory(error):
        raise error
    return str(error) or type(error).__name__


def _show_smaller(decoder: Decoder, wh: Size, why: str) -> None:
    """Half the pixels of an image of (width, height) for the next try; OutOfMemory where that is no help. What failed is no
    longer held by then."""
    qwen, shown = decoder.qwen, decoder.qwen.frame(*wh).model_wh
    log.warning("Memory ran out with the image shown at %d x %d pixels (%s).", *shown, why)
    decoder.forget_images()
    free()
    while qwen.frame(*wh).model_wh == shown:
        before, qwen.halvings = qwen.max_pixels, qwen.halvings + 1
        if qwen.max_pixels == before or qwen.max_pixels < LEAST_LOOK:
            raise OutOfMemory(TOO_LITTLE, n=shown[0] * shown[1])
