"""The list that a reader works through, for a program: a page of it, what comes next, how far it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from pdc.client import shapes
from pdc.domain.errors import NotFound
from pdc.review.listing.entries import STAGES, Order, WorklistFilter, check_stage
from pdc.review.listing.sending import Sending
from pdc.review.worklist import without_hints
from pdc.web.api import told
from pdc.web.api.errors import errors
from pdc.web.api.parts import After, Limit, Parts
from pdc.web.ui.words import language_of

ALL_DONE = "No image of this list needs work that nobody else has open."
Text = Annotated[str, Query(max_length=200)]
Before = Annotated[str | None, Query(max_length=2000, description="`previous` of the answer before.")]


def wanted(
    stage: Annotated[
        str, Query(description="Only this stage; `to do` for all that need work.", json_schema_extra={"enum": ["", *STAGES]})
    ] = "",
    label: Annotated[str, Query(max_length=200, description="Only images with a mark of this label.")] = "",
    name: Annotated[str, Query(max_length=200, description="Only images whose names contain this, in any case.")] = "",
    reader: Annotated[str, Query(max_length=200, description="Only images assigned to this reader; `-`: to nobody.")] = "",
    order: Annotated[
        Order, Query(description="By time, name, how uncertain the model is, or how far readers differ from it.")
    ] = (Order.TIME),
) -> WorklistFilter:
    """The filter in a request's address."""
    check_stage(stage)
    return WorklistFilter(stage, label, name, reader, order)


Wanted = Annotated[WorklistFilter, Depends(wanted)]


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["worklist"])

    @router.get("/worklist", responses=errors())
    def page(
        request: Request, asked: Wanted, after: After = None, before: Before = None, limit: Limit = 100
    ) -> shapes.WorklistPage:
        """The list in its order, some at a time. Go on with `after` or `before`, never with both."""
        reader, language = parts.reader(request), language_of(request)
        found = parts.images.page(reader, _asked(parts, asked), after=after, before=before, limit=limit)
        return shapes.WorklistPage(
            images=[told.entry(e, language) for e in found.entries],
            next=found.last,
            previous=found.first,
            total=found.counted.total,
            capped=found.counted.capped,
        )

    @router.get("/worklist/next", responses=errors())
    def following(
        request: Request,
        asked: Wanted,
        after: Annotated[str | None, Query(max_length=64, description="SHA-256 of the last.")] = None,
    ) -> shapes.Image:
        """The next image that needs work and that nobody else has open; behind `after` where it is given, never before it. For
        two minutes nobody else is sent to it. 404 when none is left there, or there is no image `after`."""
        reader, sending = parts.reader(request), Sending(parts.images)
        ahead = sending.following(reader, _asked(parts, asked), after, around=False)
        found = next((image for image in ahead if sending.claims.take(image.sha256, reader)), None)
        if found is None:
            raise NotFound(ALL_DONE)
        return told.image(found)

    @router.get("/worklist/progress", responses=errors())
    def progress(request: Request, asked: Wanted) -> shapes.Progress:
        """How far the images of the list are, and your own pace."""
        now = parts.images.progress(parts.reader(request), _asked(parts, asked))
        return shapes.Progress(
            done=now.done, total=now.total, auto_accepted=now.auto_accepted, capped=now.capped, per_hour=now.per_hour
        )

    return router


def _asked(parts: Parts, asked: WorklistFilter) -> WorklistFilter:
    return without_hints(asked, parts.service.blind)
