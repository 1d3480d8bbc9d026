"""What a half-written answer says, and how it would go on: no model needed."""

from __future__ import annotations

import random

import pytest

from pdc.domain.geometry import reading_order
from pdc.domain.prompts import COMPACT, PAPER, STYLES, answer, parse
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.inference.decoding.partial_answer import read_partial
from pdc.inference.decoding.speculation import Drafter
from pdc.inference.types import Proposal

LABELS = ("cell [1,2]", "platelet")
WITH_MARKS = [task for task in Task if task.has_marks]


def some_marks(seed: int, points: bool) -> list[Mark]:
    """Marks in the order in which an answer lists them, one to a visual token."""
    rng, marks = random.Random(seed), []
    for cell in sorted(rng.sample(range(100), 8)):
        x, y = cell % 10 * 28 + rng.randint(4, 20), cell // 10 * 28 + rng.randint(4, 20)
        shape = Point(x, y) if points else Box(x - 4, y - 4, x + 4, y + 4)
        marks.append(Mark(f"m{cell}", shape, rng.choice(LABELS)))
    return reading_order(marks, (280, 280), 28)


def as_proposals(marks: list[Mark]) -> list[Proposal]:
    return [Proposal(m.label, tuple(round(v) for v in _numbers(m)), 0.9) for m in marks]


def _numbers(mark: Mark) -> tuple[float, ...]:
    return mark.shape.xyxy if isinstance(mark.shape, Box) else (mark.shape.x, mark.shape.y)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", Task)
def test_true_proposals_finish_an_answer_from_wherever_it_stands(task: Task, style: str):
    question = Question(task, LABELS)
    marks = some_marks(0, task.has_points)
    whole = answer(question, Findings(tuple(marks)), style)
    drafter = Drafter(question, style, as_proposals(marks))
    for at in sorted(set(range(len(whole))) - _inside_a_number(whole)):
        assert whole[:at] + drafter.draft(whole[:at]) == whole


def _inside_a_number(text: str) -> set[int]:
    """Where a cut leaves a number or a label unfinished: "12" may be all there was of "124"."""
    return {i for i in range(1, len(text)) if text[i].isdigit() and text[i - 1].isdigit()}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", WITH_MARKS)
def test_complete_marks_are_read_from_any_prefix_in_order(task: Task, style: str):
    question = Question(task, LABELS)
    whole = answer(question, Findings(tuple(some_marks(4, task.has_points))), style)
    expected = [(m.label, tuple(_numbers(m))) for m in parse(question, whole, style).marks]
    before = 0
    for at in range(len(whole) + 1):
        said = [(s.label, s.numbers) for s in read_partial(question, whole[:at], style).marks]
        assert said == expected[: len(said)] and len(said) >= before
        before = len(said)
    assert before == len(expected)


def test_a_begun_mark_takes_the_proposal_it_fits():
    question = Question(Task.BOUNDING, ("a",))
    drafter = Drafter(question, COMPACT, [Proposal("a", (10, 10, 40, 40), 0.9), Proposal("a", (100, 12, 130, 44), 0.9)])
    assert drafter.draft('[{"label":"a","bbox_2d":[[98,') == "12,130,44]]}]"
    assert drafter.draft('[{"label":"a","bbox_2d":[[11,').startswith("10,40,40],[100,12,130,44]]")


def test_a_closed_list_is_not_opened_again_and_a_stated_count_is_kept_to():
    three = [Proposal("a", (10 + 60 * i, 10, 40 + 60 * i, 40), 0.9 - i / 10) for i in range(3)]
    closed = Drafter(Question(Task.COUNT_AND_BOX, ("a",)), COMPACT, three).draft('[{"label":"a","bbox_2d":[],')
    assert closed == '"counts":0}]'
    stated = Drafter(Question(Task.COUNT_AND_BOX, ("a",)), PAPER, three).draft('```json\n{"counts": 2, "bbox_2d": [')
    assert stated == '[10, 10, 40, 40], [70, 10, 100, 40]], "label": "a"}\n```'


def test_a_draft_learns_what_the_model_would_have_said():
    question = Question(Task.POINTING, ("a",))
    drafter = Drafter(question, COMPACT, [Proposal("a", (10, 20), 0.9), Proposal("a", (200, 20), 0.9)])
    start = '[{"label":"a","point_2d":['
    pieces = ["[", "10", ",", "20", "],[", "200", ",", "20", "]]", "}]"]
    assert "".join(pieces) == drafter.draft(start)
    drafter.learn(pieces, ["[", "12", ",", "21", "],[", "203", ",", "900", "]]", "}]"])
    assert drafter.draft(start) == "[12,21],[203,20]]}]"


def test_a_correction_too_far_for_its_box_is_another_marks():
    drafter = Drafter(Question(Task.BOUNDING, ("a",)), COMPACT, [Proposal("a", (10, 20, 30, 80), 0.9)])
    start = '[{"label":"a","bbox_2d":['
    pieces = ["[", "10", ",", "20", ",", "30", ",", "80", "]]", "}]"]
    assert "".join(pieces) == drafter.draft(start)
    drafter.learn(pieces, ["[", "17", ",", "37", ",", "35", ",", "99", "]]", "}]"])  # a third of 20 wide, of 60 high
    assert drafter.draft(start) == "[10,37,35,80]]}]"


def test_nothing_fits_gives_no_draft():
    question = Question(Task.BOUNDING, ("a",))
    assert Drafter(question, COMPACT, []).draft("no such answer") == ""
