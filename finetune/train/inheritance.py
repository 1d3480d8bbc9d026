"""What an adapter takes over from its parent, and what it adds: labels, windows, the task it answers by, images learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from finetune.data.dataset import Row, likenesses, tasks_of
from pdc.domain.values import Task
from pdc.inference.adapter_folder import AdapterManifest, labels_served, windows_of
from pdc.inference.answer_settings import counts_by_of, labels_of, lists_of
from pdc.inference.qwen import Qwen

Parent = tuple[str, Path] | None  # name and folder
COUNTED_BY = Task.COUNT_AND_BOX, Task.CNT_AND_POINT, Task.BOUNDING, Task.POINTING  # whose marks can be counted, best first


def windows_learnt(rows: Sequence[Row], parent: Parent, windows: Mapping[str, float]) -> dict[str, float]:
    """The windows of every label that was learnt in some: those of the rows' labels, and the parent's of its other ones."""
    asked = {label for row in rows for label in row.question.labels}
    before = windows_of(parent[1]) if parent else {}
    return {**{label: side for label, side in before.items() if label not in asked}, **windows}


def labels_learnt(rows: Sequence[Row], replay: Sequence[Row], parent: Parent) -> frozenset[str]:
    """Every label that the weights were trained on, the parent's and the replayed ones too."""
    before = labels_of(str(parent[1])) if parent else frozenset()
    return before | {label for row in (*rows, *replay) for label in row.question.labels}


def labels_corrected(rows: Sequence[Row], parent: Parent) -> frozenset[str]:
    """The labels that the adapter answers for: its parent's and those of the rows. Empty means all of them."""
    before = labels_served(parent[1]) if parent else frozenset()
    if parent and not before:
        return frozenset()  # its parent answers everything
    return before | {label for row in rows for label in row.question.labels}


def task_listed(qwen: Qwen, rows: Sequence[Row], parent: Parent) -> Task | None:
    """The task by which the adapter will answer all five: the base's, unless it learns or has learnt from points or counts."""
    lists = lists_of(str(parent[1]), qwen.base_lists) if parent else qwen.base_lists
    return lists if lists and all(lists in tasks_of(row) for row in rows) else None


def task_counted(rows: Sequence[Row], weights: Mapping[str, float], parent: Parent) -> Task | None:
    """The task by whose marks the adapter will answer a count alone: the first that was taught and that all rows have marks
    for, and its parent's before it. None: where counts alone were learnt, a number is stated."""
    before = counts_by_of(str(parent[1])) if parent else COUNTED_BY[0]
    able = COUNTED_BY[COUNTED_BY.index(before) :] if before else ()
    return next((task for task in able if weights.get(task, 0) > 0 and all(task in tasks_of(row) for row in rows)), None)


def images_learnt(rows: Sequence[Row], replay: Sequence[Row], parent: Parent) -> dict[str, str]:
    """Every image that led to the weights, the parent's too."""
    before = AdapterManifest.read(parent[1]).trained_on if parent else {}
    return {**before, **likenesses([*rows, *replay])}
