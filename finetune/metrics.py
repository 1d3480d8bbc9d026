"""How good a model's answers are, as pure functions. Every number comes with n and a 95 % interval.

Marks    One-to-one matching within a label, as in COCO's evaluation (Lin et al. 2014, arXiv 1405.0312) but greedy by
         agreement instead of by score: boxes at an IoU of 0.5 or more, points within a stated distance in image pixels.
         Precision = matched / predicted, recall = matched / true, F1 = 2 matched / (predicted + true), summed over
         images (Everingham et al. 2010 for the threshold; Schmidt et al. 2018, StarDist, for matching without scores).
Counts   Per question and label: mean absolute error, bias (predicted minus true) and the share within one.
Answers  An unreadable answer has no marks and counts 0, so it costs recall and count error, and its rate is shown.
Interval Percentile bootstrap over images (Efron & Tibshirani 1993): images are drawn, never marks, because the marks of
         one image are not independent. It is the same draw for every model compared with the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pdc.domain import Findings, Mark, Question
from pdc.geometry import match

MIN_IOU = 0.5
MAX_DISTANCE = 10.0
RESAMPLES = 1000
SEED = 0
HEAD = ("model", "label", "images", "marks", "F1", "precision", "recall", "count MAE", "bias", "unreadable")

# Columns of the table of sums that every metric is computed from; one row an image.
TRUE, PREDICTED, MATCHED, COUNTS, ABSOLUTE, SIGNED, WITHIN, ANSWERS, UNREADABLE = range(9)
Sums = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Case:
    """One question about one image, the truth and the answer; `predicted` is None when the answer was unreadable."""

    image: str
    question: Question
    true: Findings
    predicted: Findings | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap interval; None where nothing could be measured (no marks, no answers)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured on one slice: all questions, one label, or one task. Rates 0 to 1, counts in objects."""

    images: int
    answers: int
    true_marks: int
    predicted_marks: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    count_mae: Estimate | None
    count_bias: Estimate | None
    within_1: Estimate | None
    unreadable: Estimate | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one set of images. `score` is what promotion compares: F1, or within-1 where nothing has marks."""

    model: str
    adapter: str | None
    n: int
    score: float
    score_name: str
    overall: Scores
    labels: dict[str, Scores]
    tasks: dict[str, Scores]
    min_iou: float = MIN_IOU
    max_distance: float = MAX_DISTANCE
    resamples: int = RESAMPLES
    seed: int = SEED
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values only: what metrics.json and the registry keep."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Evaluation:
        """The inverse of `to_json`."""
        slices = {k: {name: _scores(s) for name, s in value[k].items()} for k in ("labels", "tasks")}
        return cls(**{**value, **slices, "overall": _scores(value["overall"])})


def evaluate(
    cases: Sequence[Case], *, model: str, adapter: str | None, seconds: float = 0.0, min_iou: float = MIN_IOU,
    max_distance: float = MAX_DISTANCE, resamples: int = RESAMPLES, seed: int = SEED,
) -> Evaluation:
    """Measure the answers in `cases`; distances and boxes in pixels of the upright image."""
    def scores(label: str | None = None, chosen: Sequence[Case] = cases) -> Scores:
        return _measure(_sums(chosen, label, min_iou, max_distance), resamples, seed)

    labels = sorted({label for case in cases for label in case.question.labels})
    tasks = sorted({case.question.task for case in cases})
    overall = scores()
    score, name = _score(overall)
    return Evaluation(
        model, adapter, overall.images, score, name, overall,
        {label: scores(label, [c for c in cases if label in c.question.labels]) for label in labels},
        {str(task): scores(None, [c for c in cases if c.question.task is task]) for task in tasks},
        min_iou, max_distance, resamples, seed, seconds,
    )


def _score(overall: Scores) -> tuple[float, str]:
    if overall.f1 is not None:
        return overall.f1.value, "F1"
    return (overall.within_1.value if overall.within_1 else 0.0), "counts within 1"


def _sums(cases: Sequence[Case], label: str | None, min_iou: float, max_distance: float) -> np.ndarray:
    """float64 [images, 9]: the columns above, summed over the questions of each image and restricted to one label."""
    rows: dict[str, np.ndarray] = {}
    for case in cases:
        rows[case.image] = rows.get(case.image, np.zeros(9)) + _row(case, label, min_iou, max_distance)
    return np.stack(list(rows.values())) if rows else np.zeros((0, 9))


def _row(case: Case, label: str | None, min_iou: float, max_distance: float) -> np.ndarray:
    row = np.zeros(9)
    predicted = case.predicted or Findings()
    task = case.question.task
    if task.has_marks:
        true, found = _marks(case.true, label), _marks(predicted, label)
        limit = max_distance if task.has_points else None
        row[TRUE], row[PREDICTED] = len(true), len(found)
        row[MATCHED] = len(match(found, true, min_iou=min_iou, max_distance=limit))
    true_counts, counts = case.true.counts(task), predicted.counts(task)
    for name in case.question.labels:
        if label in (None, name):
            error = counts.get(name, 0) - true_counts.get(name, 0)
            row[COUNTS] += 1
            row[ABSOLUTE] += abs(error)
            row[SIGNED] += error
            row[WITHIN] += abs(error) <= 1
    row[ANSWERS], row[UNREADABLE] = 1, case.predicted is None
    return row


def _marks(findings: Findings, label: str | None) -> list[Mark]:
    return [m for m in findings.marks if m.counts and label in (None, m.label)]


def _measure(sums: np.ndarray, resamples: int, seed: int) -> Scores:
    draws = _draws(sums, resamples, seed)

    def estimate(part: Sums, whole: Sums) -> Estimate | None:
        return _estimate(sums, draws, part, whole)

    total = sums.sum(0)
    return Scores(
        images=len(sums),
        answers=int(total[ANSWERS]),
        true_marks=int(total[TRUE]),
        predicted_marks=int(total[PREDICTED]),
        precision=estimate(lambda s: s[..., MATCHED], lambda s: s[..., PREDICTED]),
        recall=estimate(lambda s: s[..., MATCHED], lambda s: s[..., TRUE]),
        f1=estimate(lambda s: 2 * s[..., MATCHED], lambda s: s[..., PREDICTED] + s[..., TRUE]),
        count_mae=estimate(lambda s: s[..., ABSOLUTE], lambda s: s[..., COUNTS]),
        count_bias=estimate(lambda s: s[..., SIGNED], lambda s: s[..., COUNTS]),
        within_1=estimate(lambda s: s[..., WITHIN], lambda s: s[..., COUNTS]),
        unreadable=estimate(lambda s: s[..., UNREADABLE], lambda s: s[..., ANSWERS]),
    )


def _draws(sums: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """float64 [resamples, 9]: the total over as many images as there are, drawn with replacement."""
    if not len(sums):
        return np.zeros((0, 9))
    chosen = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    weights = np.stack([np.bincount(row, minlength=len(sums)) for row in chosen])
    return weights @ sums


def _estimate(sums: np.ndarray, draws: np.ndarray, part: Sums, whole: Sums) -> Estimate | None:
    """The ratio part / whole of the totals; draws in which it is undefined are left out of the interval."""
    total = sums.sum(0)
    if whole(total) == 0:
        return None
    defined = draws[whole(draws) > 0]
    low, high = np.percentile(part(defined) / whole(defined), [2.5, 97.5])
    return Estimate(float(part(total) / whole(total)), float(low), float(high))


def _scores(value: dict[str, Any]) -> Scores:
    return Scores(**{k: Estimate(**v) if isinstance(v, dict) else v for k, v in value.items()})


def table(evaluations: dict[str, Evaluation]) -> str:
    """A text table, a row per model and label; 95 % intervals in brackets."""
    rows = [HEAD]
    for name, evaluation in evaluations.items():
        rows += [_line(name, label, s) for label, s in {"all": evaluation.overall, **evaluation.labels}.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _line(name: str, label: str, s: Scores) -> tuple[str, ...]:
    def short(e: Estimate | None) -> str:
        return "-" if e is None else f"{e.value:.2f}"

    def full(e: Estimate | None) -> str:
        return "-" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"

    return (
        name, label, str(s.images), str(s.true_marks), full(s.f1), short(s.precision), short(s.recall),
        full(s.count_mae), short(s.count_bias), short(s.unreadable),
    )
