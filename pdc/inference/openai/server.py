"""A small OpenAI-compatible server over the model in this process: one machine with a GPU, many front ends.

GET  /health
GET  /v1/models            the base and the registry's adapters, by name, with the most pixels of an image that each sees
POST /v1/chat/completions  one of PDC's five questions about one image, answered in its JSON schema; may stream
POST /v1/proposals         not OpenAI's: what the dense head sees, for tiles and second opinions, and the image's likeness
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pdc.domain.errors import BadImage, BadQuestion, NotFound, OutOfMemory, PdcError
from pdc.domain.labels import LabelDictionary
from pdc.images.intake import accept
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.answer_settings import max_pixels_of
from pdc.inference.openai.protocol import Request, event, logprob_entries, read_request
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.types import Decoded
from pdc.settings import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage


class ModelServer:
    """`adapters` gives the registry's adapters by name at each request, and `dictionary` the spellings of labels; with a
    `key` every request must bring it."""

    def __init__(
        self,
        predictor: LocalPredictor,
        base: str,
        adapters: Callable[[], Mapping[str, str]],
        *,
        dictionary: Callable[[], LabelDictionary] = LabelDictionary,
        key: str = "",
        max_bytes: int = 96 * 2**20,
        max_megapixels: int = 50,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.predictor, self.base, self.adapters, self.key = predictor, base, adapters, key
        self.dictionary = dictionary
        self.max_bytes, self.max_megapixels, self.max_pixels = max_bytes, max_megapixels, max_pixels

    def app(self) -> Starlette:
        routes = [
            Route("/health", lambda _: Response()),
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.completions, methods=["POST"]),
            Route("/v1/proposals", self.proposals, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={PdcError: _refused})

    async def models(self, http: HttpRequest) -> Response:
        self._admit(http)
        offered = [(self.base, None, None), *((name, self.base, folder) for name, folder in self.adapters().items())]
        return JSONResponse({"object": "list", "data": [self._model(*one) for one in offered]})

    def _model(self, name: str, parent: str | None, folder: str | None) -> dict[str, Any]:
        """A model's card; `max_pixels` is ours: a larger image would be shrunk here, and the answer be in another frame."""
        learnt = max_pixels_of(folder) if folder else None
        card = {"id": name, "object": "model", "created": 0, "owned_by": "pdc", "root": name, "parent": parent}
        return {**card, "max_pixels": min(self.max_pixels, learnt or self.max_pixels)}

    async def completions(self, http: HttpRequest) -> Response:
        request = self._understood(read_request(await self._body(http)))
        steps = self._steps(request)
        if request.stream:
            first = await run_in_threadpool(next, steps)  # what is wrong with the question is said before a stream begins
            return ClosingStream(_events(request, first, steps), steps)
        decoded = await run_in_threadpool(lambda: [*steps][-1])
        return JSONResponse(_completion(request, decoded))

    async def proposals(self, http: HttpRequest) -> Response:
        request = self._understood(read_request(await self._body(http)))
        return JSONResponse(await run_in_threadpool(lambda: self._seen(self._opened(request), self._wanted(request))))

    def _seen(self, image: PilImage, wanted: AdapterRef) -> dict[str, Any]:
        found, likeness = self.predictor.proposals(image, wanted), self.predictor.likeness(image, wanted)
        return {"proposals": None if found is None else [asdict(p) for p in found], "likeness": dict(likeness)}

    def _steps(self, request: Request) -> Generator[Decoded]:
        wanted = self._wanted(request)
        yield from self.predictor.complete(self._opened(request), request.question, wanted, request.limit)

    def _understood(self, request: Request) -> Request:
        """The request in the words that its model was taught; BadQuestion where it was not taught a label."""
        known = self.predictor.taught(self._named(request))
        if known is None:
            return request
        words = self.dictionary().taught(request.question.labels, known)
        if unknown := [label for label in request.question.labels if label not in words]:
            raise BadQuestion(f"The model does not know {', '.join(unknown)}; ask it for {', '.join(sorted(known))}.")
        return replace(request, question=replace(request.question, labels=tuple(words.values())))

    def _wanted(self, request: Request) -> AdapterRef:
        """Who answers: the model that was asked for, or its base where that leaves the question to it."""
        return self._named(request).about(request.question)

    def _named(self, request: Request) -> AdapterRef:
        """The model that was asked for."""
        model = request.model
        if model == self.base:
            return AdapterRef()
        folder = self.adapters().get(model)
        if folder is None:
            raise NotFound(f"There is no model {model!r} here; GET /v1/models lists them.")
        return AdapterRef(model, folder)

    def _opened(self, request: Request) -> PilImage:
        return accept(request.image, "image", max_megapixels=self.max_megapixels).pixels()

    async def _body(self, http: HttpRequest) -> Any:
        self._admit(http)
        data = bytearray()
        async for part in http.stream():
            data += part
            if len(data) > self.max_bytes:
                raise BadImage(f"The request is larger than {self.max_bytes >> 20} MB; send a smaller image.")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise BadQuestion("The request is not JSON.") from None

    def _admit(self, http: HttpRequest) -> None:
        given = http.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and not secrets.compare_digest(given.encode(), self.key.encode()):
            raise WrongKey("This server wants a key: set PDC_SERVER_KEY.")


class ClosingStream(StreamingResponse):
    """Server-sent events. `steps`, which hold the model, are closed with the response, also when the client left early."""

    def __init__(self, events: Iterator[str], steps: Generator[Decoded]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._steps = steps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._steps.close()


class WrongKey(PdcError):
    """The request has no key, or another one."""


def _refused(_: HttpRequest, error: Exception) -> Response:
    known = {WrongKey: 401, NotFound: 404, BadQuestion: 400, BadImage: 400, OutOfMemory: 507}
    status = known.get(type(error), 503)
    return JSONResponse({"error": {"message": str(error), "type": type(error).__name__, "code": status}}, status)


def _completion(request: Request, decoded: Decoded) -> dict[str, Any]:
    message = {"role": "assistant", "content": decoded.text}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": _end(decoded)}
    choice["logprobs"] = {"content": logprob_entries(decoded.steps)} if request.logprobs else None
    said = len(decoded.tokens)
    usage = {"completion_tokens": said, "prompt_tokens": 0, "total_tokens": said}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": usage}


def _events(request: Request, first: Decoded, rest: Iterator[Decoded]) -> Iterator[str]:
    """Each pass of the model as one chunk: the text that it decided."""
    head, sent, steps, last = _head(request, "chat.completion.chunk"), 0, 0, first
    for decoded in _then(first, rest):
        last = decoded
        choice: dict[str, Any] = {"index": 0, "delta": {"content": decoded.text[sent:]}, "finish_reason": None}
        if request.logprobs:
            choice["logprobs"] = {"content": logprob_entries(decoded.steps[steps:])}
        sent, steps = len(decoded.text), len(decoded.steps)
        yield event({**head, "choices": [choice]})
    yield event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _end(last)}]})
    yield "data: [DONE]\n\n"


def _then(first: Decoded, rest: Iterator[Decoded]) -> Iterator[Decoded]:
    yield first
    yield from rest


def _end(decoded: Decoded) -> str:
    return "stop" if decoded.finished else "length"


def _head(request: Request, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": request.model}
