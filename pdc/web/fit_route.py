"""Boxes that fit themselves: what the editor asks when a box is drawn, when the draw tool is clicked, and on request."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pdc.domain.errors import BadQuestion
from pdc.domain.values import MAX_LABEL_LENGTH, Box, Point, Shape
from pdc.inference.fitting.fitter import Fitted, Wish
from pdc.review.fitting.fitting import Fitting, Rough
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.turns import Turns

MOST_MARKS = 32  # in one request
AT_ONCE, WAITING = 2, 50  # requests: no reader waits behind another's hundred boxes
Corners = tuple[float, float, float, float]
NOTHING_THERE = "Each mark to fit needs a box or a point; reload the page."


class Asked(BaseModel):
    """A box to fit, or a point to find an object at; `usual` is the box of the label's usual size around the point."""

    label: str = Field(max_length=MAX_LABEL_LENGTH)
    box: Corners | None = None
    point: tuple[float, float] | None = None
    usual: Corners | None = None


class Marks(BaseModel):
    """Why, and which."""

    wish: Wish
    marks: list[Asked] = Field(max_length=MOST_MARKS)


def add_fit_route(app: FastAPI, access: Access, fitting: Fitting) -> None:
    turns = Turns(AT_ONCE, WAITING)

    @app.post("/api/fit/{sha256}")
    async def fit(request: Request, sha256: str, asked: Marks) -> JSONResponse:
        """Per mark null where nothing is found, else its "box" [x1, y1, x2, y2] and "outline" [[[x, y], ...], ...]."""
        rough, reader = [_rough(mark) for mark in asked.marks], access.user(request) or LOCAL_USER
        found = await turns.run(partial(fitting.fit, sha256, rough, asked.wish, reader))
        return JSONResponse({"fits": [fitted and _told(fitted) for fitted in found]})


def _rough(asked: Asked) -> Rough:
    try:
        return Rough(asked.label, _shape(asked), asked.usual and _box(asked.usual))
    except ValueError:  # a number that is not finite
        raise BadQuestion(NOTHING_THERE) from None


def _shape(asked: Asked) -> Shape:
    if asked.box:
        return _box(asked.box)
    if asked.point:
        return Point(*asked.point)
    raise BadQuestion(NOTHING_THERE)


def _box(corners: Corners) -> Box:
    x1, y1, x2, y2 = corners
    return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _told(fitted: Fitted) -> dict[str, Any]:
    told: dict[str, Any] = {"box": [round(v, 2) for v in fitted.box.xyxy]}
    return {**told, "outline": fitted.outline} if fitted.outline else told
