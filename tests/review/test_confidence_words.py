"""Words for scores come from reviews: none before a hundred marks, then by task, adapter and label."""

from __future__ import annotations

import pytest
from desk import ASK, LABELS, Desk

from pdc.domain.values import Question, Task, Verdict
from pdc.review.confidence_words import ConfidenceWords


def reviewed(desk: Desk, n: int, *, reject_low: bool = True) -> None:
    """n images whose answer (a mark at 0.9, one at 0.31) was saved, the low one rejected."""
    for i in range(n):
        draft = desk.service.predict(desk.service.open(desk.image(f"{i}.png"), ASK, "ada"))
        marks = draft.findings.marks
        kept = marks[:1] if reject_low else marks
        desk.service.save(desk.service.edit(draft, type(draft.findings)(kept, {})), Verdict.CORRECTED)


@pytest.mark.slow
def test_fewer_than_a_hundred_marks_say_nothing_and_more_say_when_scores_are_right(tmp_path):
    desk = Desk(tmp_path)
    sureness = ConfidenceWords(desk.store)
    reviewed(desk, 49)
    sureness.learn()
    assert sureness.words(ASK, None) == {}
    reviewed(desk, 60)  # the first 49 once more, which counts once
    sureness.learn()
    words = sureness.words(ASK, None)["platelet"]  # 60 marks of its own, and the 60 red cells beside them
    assert words.n == 120 and 0.32 < words.unsure < words.confident <= 0.9
    assert sureness.words(ASK, "another adapter") == {}
    assert sureness.words(Question(Task.POINTING, tuple(LABELS)), None) == {}


@pytest.mark.slow
def test_a_new_revision_takes_the_place_of_the_old(tmp_path):
    desk = Desk(tmp_path)
    sureness = ConfidenceWords(desk.store)
    reviewed(desk, 50)
    sureness.learn()
    assert sureness.words(ASK, None)["platelet"].unsure > 0.32
    reviewed(desk, 50, reject_low=False)
    sureness.learn()
    again = sureness.words(ASK, None)["platelet"]
    assert again.unsure < 0.31 and again.n == 100
