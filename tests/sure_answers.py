"""Answers of a model that is sure of itself, or is not: for tests of what may be accepted unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from desk import ASK, FOUND, Desk

from pdc.domain.values import Findings, Prediction, Status

SURE = Findings(tuple(replace(m, score=0.9) for m in FOUND.marks), FOUND.stated)
DOUBTED = Findings((*SURE.marks[:1], replace(SURE.marks[1], status=Status.DOUBTFUL, score=0.2)))
ONE_EACH = {"red blood cell": {0: 0.02, 1: 0.97, 2: 0.01}, "platelet": {1: 0.99, 2: 0.01}}
LIKE = {"red blood cell": 0.4, "platelet": 0.7}


def an_answer(sha256: str = "a" * 64, **changes) -> Prediction:
    """SURE, with its numbers known, about an image like those that were learnt from."""
    made = Prediction(f"p-{sha256}", sha256, ASK, SURE, "[]", "m", None, "compact-1", 0.1, datetime.now(UTC))
    return replace(made, **{"counts": ONE_EACH, "likeness": LIKE, **changes})


def answered(desk: Desk, name: str, **changes) -> str:
    """The sha256 of a new image with such an answer."""
    sha = desk.image(name)
    desk.store.add_prediction(an_answer(sha, **changes))
    return sha
