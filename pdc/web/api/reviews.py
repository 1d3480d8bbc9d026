"""Reviews by a program: what stands, what was said before, and a next revision, which never overwrites what it has not seen."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pdc.client import shapes
from pdc.domain.errors import BadSetting, ReadFirst, StaleSave
from pdc.domain.values import UNSEEN, Prediction, Review, Verdict
from pdc.review.drafts import Draft
from pdc.review.service import READ_FIRST
from pdc.web.api import told
from pdc.web.api.errors import WHY, errors
from pdc.web.api.parts import AskedLabels, AskedTask, Parts, Sha
from pdc.web.api.sent import Sent
from pdc.web.ui.words import in_language, language_of

OF_ANOTHER = "This prediction is of another image; send the one that was made of this image."
NO_REVISION = "There is no revision {n} of this image under this question. Ask for its review, and send its base_revision."
OTHER_CONTENT = "Another review was saved as the request {request} before, and this one was not stored. Name it anew."
STALE: dict[int | str, dict[str, Any]] = {409: {"model": shapes.ChangedError, "description": WHY[409]}}


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["reviews"])

    @router.get("/images/{sha256}/review", responses=errors())
    def current(request: Request, sha256: Sha, task: AskedTask = None, label: AskedLabels = None) -> shapes.Standing:
        """The newest review of an image, and from which revision the next one goes on."""
        reader = parts.reader(request)
        question = parts.question(sha256, reader, task, label)
        line = parts.service.line(reader, sha256, question, parts.service.key_for(reader, sha256, question))
        newest = _visible(parts, reader, line.newest())
        return shapes.Standing(
            question=told.asked(question), base_revision=newest.revision if newest else 0, review=newest and told.review(newest)
        )

    @router.get("/images/{sha256}/reviews", responses=errors())
    def history(request: Request, sha256: Sha, task: AskedTask = None, label: AskedLabels = None) -> shapes.Reviews:
        """Every revision under one question, oldest first."""
        reader = parts.reader(request)
        question = parts.question(sha256, reader, task, label)
        line = parts.service.line(reader, sha256, question, parts.service.key_for(reader, sha256, question))
        return shapes.Reviews(reviews=[told.review(r) for r in line.revisions() if _visible(parts, reader, r)])

    @router.post("/images/{sha256}/reviews", status_code=201, response_model=shapes.Review, responses=errors(507) | STALE)
    def save(request: Request, sha256: Sha, sent: shapes.ReviewSent) -> Response | shapes.Review:
        """Save a review as the next revision. 409, with what stands there now, when somebody saved in between."""
        draft, said = _draft(parts, sha256, sent, parts.reader(request))
        try:
            _, stored = parts.service.save(draft, Verdict.SKIPPED if sent.skip else None, sent.request)
        except StaleSave as stale:
            newest = _visible(parts, draft.author, parts.service.line_of(draft).newest())
            error = in_language(stale.message, language_of(request))
            changed = shapes.ChangedError(error=error, current=newest and told.review(newest))
            return JSONResponse(changed.model_dump(mode="json"), 409)
        if sent.request and not said.is_stored_as(stored, draft):
            raise BadSetting(OTHER_CONTENT, request=sent.request)
        return told.review(stored)

    return router


def _visible(parts: Parts, reader: str, review: Review | None) -> Review | None:
    """The review, where this reader may see it: before a blind read none of somebody else's, nor one that was taken back."""
    if review is None or review.verdict is Verdict.TAKEN_BACK:
        return None
    if review.author == reader and review.verdict not in UNSEEN:
        return review
    return None if parts.service.hides(review.image_sha256, review.question, reader) else review


def _draft(parts: Parts, sha256: str, sent: shapes.ReviewSent, reader: str) -> tuple[Draft, Sent]:
    """What was sent as the reader's work on the image. It is kept nowhere, and touches no unsaved work of theirs."""
    service, image = parts.service, parts.service.image(sha256, reader)
    question = parts.question(sha256, reader, sent.task, sent.labels)
    key, hidden = service.key_for(reader, sha256, question), service.hides(sha256, question, reader)
    made_from = _prediction(parts, sha256, sent.prediction, hidden)
    line = service.line(reader, sha256, question, key)
    if sent.base_revision > line.base():
        raise BadSetting(NO_REVISION, n=sent.base_revision)
    base = line.revision(sent.base_revision)
    said = Sent(sent, image, question, parts.labels.dictionary().resolve, made_from, base)
    draft = Draft(image, question, reader, said.findings(), made_from, sent.base_revision, key, blind=hidden)
    said.check_nones(draft)
    return draft, said


def _prediction(parts: Parts, sha256: str, id: str | None, hidden: bool) -> Prediction | None:
    if id is None:
        return None
    if hidden:
        raise ReadFirst(READ_FIRST)
    found = parts.service.store.prediction(id)
    if found.image_sha256 != sha256:
        raise BadSetting(OF_ANOTHER)
    return found
