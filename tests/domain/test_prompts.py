"""Questions in words, answers as text, and back."""

from __future__ import annotations

import pytest

from pdc.domain.errors import BadQuestion, Unreadable
from pdc.domain.prompts import COMPACT, PAPER, STYLES, answer, json_schema, parse, task_from, words
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task

LABELS = ("red blood cell", "platelet")
BOXES = Findings(
    (Mark("m1", Box(2, 2, 30, 40), LABELS[0]), Mark("m2", Box(6, 6, 50, 60), LABELS[0]), Mark("m3", Box(7, 8, 9, 10), LABELS[1]))
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("labels", [LABELS, LABELS[:1]])
def test_parse_undoes_answer(task: Task, labels: tuple[str, ...], style: str):
    question = Question(task, labels)
    marks = tuple(m for m in BOXES.marks if m.label in labels)
    read = parse(question, answer(question, Findings(marks), style), style)
    shapes = [m.shape.center if task.has_points else m.shape for m in marks] if task.has_marks else []
    assert [m.shape for m in read.marks] == shapes
    assert read.count(task) == len(marks)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", Task)
def test_none_is_said_and_read(task: Task, style: str):
    question = Question(task, LABELS)
    read = parse(question, answer(question, Findings(), style), style)
    assert read.marks == () and read.count(task) == 0


def test_the_compact_answer_names_every_label_in_order():
    text = answer(Question(Task.COUNT_AND_BOX, LABELS), Findings())
    assert text == '[{"label":"red blood cell","bbox_2d":[],"counts":0},{"label":"platelet","bbox_2d":[],"counts":0}]'


def test_the_paper_answer_has_the_papers_shapes():
    one = Findings((Mark("m1", Box(1, 2, 3, 4), "polyp"),))
    expected = {
        Task.POINTING: '[{"point_2d": [2, 3], "label": "polyp"}]',
        Task.BOUNDING: '[{"bbox_2d": [1, 2, 3, 4], "label": "polyp"}]',
        Task.COUNTING: '{"counts": 1, "label": "polyp"}',
        Task.CNT_AND_POINT: '{"counts": 1, "point_2d": [[2, 3]], "label": "polyp"}',
        Task.COUNT_AND_BOX: '{"counts": 1, "bbox_2d": [[1, 2, 3, 4]], "label": "polyp"}',
    }
    for task, text in expected.items():
        assert answer(Question(task, ("polyp",)), one, PAPER) == f"```json\n{text}\n```"


def test_a_rejected_mark_is_not_in_the_answer_and_the_count_follows_the_marks():
    from pdc.domain.values import Status

    marks = (Mark("m1", Box(0, 0, 1, 1), "polyp"), Mark("m2", Box(2, 2, 3, 3), "polyp", status=Status.REJECTED))
    text = answer(Question(Task.COUNT_AND_BOX, ("polyp",)), Findings(marks, {"polyp": 7}))
    assert text == '[{"label":"polyp","bbox_2d":[[0,0,1,1]],"counts":1}]'


def test_a_stated_count_that_differs_from_the_marks_is_kept():
    question = Question(Task.COUNT_AND_BOX, ("polyp",))
    read = parse(question, '[{"label":"polyp","bbox_2d":[[0,0,1,1]],"counts":3}]')
    assert read.stated == {"polyp": 3} and read.count(question.task) == 1


UNREADABLE = [
    ("", "nothing"),
    ("[", "cut"),
    ("null", "not a list"),
    ("[1]", "not objects"),
    ("[]", "a label left out"),
    ('[{"label":"cat","bbox_2d":[],"counts":0}]', "a label nobody asked for"),
    ('[{"label":"polyp","counts":0}]', "no list"),
    ('[{"label":"polyp","bbox_2d":{},"counts":0}]', "list is an object"),
    ('[{"label":"polyp","bbox_2d":[[1,2,3]],"counts":1}]', "three numbers"),
    ('[{"label":"polyp","bbox_2d":[[1,2,3,"4"]],"counts":1}]', "a number as text"),
    ('[{"label":"polyp","bbox_2d":[[1,2,3,true]],"counts":1}]', "a truth value"),
    ('[{"label":"polyp","bbox_2d":[[1,2,3,1e999]],"counts":1}]', "infinity"),
    ('[{"label":"polyp","bbox_2d":[[1,2,3,NaN]],"counts":1}]', "not a number"),
    ('[{"label":"polyp","bbox_2d":[],"counts":-1}]', "negative count"),
    ('[{"label":"polyp","bbox_2d":[],"counts":"2"}]', "count as text"),
    ("[" * 100_000, "deeply nested"),
    ('{"counts": 1e400}', "an object"),
]


@pytest.mark.parametrize(("text", "why"), UNREADABLE, ids=[why for _, why in UNREADABLE])
@pytest.mark.parametrize("style", STYLES)
def test_unreadable_answers_are_said_to_be_so(text: str, why: str, style: str):
    with pytest.raises(Unreadable):
        parse(Question(Task.COUNT_AND_BOX, ("polyp",)), text, style)


def test_the_schema_bounds_coordinates_by_the_image():
    item = json_schema(Question(Task.BOUNDING, ("polyp",)), 336, 280)["prefixItems"][0]["properties"]["bbox_2d"]["items"]
    assert [n["maximum"] for n in item["prefixItems"]] == [336, 280, 336, 280]


def test_bad_questions_say_what_is_wrong():
    for labels in [(), ("a", "a"), ("",), (" a",), ('a"b',), ("x" * 65,), ("a\nb",), tuple(map(str, range(17)))]:
        with pytest.raises(BadQuestion):
            Question(Task.COUNTING, labels)
    with pytest.raises(BadQuestion, match="pointing"):
        task_from("segmenting")


def test_a_point_cannot_answer_a_box_question():
    with pytest.raises(ValueError, match="boxes"):
        answer(Question(Task.BOUNDING, ("a",)), Findings((Mark("m", Point(1, 1), "a"),)))


def test_words_name_every_label():
    for style in (COMPACT, PAPER):
        assert all(label in words(Question(Task.POINTING, LABELS), style) for label in LABELS)
