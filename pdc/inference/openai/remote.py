"""A model behind an OpenAI-compatible server: vLLM, `python -m pdc serve-model`, or another.

The image is resized here, so that what comes back is in the frame we know. Every answer goes through the parser that reads
our own; what a server does not offer (a schema, log-probabilities, adapters) is found out once and done without.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pdc.domain.doubt import unlike
from pdc.domain.errors import PdcError, Unreachable
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Likeness, Question
from pdc.inference.adapter_ref import BASE, AdapterRef, Wanted, routed
from pdc.inference.answer_settings import labels_of, sizes_of, taught
from pdc.inference.decoding.image_cache import dense_opinion
from pdc.inference.frame import frame_of, pixel_budget, read_processor_config, tile_pixels
from pdc.inference.openai.http import HttpClient, TooMuch
from pdc.inference.openai.offer import ServedModel, ServerOffer
from pdc.inference.openai.protocol import read_answer, request
from pdc.inference.predictors.base import Answer, SoFar, untaught
from pdc.inference.predictors.content import whole_picture
from pdc.inference.predictors.local import LEAST_LOOK
from pdc.inference.predictors.looks import about, expected_marks, overview, plan_by_content, plan_looks, put_question
from pdc.inference.predictors.parts import SplitQuestion, stream_parts
from pdc.inference.predictors.tiled import TileAnswer, TiledQuestion, crop
from pdc.inference.predictors.tiling import Tile, plan_by_size
from pdc.inference.types import Decoded, DenseOpinion, Proposal
from pdc.settings import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.frame import Frame

log = logging.getLogger(__name__)
TOGETHER = 8  # questions under way at once; the server batches them or lets them wait
CHAT = "/v1/chat/completions"
CUT = "length"  # why an answer ended that had reached its longest length


class RemotePredictor:
    """Answers as `LocalPredictor` does, from any thread. `folder` is PDC_MODEL: a folder or a name that describes the model;
    `most` and `style` are as in `Qwen`."""

    def __init__(
        self,
        wire: HttpClient,
        folder: str,
        base: str,
        wanted: Callable[[], Wanted] = AdapterRef,
        *,
        model: str = "",
        most: int = MAX_PIXELS,
        style: str | None = None,
    ) -> None:
        self.wire, self.folder, self.base, self._wanted = wire, folder, base, wanted
        self._offer = ServerOffer(wire, folder, model or base, bool(model), most, style)
        self._eyes, self._limit, self._sizes = read_processor_config(folder), most, sizes_of(folder)

    def warm_up(self, say: Callable[[str], None] = lambda line: None) -> None:
        """Find out in the background what the server offers, and say so. A failure is told to whoever asks first."""
        threading.Thread(target=self._try_to_be_ready, args=(say,), name="model-server-probe", daemon=True).start()

    def load(self) -> None:
        """Find out now what the server offers. Raises PdcError when it is away or does not serve the model and adapters."""
        for adapter in routed(self._wanted()).able[::-1] or (BASE,):
            self._offer.served(adapter)

    @property
    def loaded(self) -> bool:
        return self._offer.last is not None

    @property
    def adapter(self) -> str | None:
        """The name of the adapter that answered last, or None."""
        served = self._offer.last
        return served.adapter if served else None

    @property
    def labels(self) -> frozenset[str] | None:
        return taught(self.folder, *(a.folder for a in routed(self._wanted()).able))

    def untaught(self, question: Question) -> tuple[str, ...]:
        return untaught(question, self.labels)

    @property
    def lora_layers(self) -> int | None:
        """Not known: what a server has loaded it does not tell."""
        return None

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """Several answers, asked for together; `seconds` is the time for all of them."""
        route, started = routed(self._wanted()), time.perf_counter()
        splits = [SplitQuestion.of(question, route) for _, question in asked]
        parts = [(self._offer.served(who), image, q) for (image, _), s in zip(asked, splits, strict=True) for who, q in s.parts]
        with ThreadPoolExecutor(TOGETHER) as pool:
            answers = pool.map(lambda part: self._answer(*part), parts)
            found = [[next(answers) for _ in split.parts] for split in splits]
        seconds = time.perf_counter() - started
        return [split.answer(some, seconds) for split, some in zip(splits, found, strict=True)]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """As `LocalPredictor.stream`. When the connection breaks the whole question is asked again, with retries."""
        split = SplitQuestion.of(question, routed(self._wanted()))
        yield from stream_parts(split, lambda who, asked: self._part(who, image, asked, cancelled), cancelled)

    def _part(
        self, who: AdapterRef, image: PilImage, question: Question, cancelled: Callable[[], bool]
    ) -> Iterator[SoFar | Answer]:
        """What one adapter finds, or the base; of a smaller image where that was too much for the server."""
        served = self._offer.served(who)
        while True:
            try:
                yield from self._streamed(served, image, question, cancelled)
                return
            except TooMuch as refused:
                served = self._smaller(served, image.size, refused)

    def _streamed(
        self, served: ServedModel, image: PilImage, question: Question, cancelled: Callable[[], bool]
    ) -> Iterator[SoFar | Answer]:
        started, shown = time.perf_counter(), 0
        asked, done = self._asked(served, question, image.size), []
        try:
            looks = self._looks(served, image, asked.put)
            if unlike(likeness := asked.likeness(looks)) and not cancelled():
                yield SoFar(likeness=likeness)
            for look in looks:
                for decoded in self._parts(served, look, asked.about(look.tile)):
                    if cancelled():
                        return
                    answered = TileAnswer(look.tile, look.frame, decoded, look.likeness)
                    marks = asked.so_far([*done, answered])
                    if len(marks.marks) > shown:
                        shown = len(marks.marks)
                        yield SoFar(marks, likeness)
                done.append(answered)
        except Unreachable as error:
            log.warning("%s The question is asked again.", error)
            yield self._answer(served, image, question)
            return
        yield asked.answer(done, time.perf_counter() - started)

    def _answer(self, served: ServedModel, image: PilImage, question: Question) -> Answer:
        while True:
            try:
                return self._answered(served, image, question)
            except TooMuch as refused:
                served = self._smaller(served, image.size, refused)

    def _smaller(self, served: ServedModel, wh: Size, refused: TooMuch) -> ServedModel:
        """The model sent half the pixels of an image of (width, height); raises what was refused where that is no help."""
        log.warning("%s The question is asked again about a smaller image.", refused)
        shown = self._frame(served, wh).model_wh
        while self._frame(served, wh).model_wh == shown:
            before, served = served.max_pixels, replace(served, halvings=served.halvings + 1)
            if self._most(served.max_pixels) == self._most(before) or served.max_pixels < LEAST_LOOK:
                raise refused
        return served

    def _answered(self, served: ServedModel, image: PilImage, question: Question) -> Answer:
        asked, started = self._asked(served, question, image.size), time.perf_counter()
        looks = self._looks(served, image, asked.put)
        done = [TileAnswer(k.tile, k.frame, self._decoded(served, k, asked.about(k.tile)), k.likeness) for k in looks]
        return asked.answer(done, time.perf_counter() - started)

    def _asked(self, served: ServedModel, question: Question, wh: Size) -> TiledQuestion:
        how, most = served.settings, self._most(served.max_pixels)
        put = put_question(question, how.asked_as(question.task), wh, how.windows, self._tile_pixels(served))
        short, models = served.halvings > 0, how.count_models
        return TiledQuestion(question, put, self.base, served.adapter, how.style, how.thresholds, most, short, models)

    def _most(self, pixels: int) -> int:
        return pixel_budget(self._eyes, pixels)[1]

    def _tile_pixels(self, served: ServedModel) -> int:
        return tile_pixels(self._eyes, served.budget, self._limit)

    def _frame(self, served: ServedModel, wh: Size) -> Frame:
        return frame_of(self._eyes, wh, served.max_pixels, served.settings.answer_width)

    def compared(self, image: PilImage, question: Question) -> Likeness:
        """As `LocalPredictor.compared`; empty where the server does not tell."""
        found, picture = {}, whole_picture(image)
        for who, part in routed(self._wanted()).split(question).items():
            if (served := self._offer.served(who)).proposes:
                known = self._view(served, picture, part, Box(0, 0, *picture.size)).likeness
                found |= {label: known[label] for label in part.labels if label in known}
        return found

    # Looks

    def describe(self, image: PilImage) -> None:
        """None: servers do not tell what their vision tower sees."""

    def _looks(self, served: ServedModel, image: PilImage, question: Question) -> list[ServerWindow]:
        seen: dict[tuple[Box, Question], ServerWindow] = {}

        def look(window: Box, asked: Question) -> ServerWindow:
            if (window, asked) not in seen:
                seen[window, asked] = self._view(served, image, asked, window)
            return seen[window, asked]

        def unlearnt(asked: Question) -> Sequence[Tile]:
            if not served.proposes or look(Box(0, 0, *image.size), asked).proposals is None:
                return plan_by_size(image.size, self._tile_pixels(served), asked.task.has_boxes)
            see = lambda w: expected_marks(look(w, asked).proposals or (), asked, look(w, asked).frame)  # noqa: E731
            return plan_by_content(image, asked, labels_of(self.folder), see, self._sizes)

        tiles = plan_looks(image.size, question, served.settings.windows, unlearnt)
        likeness = next((k.likeness for (window, _), k in seen.items() if window == overview(tiles)), {})
        return [replace(look(t.window, about(t, question)), tile=t, likeness=likeness) for t in tiles]

    def _view(self, served: ServedModel, image: PilImage, question: Question, window: Box) -> ServerWindow:
        from PIL.Image import Resampling

        frame = self._frame(served, (round(window.width), round(window.height)))
        part = crop(image, window).convert("RGB").resize(frame.model_wh, Resampling.BICUBIC)
        part.save(png := BytesIO(), "PNG", compress_level=1)
        body = request(served.model, png.getvalue(), question, served.settings.style, frame.answer_wh)
        said = self.wire.post("/v1/proposals", body) if served.proposes else {}
        proposals, likeness = _proposals(said.get("proposals")), said.get("likeness") or {}
        return ServerWindow(Tile(window, window), frame, body, proposals, labels_of(self.folder), likeness)

    # Answers

    def _decoded(self, served: ServedModel, look: ServerWindow, question: Question) -> Decoded:
        said = self._offer.allowed(lambda left_out: self.wire.post(CHAT, _without(look.body, left_out)))
        try:
            choice = said["choices"][0]
            text, finished = choice["message"]["content"], choice.get("finish_reason") != CUT
            steps = (choice.get("logprobs") or {}).get("content") or ()
            return read_answer(text if isinstance(text, str) else "", steps, finished, look.opinion(question))
        except (KeyError, IndexError, TypeError, AttributeError):
            return Decoded(json.dumps(said)[:2000], (), True, second_opinion=look.opinion(question))

    def _parts(self, served: ServedModel, look: ServerWindow, question: Question) -> Iterator[Decoded]:
        """The answer so far at each event; the whole one at last."""
        text, steps, finished = "", [], True
        body = {**look.body, "stream": True}
        events = self._offer.allowed(lambda left_out: _begun(self.wire.events(CHAT, _without(body, left_out))))
        for event in events:
            try:
                choice = event["choices"][0]
                text += choice["delta"].get("content") or ""
                steps += (choice.get("logprobs") or {}).get("content") or ()
                finished = choice.get("finish_reason") != CUT
            except (KeyError, IndexError, TypeError, AttributeError):
                continue  # an event of another kind
            yield read_answer(text, steps, finished, look.opinion(question))
        yield read_answer(text, steps, finished, look.opinion(question))

    def _try_to_be_ready(self, say: Callable[[str], None]) -> None:
        try:
            say("Asking the model server what it offers.")
            self.load()
            say("The model server answers.")
        except PdcError as error:
            log.error("%s", error)


@dataclass(frozen=True, slots=True)
class ServerWindow:
    """A window of the image as it is sent, and what the server's dense head, which knows those labels (empty: any), sees in
    it, if it has one; `likeness` is that of the whole image."""

    tile: Tile
    frame: Frame
    body: Mapping[str, Any]
    proposals: tuple[Proposal, ...] | None
    known: frozenset[str]
    likeness: Likeness = field(default_factory=dict)

    def opinion(self, question: Question) -> DenseOpinion | None:
        return None if self.proposals is None else dense_opinion(self.proposals, question, self.known or question.labels)


def _proposals(found: Sequence[Mapping[str, Any]] | None) -> tuple[Proposal, ...] | None:
    return None if found is None else tuple(Proposal(p["label"], tuple(p["numbers"]), p["score"]) for p in found)


def _without(body: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in left_out}


def _begun(events: Iterator[Any]) -> Iterator[Any]:
    """The same events; the first is waited for, so that a refusal is heard before."""
    first = next(events, None)

    def rest() -> Iterator[Any]:
        if first is not None:
            yield first
            yield from events

    return rest()
