"""Findings under another question: nothing is lost, nothing is found or absent that nobody said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from pdc.domain.carrying import answer_to, carried, unasked
from pdc.domain.label_changes import findings_now
from pdc.domain.merge import merge
from pdc.domain.values import Aside, Box, Findings, Mark, Origin, Point, Prediction, Question, Status, Task

RED, PLATELET, WHITE = "red blood cell", "platelet", "white blood cell"
BOXES = Question(Task.COUNT_AND_BOX, (RED, PLATELET))
RED_BOXES = Question(Task.COUNT_AND_BOX, (RED,))
POINTS = Question(Task.CNT_AND_POINT, (RED, PLATELET))
COUNT = Question(Task.COUNTING, (RED, PLATELET))
MARKS = (
    Mark("m1", Box(0, 0, 10, 10), RED, score=0.9),
    Mark("m2", Box(20, 0, 30, 20), PLATELET, Origin.EDITED, Status.ACCEPTED),
    Mark("m3", Box(40, 0, 50, 10), RED, status=Status.REJECTED),
    Mark("m4", Box(60, 0, 70, 10), RED, status=Status.DOUBTFUL, score=0.1),
)
FOUND = Findings(MARKS, {RED: 1, PLATELET: 1})


def back_and_forth(findings: Findings, *questions: Question) -> Findings:
    for asked, question in pairwise(questions):
        findings = carried(findings, asked, question)
    return findings


def test_a_label_that_is_added_keeps_every_mark():
    wider = replace(BOXES, labels=(*BOXES.labels, WHITE))
    assert carried(FOUND, BOXES, wider) == FOUND


def test_marks_of_a_label_that_is_not_asked_for_are_neither_counted_nor_lost():
    narrow = carried(FOUND, BOXES, RED_BOXES)
    assert narrow.counts(RED_BOXES.task) == {RED: 1} and narrow.stated == {RED: 1}
    assert narrow.aside.marks == MARKS[1:2]
    assert set(carried(narrow, RED_BOXES, BOXES).marks) == set(MARKS)


def test_boxes_become_their_centres_and_the_same_boxes_again():
    points = carried(FOUND, BOXES, POINTS)
    assert [m.shape for m in points.marks] == [m.shape.center for m in MARKS]
    assert [(m.origin, m.status) for m in points.marks] == [(m.origin, m.status) for m in MARKS]
    assert carried(points, POINTS, BOXES) == FOUND


def test_a_point_that_was_moved_is_the_box_around_where_it_is_then():
    points = carried(FOUND, BOXES, POINTS)
    moved = replace(points, marks=(replace(points.marks[1], shape=Point(35, 12)),))
    assert carried(moved, POINTS, BOXES).marks[0].shape == Box(30, 2, 40, 22)


def test_a_real_point_stays_a_point_where_boxes_are_asked_for():
    drawn = Mark("h1", Point(5, 6), RED, Origin.HUMAN)
    assert carried(Findings((drawn,)), POINTS, BOXES).marks == (drawn,)


def test_the_count_follows_the_marks_and_the_marks_come_back():
    counted = carried(FOUND, BOXES, COUNT)
    assert (counted.marks, dict(counted.stated)) == ((), {RED: 1, PLATELET: 1})
    assert carried(counted, COUNT, BOXES).marks == MARKS


def test_a_typed_number_stands_where_its_label_has_no_mark():
    typed = Findings((), {RED: 7, PLATELET: 3})
    assert back_and_forth(typed, COUNT, BOXES, COUNT).stated == typed.stated
    without = replace(COUNT, labels=(RED,))
    assert back_and_forth(typed, COUNT, without, COUNT).stated == typed.stated
    boxes = carried(typed, COUNT, BOXES)
    marked = replace(boxes, marks=MARKS[:1])
    assert carried(marked, BOXES, COUNT).stated == {RED: 1, PLATELET: 3}


def test_a_number_that_is_typed_beside_marks_stands_while_counting_goes_on():
    counted = carried(FOUND, BOXES, COUNT)
    typed = replace(counted, stated={RED: 4, PLATELET: 1})
    wider = replace(COUNT, labels=(*COUNT.labels, WHITE))
    assert carried(typed, COUNT, wider).stated == {RED: 4, PLATELET: 1}


def test_two_marks_never_share_an_id_when_one_comes_back():
    narrow = carried(FOUND, BOXES, RED_BOXES)
    drawn = replace(narrow, marks=(*narrow.marks, Mark("m2", Box(80, 0, 90, 10), RED)))
    ids = [m.id for m in carried(drawn, RED_BOXES, BOXES).marks]
    assert len(set(ids)) == len(ids) == 5


@pytest.mark.parametrize(
    "through", [RED_BOXES, POINTS, COUNT, Question(Task.POINTING, (WHITE,)), Question(Task.COUNTING, (WHITE,))]
)
def test_every_way_there_and_back_loses_nothing(through: Question):
    again = back_and_forth(FOUND, BOXES, through, BOXES)
    assert set(again.marks) == set(MARKS) and again.aside.marks == () and again.count(BOXES.task) == 2


def test_an_answer_is_silent_about_what_it_was_not_asked():
    answer = Prediction("p", "s", RED_BOXES, Findings(MARKS[:1]), "", "m", None, "1", 1.0, datetime.now(UTC))
    assert unasked(answer, BOXES) == (PLATELET,) and unasked(answer, RED_BOXES) == ()
    assert unasked(replace(answer, question=COUNT), BOXES) == BOXES.labels  # it was asked for numbers only
    assert answer_to(replace(answer, findings=None), BOXES) is None
    found = answer_to(answer, POINTS)
    assert found and [m.shape for m in found.marks] == [Point(5, 5)]


def test_a_merge_keeps_what_either_put_aside_and_who_said_that_there_is_more():
    mine, theirs = Findings(aside=Aside(MARKS[:1], {RED: 2})), Findings(aside=Aside(MARKS[1:2]), complete=False)
    merged = merge(Findings(), mine, theirs).findings
    assert set(merged.aside.marks) == set(MARKS[:2]) and merged.aside.stated == {RED: 2} and not merged.complete


def test_what_is_kept_aside_follows_a_label_to_its_new_name():
    narrow = carried(FOUND, BOXES, RED_BOXES)
    now = findings_now(replace(narrow, aside=replace(narrow.aside, stated={PLATELET: 2})), {PLATELET: "thrombocyte"})
    assert [m.label for m in now.aside.marks] == ["thrombocyte"] and now.aside.stated == {"thrombocyte": 2}
