"""Values that the store's tests put in, with something difficult in every field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from databases import url_of as url_of

from pdc.domain.values import (
    Adapter,
    AdapterStatus,
    Box,
    Findings,
    Image,
    Mark,
    Origin,
    Point,
    Prediction,
    Question,
    Review,
    Status,
    Task,
    Verdict,
)
from pdc.domain.view import View

SHA = "a" * 64
AT = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)
ASK = Question(Task.COUNT_AND_BOX, ("polyp", "Blutkörperchen"))
FOUND = Findings(
    (
        Mark("m1", Box(0.1, 1 / 3, 20.7, 30), "polyp", Origin.EDITED, Status.ACCEPTED, 0.1 + 0.2),
        Mark("m2", Point(1e-9, 12.5), "Blutkörperchen", Origin.HUMAN, Status.REJECTED),
    ),
    {"polyp": 3},
)


def an_image(sha256: str = SHA, **changes) -> Image:
    view = View(0.02, 0.4, None, 0, 2, raw="f" * 64)
    return replace(Image(sha256, "slide 7.png", 640, 480, "patient 3", AT, view), **changes)


def a_prediction(id: str = "p1", **changes) -> Prediction:
    view = View(0.1, 1200, 65535, 1, 3, "black")
    start = Prediction(
        id, SHA, ASK, FOUND, "[{}]", "tiny", None, "compact-1", 1.25, AT, True, 1_003_520, True, view, likeness={"polyp": 1 / 3}
    )
    return replace(start, **changes)


def a_review(id: str = "r1", **changes) -> Review:
    return replace(Review(id, SHA, ASK, None, Verdict.CORRECTED, FOUND, "ada", 1, AT), **changes)


def an_adapter(name: str = "first", **changes) -> Adapter:
    start = Adapter(name, "tiny", f"/adapters/{name}", AdapterStatus.CANDIDATE, None, "compact-1", {}, AT)
    return replace(start, **changes)
