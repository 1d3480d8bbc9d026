"""By how much each kind of failure got worse, image by image."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reviewed_rows import make_row

from finetune.evaluate.compare import weight_of
from finetune.evaluate.failures.kinds import failures
from finetune.evaluate.failures.paired import Failure
from finetune.evaluate.metrics import ScoredAnswer, change
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task

CELL, NUCLEUS = "cell", "nucleus"
BOXES, POINTS = Question(Task.COUNT_AND_BOX, (CELL, NUCLEUS)), Question(Task.POINTING, (CELL,))


def boxes(cells: int, nuclei: int = 0) -> Findings:
    labels = [CELL] * cells + [NUCLEUS] * nuclei
    return Findings(tuple(Mark(f"m{i}", Box(50 * i, 0, 50 * i + 40, 40), label) for i, label in enumerate(labels)))


def points(n: int, off: float = 0.0) -> Findings:
    return Findings(tuple(Mark(f"p{i}", Point(50 * i + off, 9), CELL) for i in range(n)))


def boxed(*said: Findings | None, true: Findings) -> list[ScoredAnswer]:
    return [ScoredAnswer(f"{i}", BOXES, true, found) for i, found in enumerate(said)]


def pointed(*said: Findings, true: Findings) -> list[ScoredAnswer]:
    return [ScoredAnswer(f"{i}", POINTS, true, found) for i, found in enumerate(said)]


def found(before: list[ScoredAnswer], after: list[ScoredAnswer]) -> dict[tuple[str, str | None], Failure]:
    return {(f.kind, f.task or f.label): f for f in failures({"base": before, "candidate": after})["base"]}


def test_none_where_something_is_and_what_cannot_be_read_are_counted_per_task():
    true = boxes(3)
    fewer = found(boxed(true, true, true, true, true=true), boxed(true, boxes(0), None, true, true=true))
    zero, unread = fewer["zero_case", "count_and_box"], fewer["unreadable", "count_and_box"]
    assert (zero.before, zero.after, zero.worse, zero.n) == (0.0, 0.5, 0.5, 4)
    assert (unread.before, unread.after) == (0.0, 0.25) and unread.low <= 0.25 <= unread.high


def test_one_wild_count_raises_the_rmse_more_than_the_mean_error():
    right, wild = boxes(2), boxes(12)
    counts = found(boxed(*[right] * 4, true=right), boxed(right, right, right, wild, true=right))
    assert (counts["count_mae", CELL].after, counts["count_rmse", CELL].after) == (2.5, 5.0)
    assert counts["count_mae", NUCLEUS].worse == 0


def test_pointing_is_told_from_boxes_and_a_label_from_another():
    true, far = points(4), points(4, off=30)
    box = boxed(boxes(2, 2), boxes(2, 2), true=boxes(2, 2))
    both = found([*box, *pointed(true, true, true=true)], [*box, *pointed(far, far, true=true)])
    assert both["f1", "pointing"].worse == 1.0 and both["f1", "count_and_box"].worse == 0
    lost = found(box, boxed(boxes(2), boxes(2), true=boxes(2, 2)))
    assert lost["recall", NUCLEUS].worse == 1.0 and lost["recall", CELL].worse == 0


def test_findings_where_there_is_none_are_counted_on_negatives_of_the_label():
    nothing = boxed(boxes(0), boxes(0), true=boxes(0))
    alarms = found(nothing, boxed(boxes(1), boxes(0), true=boxes(0)))
    assert alarms["false_alarms", CELL].after == 0.5 and alarms["false_alarms", NUCLEUS].after == 0


def test_a_held_out_image_weighs_half_where_the_reader_accepted_the_answer_as_it_stood(tmp_path):
    row = make_row(tmp_path / "a.png", [(10, 10, 40, 40, CELL)])
    accepted, edited = replace(row, predicted=row.findings), replace(row, predicted=boxes(2))
    assert [weight_of(r) for r in (row, accepted, edited)] == [1.0, 0.5, 1.0]


def test_an_answer_accepted_as_it_stood_counts_for_less():
    true = boxes(4)
    before, after = boxed(true, boxes(2), true=true), boxed(boxes(2), true, true=true)
    assert found(before, after)["recall", CELL].worse == 0
    light = [[replace(cases[0], weight=0.5), cases[1]] for cases in (before, after)]
    assert found(light[0], light[1])["recall", CELL].worse == pytest.approx(-1 / 6)
    risen = change(light[0], light[1])
    assert risen and risen.value > 0
