"""By whose marks an adapter answers a count alone: what it and its parent were taught decides."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from reviewed_rows import LABELS

from finetune.train.inheritance import task_counted
from finetune.train.trainer import train
from pdc.domain.values import Findings, Question, Task
from pdc.inference.answer_settings import adapter_settings
from pdc.training.config import EVEN_TASKS, TrainConfig
from pdc.training.run_folder import Run


def with_task(row, task: Task):
    return replace(row, question=Question(task, LABELS))


def test_a_count_is_answered_by_the_best_marks_that_every_review_has(rows):
    boxed, pointed = rows[:1], [with_task(rows[0], Task.POINTING)]
    counted = [replace(with_task(rows[0], Task.COUNTING), findings=Findings((), {LABELS[0]: 2}))]
    assert task_counted(boxed, EVEN_TASKS, None) is Task.COUNT_AND_BOX
    assert task_counted([*boxed, *pointed], EVEN_TASKS, None) is Task.CNT_AND_POINT
    assert task_counted([*boxed, *counted], EVEN_TASKS, None) is None
    assert task_counted(boxed, {Task.POINTING: 1.0}, None) is Task.POINTING
    assert task_counted(boxed, {Task.COUNTING: 1.0}, None) is None


@pytest.mark.parametrize(
    ("before", "after"), [(Task.COUNT_AND_BOX, Task.COUNT_AND_BOX), (Task.POINTING, Task.POINTING), (None, None)]
)
def test_an_adapter_counts_by_nothing_that_its_parent_never_learnt(rows, tmp_path, before, after):
    (tmp_path / "pdc.json").write_text(json.dumps({"prompt_version": "compact-1", "counts_by": before}))
    assert task_counted(rows, EVEN_TASKS, ("parent", tmp_path)) is after


@pytest.mark.parametrize(("by_marks", "by"), [(True, Task.COUNT_AND_BOX), (False, None)])
def test_the_adapter_says_how_it_counts(qwen, rows, tmp_path, model_folder, by_marks: bool, by: Task | None):
    config = TrainConfig(str(model_folder), quantization="none", device="cpu", rank=4, batch=3, epochs=1, count_by_marks=by_marks)
    run = Run.create(tmp_path, config, "one")
    train(run, qwen, rows, None, say=lambda text: None)
    assert adapter_settings(str(run.adapter), str(model_folder)).asked_as(Task.COUNTING) is by
