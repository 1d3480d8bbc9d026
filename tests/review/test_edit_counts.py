"""Edits per image: which reviews count, and how the mean runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from places import boxes

from pdc.domain.values import Findings, Prediction, Question, Review, Task, Verdict
from pdc.review.edit_counts import count_first_edits

ASK = Question(Task.COUNT_AND_BOX, ("cell",))
START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = boxes(("cell", (0, 0, 9, 9))), boxes(("cell", (0, 0, 9, 9)), ("cell", (20, 0, 29, 9)))


def answer(n: int, findings: Findings | None = ONE, adapter: str | None = None) -> Prediction:
    return Prediction(f"p{n}", f"image {n}", ASK, findings, "[]", "base", adapter, "compact-1", 0.1, START)


def review(n: int, findings: Findings = TWO, **changes) -> Review:
    made = Review(f"r{n}", f"image {n}", ASK, f"p{n}", Verdict.CORRECTED, findings, "ada", 1, START + timedelta(hours=n))
    return replace(made, **changes)


def test_edits_of_first_reviews_come_in_the_order_of_the_reviews_with_the_adapter_that_was_corrected():
    predictions = [answer(n, adapter="new" if n > 10 else None) for n in range(1, 13)]
    found = list(count_first_edits([review(n, TWO if n <= 10 else ONE) for n in reversed(range(1, 13))], predictions))
    assert [(r.id, edits) for r, edits, _ in found] == [(f"r{n}", 1 if n <= 10 else 0) for n in range(1, 13)]
    assert found[9][2] is None and found[10][2] == "new"


@pytest.mark.parametrize(
    "changes",
    [{"verdict": Verdict.REJECTED}, {"verdict": Verdict.SKIPPED}, {"revision": 2}, {"blind": True}, {"prediction_id": None}],
)
def test_what_corrects_no_answer_is_left_out(changes):
    assert not list(count_first_edits([review(1, **changes)], [answer(1)]))
    assert not list(count_first_edits([review(1)], [answer(1, None)]))
