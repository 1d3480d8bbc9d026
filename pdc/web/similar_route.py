"""The reviewed cases likest the image on the screen, for the strip beside it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from pdc.domain.prompts import task_from
from pdc.domain.values import Box, Mark, Question
from pdc.review.similar.cases import Case, SimilarCases
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of


def add_similar_route(app: FastAPI, access: Access, similar: SimilarCases) -> None:
    @app.get("/api/similar/{sha256}")
    def cases(request: Request, sha256: str) -> JSONResponse:
        """What was said about the likest images, under the question in the address: `task`, and `label` for each label."""
        language, asked = language_of(request), request.query_params
        question = Question(task_from(asked.get("task", "")), tuple(asked.getlist("label")))
        found = similar.of(sha256, question, access.user(request) or LOCAL_USER)
        return JSONResponse(
            {
                "cases": [_case(case, language) for case in found.cases],
                "note": in_language(found.note, language),
                "looking": found.looking,
            },
            headers={"Cache-Control": "no-store"},
        )


def _case(case: Case, language: str) -> dict[str, Any]:
    """A case without what does not count; places in pixels of its image."""
    image, review = case.image, case.review
    counts = review.findings.counts(review.question.task)
    return {
        "sha256": image.sha256,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "similar": in_language(case.words, language) or "",
        "copy": case.is_copy,
        "by": review.author,
        "at": review.created_at.isoformat(),
        "labels": list(review.question.labels),
        "counts": [counts.get(label, 0) for label in review.question.labels],
        "complete": review.complete,
        "marks": [_mark(m) for m in review.findings.marks if m.counts] if review.question.task.has_marks else [],
    }


def _mark(mark: Mark) -> dict[str, Any]:
    shape = mark.shape
    return {"label": mark.label, **({"box": shape.xyxy} if isinstance(shape, Box) else {"point": (shape.x, shape.y)})}
