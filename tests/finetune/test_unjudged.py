"""What nobody judged is neither an object to learn nor background: no loss, and nothing measured on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finetune.data.dataset import learnable, measurable, read_rows, tasks_of
from finetune.data.example import example
from finetune.data.packing import IGNORED, Packer
from finetune.data.unjudged import partly_judged, without_unjudged
from pdc.domain.prompts import COMPACT, PAPER, STYLES
from pdc.domain.values import Box, Findings, Mark, Point, Question, Status, Task

LABELS = ("cell", "platelet")
BOTH = Question(Task.COUNT_AND_BOX, LABELS)


def cell(x: int, status: Status = Status.OPEN, label: str = "cell") -> Mark:
    return Mark(f"m{x}", Box(x, 2, x + 9, 12), label, status=status)


def learnt(question: Question, findings: Findings, style: str = COMPACT) -> str:
    """The answer with an underscore for every character that has no loss."""
    answer = partly_judged(question, findings, style)
    hidden = {i for start, end in answer.unjudged for i in range(start, end)}
    return "".join("_" if i in hidden else c for i, c in enumerate(answer.text))


def gap(text: str) -> str:
    return "_" * len(text)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", Task)
def test_a_whole_answer_is_learnt_whole(task: Task, style: str):
    found = Findings((cell(10), cell(30), cell(50, label="platelet")), {"cell": 2, "platelet": 1})
    assert "_" not in learnt(Question(task, LABELS), found, style).replace("bbox_2d", "").replace("point_2d", "")


def test_a_doubtful_mark_and_its_count_have_no_loss_and_the_others_keep_theirs():
    found = Findings((cell(10), cell(30, Status.DOUBTFUL), cell(50), cell(70, label="platelet")))
    assert learnt(BOTH, found) == (
        '[{"label":"cell","bbox_2d":[[10,2,19,12]' + gap(",[30,2,39,12]") + ',[50,2,59,12]],"counts":_},'
        '{"label":"platelet","bbox_2d":[[70,2,79,12]],"counts":1}]'
    )


def test_a_label_with_nothing_but_a_doubtful_mark_is_not_none():
    found = Findings((cell(30, Status.DOUBTFUL),))
    text = learnt(BOTH, found)
    assert text.startswith('[{"label":"cell","bbox_2d":[' + gap("[30,2,39,12]") + '],"counts":_}')
    assert text.endswith('{"label":"platelet","bbox_2d":[],"counts":0}]')


def test_the_end_of_an_incomplete_list_is_not_learnt():
    found = Findings((cell(10),), complete=False)
    assert (
        learnt(BOTH, found)
        == '[{"label":"cell","bbox_2d":[[10,2,19,12]_,"counts":_},{"label":"platelet","bbox_2d":__,"counts":_}]'
    )


def test_the_papers_style_leaves_out_the_same():
    found = Findings((cell(10), cell(30, Status.DOUBTFUL)))
    flat = learnt(Question(Task.POINTING, LABELS), found, PAPER)
    kept = '{"point_2d": [14, 7], "label": "cell"}'
    assert flat == f"```json\n[{kept}{gap(', ' + kept)}]\n```"
    assert learnt(Question(Task.COUNTING, LABELS), found, PAPER).count("_") == 1


def test_a_count_that_is_not_known_is_not_asked_for(rows):
    unsure = replace(rows[0], findings=replace(rows[0].findings, marks=(*rows[0].findings.marks, cell(3, Status.DOUBTFUL))))
    for row in (unsure, replace(rows[0], findings=replace(rows[0].findings, complete=False))):
        assert Task.COUNTING not in tasks_of(row) and Task.BOUNDING in tasks_of(row)


def test_an_incomplete_review_teaches_by_its_marks_and_measures_nothing(rows):
    part = replace(rows[0], findings=replace(rows[0].findings, complete=False))
    empty = replace(rows[0], findings=Findings(complete=False))
    assert learnable([rows[0], part, empty]) == [rows[0], part]
    assert measurable([rows[0], part, empty]) == [rows[0]]


def test_an_answer_about_a_doubtful_mark_is_neither_right_nor_wrong():
    true = Findings((cell(10), cell(40, Status.DOUBTFUL), replace(cell(70), status=Status.REJECTED)))
    said = Findings((cell(11), cell(41), cell(71), cell(41, label="platelet"), Mark("p", Point(46, 7), "cell")))
    assert without_unjudged(said, true).marks == (said.marks[0], said.marks[2], said.marks[3])
    assert without_unjudged(said, Findings((cell(10),))) is said


def test_rows_are_read_with_what_nobody_judged(rows, tmp_path: Path):
    line = (
        '{"image": "%s", "width": 120, "height": 90, "group": "g", "task": "bounding", "labels": ["cell"], "marks": [],'
        ' "counts": {"cell": 0}, "unjudged": [{"box": [1, 2, 9, 9], "label": "cell"}], "complete": false}'
    )
    (tmp_path / "train.jsonl").write_text(line % rows[0].path.name)
    (row,) = read_rows(tmp_path / "train.jsonl", [rows[0].path.parent])
    assert [m.status for m in row.findings.marks] == [Status.DOUBTFUL] and not row.findings.complete


@pytest.mark.slow
def test_tokens_of_what_nobody_judged_have_no_label(qwen, rows):
    row = rows[0]
    first, *others = row.findings.marks
    unsure = replace(row.findings, marks=(replace(first, status=Status.DOUBTFUL), *others))
    question = Question(Task.COUNT_AND_BOX, row.question.labels)
    batches = [Packer(qwen)([example(qwen, row.image(), question, found)]) for found in (row.findings, unsure)]
    assert (batches[0]["input_ids"] == batches[1]["input_ids"]).all()  # what is read is the same
    whole, partly = (batch["labels"][0] for batch in batches)
    dropped = (whole != IGNORED) & (partly == IGNORED)
    assert ((partly == whole) | dropped).all()
    numbers = qwen.tokenizer.decode(whole[dropped])
    assert 9 <= int(dropped.sum()) <= 12 and numbers.count(",") >= 3, numbers
