"""The model asked by a program: the whole answer as JSON, or line by line as it comes. Stored as those of the page are."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from pdc.client import shapes
from pdc.domain.errors import PdcError, ReadFirst, Unreachable
from pdc.domain.message import Message
from pdc.domain.values import Findings, Mark, Prediction, Question
from pdc.review.answering import DraftAnswer
from pdc.review.drafts import Draft
from pdc.review.service import READ_FIRST
from pdc.web.api import told
from pdc.web.api.errors import errors
from pdc.web.api.parts import Parts, Sha
from pdc.web.ui.words import in_language, language_of

log = logging.getLogger(__name__)
Id = Annotated[str, Path(max_length=64, description="Id of a prediction.")]
LINES = "application/x-ndjson"
FAILED = Message("The answer failed; the log of the server says why. Ask again.")
ENDED = Message("The answer was ended before it was whole; ask again.")
STREAMED = {
    200: {
        "content": {
            LINES: {
                "schema": {"type": "string"},
                "example": '{"event": "marks", "added": [{"id": "m1", "label": "rod", "box": [12, 30, 44, 61]}], "removed": []}\n'
                '{"event": "prediction", "prediction": {"id": "0f3c", "total": 1}}\n',
            }
        },
        "description": "The answer. With `stream=true` lines of JSON: `marks` as they come, at last `prediction` or `error`.",
    }
}


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["predictions"])

    @router.post("/predictions", response_model=shapes.Prediction, responses=STREAMED | errors(502))
    async def ask(
        request: Request,
        asked: shapes.PredictionAsked,
        stream: Annotated[bool, Query(description="Lines of JSON as the answer comes, instead of the whole at its end.")] = False,
    ) -> Response | shapes.Prediction:
        """Ask the model about a stored image. A stored answer of whoever serves now is returned at once."""
        answer, question = await run_in_threadpool(_asked, parts, asked, parts.reader(request))
        if stream:
            return StreamingResponse(_lines(answer, question, language_of(request)), media_type=LINES)
        found = await answer.watch.whole()
        if not isinstance(found, Prediction):
            raise Unreachable(ENDED)
        return told.prediction(found, question)

    @router.get("/images/{sha256}/predictions", responses=errors())
    def stored(request: Request, sha256: Sha) -> shapes.Predictions:
        """Every stored answer about an image that this user may see; none before a blind read is saved."""
        reader = parts.reader(request)
        parts.service.image(sha256, reader)
        found = parts.service.store.predictions(sha256)
        hidden = {q: parts.service.hides(sha256, q, reader) for q in {p.question for p in found}}
        return shapes.Predictions(predictions=[told.prediction(p) for p in found if not hidden[p.question]])

    @router.get("/predictions/{id}", responses=errors())
    def one(request: Request, id: Id) -> shapes.Prediction:
        """One stored answer."""
        found, reader = parts.service.store.prediction(id), parts.reader(request)
        parts.service.image(found.image_sha256, reader)
        if parts.service.hides(found.image_sha256, found.question, reader):
            raise ReadFirst(READ_FIRST)
        return told.prediction(found)

    return router


def _asked(parts: Parts, asked: shapes.PredictionAsked, reader: str) -> tuple[DraftAnswer, Question]:
    """The answer in the making, and to what. It goes through a draft with nothing on it, which is kept nowhere."""
    service, question = parts.service, parts.question(asked.image, reader, asked.task, asked.labels)
    known = service.known(asked.image, question) if asked.again else None
    return service.ask(replace(_blank(parts, asked.image, question, reader), prediction=known), asked.looks), question


def _blank(parts: Parts, sha256: str, question: Question, reader: str) -> Draft:
    service = parts.service
    key = service.key_for(reader, sha256, question)
    return Draft(service.image(sha256, reader), question, reader, Findings(), None, 0, key)


async def _lines(answer: DraftAnswer, question: Question, language: str) -> AsyncIterator[str]:
    """A line for each change. Whoever leaves in the middle no longer waits for the answer."""
    shown: dict[str, Mark] = {}
    try:
        async for part, over in answer.watch:
            if over and isinstance(part, Prediction):
                yield _line(shapes.PredictionEvent(prediction=told.prediction(part, question)))
            elif part is not None and part.findings is not None:
                now = {m.id: m for m in part.findings.marks}
                if now != shown:
                    yield _line(_changed(shown, now))
                shown = now
    except PdcError as error:
        yield _line(shapes.ErrorEvent(error=in_language(error.message, language)))
    except Exception:
        log.exception("A streamed answer failed")
        yield _line(shapes.ErrorEvent(error=in_language(FAILED, language)))
    finally:
        answer.watch.leave()


def _changed(before: dict[str, Mark], now: dict[str, Mark]) -> shapes.MarksEvent:
    added = [told.mark(m) for id, m in now.items() if before.get(id) != m]
    return shapes.MarksEvent(added=added, removed=[id for id in before if id not in now])


def _line(event: BaseModel) -> str:
    return json.dumps(event.model_dump(mode="json")) + "\n"
