"""Who asks, and the labels that can be asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from pdc import __version__
from pdc.client import shapes
from pdc.domain.values import MAX_LABEL_LENGTH
from pdc.web.api.errors import errors
from pdc.web.api.parts import Parts


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["account and labels"])

    @router.get("/me", responses=errors())
    def me(request: Request) -> shapes.Me:
        """Under which name this request works, and what it may do."""
        user = parts.reader(request)
        by_token = parts.access.by_token(request)
        return shapes.Me(user=user, role=parts.behind.role(user), by_token=by_token, version=__version__)

    @router.get("/labels", responses=errors())
    def labels(request: Request) -> shapes.Labels:
        """Every label that can be asked for, by name."""
        found = parts.labels.lines(parts.reader(request))
        lines = [shapes.LabelLine(name=i.name, known=i.known, words=list(i.words)) for i in found if not i.retired]
        return shapes.Labels(labels=lines)

    @router.get("/labels/find", responses=errors())
    def find(
        text: Annotated[str, Query(max_length=MAX_LABEL_LENGTH, description="A word as somebody typed it.", examples=["RBC"])],
    ) -> shapes.Meant:
        """Which label a typed word means."""
        found = parts.labels.find(text)
        return shapes.Meant(name=found.name or found.retired, candidates=list(found.candidates))

    return router
