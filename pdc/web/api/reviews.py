"""Reviews by a program: what stands, what was said before, and a next revision, which never overwrites what it has not seen."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pdc.client import shapes
from pdc.domain.carrying import answer_to
from pdc.domain.errors import BadSetting, ReadFirst, StaleSave
from pdc.domain.values import UNSEEN, Aside, Findings, Prediction, Question, Review, Verdict
from pdc.review.drafts import Draft
from pdc.review.service import READ_FIRST
from pdc.web.api import told
from pdc.web.api.errors import WHY, errors
from pdc.web.api.parts import AskedLabels, AskedTask, Parts, Sha
from pdc.web.ui.annotator import findings_from
from pdc.web.ui.words import in_language, language_of

NOTHING_SAID = "Send marks, or stated counts for the task counting, or the prediction that you accept, or skip."
OF_ANOTHER = "This prediction is of another image; send the one that was made of this image."
UNREADABLE = "This answer could not be read, so it cannot be accepted as it is; send marks."
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
        draft = _draft(parts, sha256, sent, parts.reader(request))
        try:
            _, stored = parts.service.save(draft, Verdict.SKIPPED if sent.skip else None, sent.request)
        except StaleSave as stale:
            newest = _visible(parts, draft.author, parts.service.line_of(draft).newest())
            error = in_language(stale.message, language_of(request))
            changed = shapes.ChangedError(error=error, current=newest and told.review(newest))
            return JSONResponse(changed.model_dump(mode="json"), 409)
        return told.review(stored)

    return router


def _visible(parts: Parts, reader: str, review: Review | None) -> Review | None:
    """The review, where this reader may see it: before a blind read none of somebody else's, nor one that was taken back."""
    if review is None or review.verdict is Verdict.TAKEN_BACK:
        return None
    if review.author == reader and review.verdict not in UNSEEN:
        return review
    return None if parts.service.hides(review.image_sha256, review.question, reader) else review


def _draft(parts: Parts, sha256: str, sent: shapes.ReviewSent, reader: str) -> Draft:
    """What was sent as the reader's work on the image. It is kept nowhere, and touches no unsaved work of theirs."""
    service, image = parts.service, parts.service.image(sha256, reader)
    question = parts.question(sha256, reader, sent.task, sent.labels)
    key, hidden = service.key_for(reader, sha256, question), service.hides(sha256, question, reader)
    made_from = _prediction(parts, sha256, sent.prediction, hidden)
    base = service.line(reader, sha256, question, key).revision(sent.base_revision)
    found = _findings(sent, question, (image.width, image.height), made_from, base)
    return Draft(image, question, reader, found, made_from, sent.base_revision, key, blind=hidden)


def _prediction(parts: Parts, sha256: str, id: str | None, hidden: bool) -> Prediction | None:
    if id is None:
        return None
    if hidden:
        raise ReadFirst(READ_FIRST)
    found = parts.service.store.prediction(id)
    if found.image_sha256 != sha256:
        raise BadSetting(OF_ANOTHER)
    return found


def _findings(
    sent: shapes.ReviewSent, question: Question, wh: tuple[int, int], made_from: Prediction | None, base: Review | None
) -> Findings:
    """The marks as they were sent, else those of the prediction, else with `skip` none. BadDraft where one cannot be. What the
    revision before had kept aside for other labels stays with it."""
    aside = base.findings.aside if base else Aside()
    value = {"marks": [_mark(m) for m in sent.marks or ()], "stated": sent.stated or {}, "complete": sent.complete}
    if sent.marks is not None or sent.stated is not None or (sent.skip and made_from is None):
        found = findings_from(value, wh=wh, labels=question.labels)
        return Findings(found.marks, found.stated, aside, found.complete)
    if made_from is None:
        raise BadSetting(NOTHING_SAID)
    answer = answer_to(made_from, question)
    if answer is None:
        raise BadSetting(UNREADABLE)
    return Findings(answer.marks, answer.stated, aside, answer.complete and sent.complete)


def _mark(sent: shapes.Mark) -> dict[str, Any]:
    said = sent.model_dump(mode="json", exclude_none=True)
    return said if sent.id else {**said, "id": f"api-{uuid4().hex[:12]}"}
