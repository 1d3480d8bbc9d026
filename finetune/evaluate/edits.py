"""The work that answers leave: what a reader deletes, draws, moves and relabels to get from an answer to the truth.

Counted per image, over all its questions with marks; an unreadable answer leaves everything to be drawn. A reader who gets no
answer draws every mark: that is drawing from scratch, and an answer that leaves more work than that costs edits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from finetune.data.unjudged import judged
from finetune.evaluate.bootstrap import Estimate, mean
from finetune.evaluate.metrics import MAX_DISTANCE, MIN_IOU, ScoredAnswer
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.matching import match
from pdc.domain.values import Findings, Status

STRICT_IOU = 0.75  # a reader who is harder to please, reported beside
SCRATCH = "scratch"
Count = Callable[[ScoredAnswer], int]


def edits_of(case: ScoredAnswer, accept_iou: float = MIN_IOU) -> int:
    """Marks a reader adds, removes, moves or relabels to get from the answer to the truth."""
    predicted = case.predicted or Findings()
    near = MAX_DISTANCE if case.question.task.has_points else None
    changes = diff(predicted, correct_row(predicted, judged(case.true), accept_iou, near))
    return sum(c.kind is not CorrectionKind.KEPT for c in changes)


def correct_row(predicted: Findings, true: Findings, accept_iou: float, near: float | None = None) -> Findings:
    """What the reader leaves: the truth, with the model's own mark wherever that is near enough; `near`: pixels, of points."""
    pairs = match(predicted.marks, true.marks, min_iou=accept_iou, max_distance=near)
    kept = {j: replace(predicted.marks[i], status=Status.ACCEPTED) for i, j in pairs}
    left = [kept.get(j) or replace(mark, id=f"t{j}") for j, mark in enumerate(true.marks)]
    return replace(true, marks=tuple(left))


def drawn_of(case: ScoredAnswer) -> int:
    """Marks that a reader draws who has no answer to correct."""
    return sum(m.counts for m in case.true.marks)


def mean_edits(cases: Sequence[ScoredAnswer], accept_iou: float = MIN_IOU) -> Estimate | None:
    """Edits an image; None where nothing has marks."""
    return _mean(_images(cases, lambda case: edits_of(case, accept_iou)))


def describe_edits(answers: Mapping[str, Sequence[ScoredAnswer]], candidate: str) -> dict[str, Any]:
    """What metrics.json keeps: edits an image of each side and from scratch, by the usual reader and, under `strict`, by one who
    moves every box below STRICT_IOU; under `changes` those to the candidate from each other one, image by image."""
    if candidate not in answers:
        return {}
    counted = {name: _images(cases, edits_of) for name, cases in answers.items()}
    counted[SCRATCH] = _images(answers[candidate], drawn_of)
    changes = {name: _change(some, counted[candidate]) for name, some in counted.items() if name != candidate}
    strict = {name: mean_edits(cases, STRICT_IOU) for name, cases in answers.items()}
    means = {name: _mean(some) for name, some in counted.items()}
    return {**_json(means), "strict": _json(strict), "changes": _json(changes)}


Images = Mapping[str, tuple[int, str | None]]  # edits of each image, and its group


def _images(cases: Sequence[ScoredAnswer], count: Count) -> Images:
    found: dict[str, tuple[int, str | None]] = {}
    for case in cases:
        if case.question.task.has_marks:
            found[case.image] = found.get(case.image, (0, None))[0] + count(case), case.group
    return found


def _mean(images: Images) -> Estimate | None:
    return mean([n for n, _ in images.values()], groups=[group for _, group in images.values()])


def _change(before: Images, after: Images) -> Estimate | None:
    return _mean({image: (n - before[image][0], group) for image, (n, group) in after.items() if image in before})


def _json(estimates: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {name: e and asdict(e) for name, e in estimates.items()}
