"""The metrics of "Point, Detect, Count" (arXiv 2505.16647), as its published evaluation counts them.

They flatter: an answer that cannot be read counts 0 and leaves the means of the point metrics, every predicted point may
be matched to the same true one, and an object that was missed costs the point metrics nothing. They are here to compare
with the paper; `metrics.py` has those to decide by.

Counts   Mean absolute and mean squared error over all samples. In a combined task a list counts as its length.
Points   Each predicted point's distance to its nearest true point; mean and root mean square per sample, then the mean
         over samples that have predicted points. Matching accuracy: the share closer than 10 pixels, averaged alike.
         Zero-case: samples without a usable predicted point.
Boxes    COCO mAP with one class and every score 1, of at most 100 detections an image; IoU: the mean over predictions of
         the best IoU, then the mean over images where both sides have boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from finetune.evaluate.bootstrap import Estimate, mean
from finetune.evaluate.coco_map import COCO_DETECTIONS, Boxes, mean_average_precision
from finetune.evaluate.tables import align_columns, detections_note
from pdc.domain.matching import PAPER
from pdc.domain.values import Task


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer beside the truth: shapes as lists of 2 or 4 numbers in pixels, and the stated counts."""

    image: str
    task: Task
    true: tuple[tuple[float, ...], ...]
    predicted: tuple[tuple[float, ...], ...]
    true_count: float
    predicted_count: float


@dataclass(frozen=True, slots=True)
class PaperScores:
    """One task's numbers; None where the task has no such metric or nothing was measured."""

    samples: int
    count_mae: Estimate | None = None
    count_mse: Estimate | None = None
    point_mae: Estimate | None = None
    point_rmse: Estimate | None = None
    matching_accuracy: Estimate | None = None
    zero_case: int | None = None
    map: Estimate | None = None
    map_50: Estimate | None = None
    map_75: Estimate | None = None
    iou: Estimate | None = None


def paper_scores(samples: Sequence[Sample]) -> dict[Task, PaperScores]:
    """The paper's metrics per task, in the paper's order of tasks; tasks without samples are left out."""
    per_task = {task: [s for s in samples if s.task is task] for task in Task}
    return {task: _scores(task, chosen) for task, chosen in per_task.items() if chosen}


def _scores(task: Task, samples: Sequence[Sample]) -> PaperScores:
    values: dict[str, Any] = {}  # fields of PaperScores
    if task.states_count:
        error = np.array([s.predicted_count - s.true_count for s in samples], float)
        values |= {"count_mae": mean(np.abs(error)), "count_mse": mean(error**2)}
    if task.has_points:
        values |= _points(samples)
    if task.has_boxes:
        values |= _boxes(samples)
    return PaperScores(len(samples), **values)


def _points(samples: Sequence[Sample]) -> dict[str, Estimate | int | None]:
    nearest = [_nearest(s) for s in samples if s.predicted and s.true]
    return {
        "point_mae": mean(np.array([d.mean() for d in nearest])),
        "point_rmse": mean(np.array([np.sqrt((d**2).mean()) for d in nearest])),
        "matching_accuracy": mean(np.array([(d < PAPER.distance).mean() for d in nearest])),
        "zero_case": len(samples) - len(nearest),
    }


def _nearest(sample: Sample) -> np.ndarray:
    """Pixels from each predicted point to the nearest true one."""
    predicted, true = np.array(sample.predicted), np.array(sample.true)
    return np.hypot(*(predicted[:, None] - true[None]).transpose(2, 0, 1)).min(1)


def _boxes(samples: Sequence[Sample]) -> dict[str, Estimate | int | None]:
    precision = mean_average_precision([Boxes.of(s.true) for s in samples], [Boxes.of(s.predicted) for s in samples])
    ious = np.array([_best_iou(s) for s in samples if s.predicted and s.true])
    return {"map": precision.map, "map_50": precision.map_50, "map_75": precision.map_75, "iou": mean(ious)}


def _best_iou(sample: Sample) -> float:
    a, b = np.array(sample.predicted, np.float32)[:, None], np.array(sample.true, np.float32)[None]
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    overlap = sides.prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - overlap
    return float((overlap / np.where(union == 0, 1, union)).max(1).mean())


def paper_table(scores: dict[Task, PaperScores]) -> str:
    """A text table, a column per task; 95 % intervals in brackets."""
    names = [f.name for f in fields(PaperScores)]
    rows = [("paper's metric", *map(str, scores))]
    for name in names:
        values = [getattr(s, name) for s in scores.values()]
        if any(v is not None for v in values):
            rows.append((name, *map(_cell, values)))
    note = f"\n{detections_note(COCO_DETECTIONS)}, as COCO does." if any(s.map for s in scores.values()) else ""
    return align_columns(rows) + note


def _cell(value: Estimate | int | None) -> str:
    if isinstance(value, Estimate):
        return f"{value.value:.4f} [{value.low:.4f}, {value.high:.4f}]"
    return "-" if value is None else str(value)
