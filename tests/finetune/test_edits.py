"""The work that answers leave to a reader, counted on held-out images."""

from __future__ import annotations

import pytest

from finetune.evaluate.edits import describe_edits, drawn_of, edits_of, mean_edits
from finetune.evaluate.metrics import ScoredAnswer
from pdc.domain.values import Box, Findings, Mark, Point, Question, Status, Task

CELL = ("cell",)


def boxes(*lefts: float) -> Findings:
    """A 10 px box at each x."""
    return Findings(tuple(Mark(f"m{i}", Box(x, 0, x + 10, 10), "cell") for i, x in enumerate(lefts)))


def case(image: str, true: Findings, said: Findings | None, task: Task = Task.COUNT_AND_BOX) -> ScoredAnswer:
    return ScoredAnswer(image, Question(task, CELL), true, said, image)


def test_points_are_left_alone_where_they_are_near_enough():
    true, said = (Findings((Mark("a", Point(x, 5), "cell"),)) for x in (50, 57))
    assert edits_of(case("a", true, said, Task.POINTING)) == 0
    assert edits_of(case("a", true, Findings((Mark("a", Point(90, 5), "cell"),)), Task.POINTING)) == 2


def test_drawing_from_scratch_is_what_an_unreadable_answer_leaves():
    some = case("a", boxes(0, 30, 60), None)
    assert drawn_of(some) == edits_of(some) == 3


def test_a_doubtful_mark_of_the_truth_is_nobodys_work():
    doubted = Findings((*boxes(0).marks, Mark("d", Box(50, 0, 60, 10), "cell", status=Status.DOUBTFUL)))
    assert edits_of(case("a", doubted, boxes(0))) == drawn_of(case("a", doubted, boxes())) - 1 == 0


def test_an_image_is_the_sum_of_its_questions_and_counts_alone_are_left_out():
    asked = [case("a", boxes(0), boxes()), case("a", boxes(40), boxes(40, 70)), case("b", boxes(0), boxes(0))]
    found = mean_edits([*asked, case("c", Findings((), {"cell": 3}), Findings(), Task.COUNTING)])
    assert found is not None and found.value == pytest.approx(1.0)
    assert mean_edits([case("c", Findings((), {"cell": 3}), Findings(), Task.COUNTING)]) is None


def test_metrics_hold_edits_of_each_side_from_scratch_and_their_changes():
    truth = [boxes(0, 30), boxes(0, 30, 60)]
    said = {"base": [boxes(100, 200), boxes(100)], "active": [boxes(0), boxes(0)], "candidate": [boxes(3, 30), boxes(0, 30, 60)]}
    answers = {
        name: [case(str(i), t, s) for i, (t, s) in enumerate(zip(truth, some, strict=True))] for name, some in said.items()
    }
    found = describe_edits(answers, "candidate")
    assert {name: found[name]["value"] for name in ("base", "active", "candidate", "scratch")} == {
        "base": 4.0,
        "active": 1.5,
        "candidate": 0.0,
        "scratch": 2.5,
    }
    assert found["strict"]["candidate"]["value"] == 0.5  # the box at 3 overlaps its own by 7 / 13
    assert {name: change["value"] for name, change in found["changes"].items()} == {"base": -4.0, "active": -1.5, "scratch": -2.5}
    assert found["changes"]["active"]["low"] <= -1.5 <= found["changes"]["active"]["high"]
    assert describe_edits({}, "candidate") == {}
