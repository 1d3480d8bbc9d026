"""How good a model's answers are, as pure functions. Every number comes with n and a 95 % interval over images.

Groups   Where it is known which images belong together (patient, sequence, slide), groups are drawn whole and counted.

Marks    One-to-one matching within a label, as in COCO's evaluation (Lin et al. 2014, arXiv 1405.0312) but greedy by
         agreement instead of by score: boxes by IoU, points by distance in image pixels, both as `EVALUATION` says.
         Precision = matched / predicted, recall = matched / true, F1 = 2 matched / (predicted + true), summed over
         images (Everingham et al. 2010 for the threshold; Schmidt et al. 2018, StarDist, for matching without scores).
Scores   COCO's mAP over the model's own scores, but of up to 1,000 detections an image and class where COCO looks at 100.
         The expected calibration error (Guo et al. 2017) of the same scores against "has a partner": ten bins of equal
         width.
Counts   Per question and label: mean absolute and squared error, bias (predicted minus true) and the share within one.
Answers  An unreadable answer has no marks and counts 0, so it costs recall and count error, and its rate is shown. The
         zero-case rate is the share of answers that report nothing among the questions where there is something.
Slices   Per label, per task, by size as COCO cuts it (32 and 96 pixels squared; a prediction with a partner is of its
         partner's size) and by the number of true objects in the question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from finetune.evaluate.bootstrap import RESAMPLES, SEED, Estimate, interval, ratio, totals
from finetune.evaluate.coco_map import COCO_DETECTIONS, Boxes, Precision, mean_average_precision
from pdc.domain.matching import EVALUATION, match
from pdc.domain.values import Box, Findings, Mark, Question

MIN_IOU, MAX_DISTANCE = EVALUATION.iou, EVALUATION.distance
MAX_DETECTIONS = 1000  # an image and class, for mAP; fields of cells hold more than COCO's 100
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, float("inf"))}  # area, pixels
DENSITIES = {"1 to 5": (1, 5), "6 to 20": (6, 20), "over 20": (21, 10**9)}  # true objects in the question
BINS = 10
# Columns of the table of sums that every metric is computed from; one row an image.
TRUE, PREDICTED, MATCHED, COUNTS, ABSOLUTE, SQUARED, SIGNED, WITHIN, ANSWERS, UNREADABLE, WITH, ZERO = range(12)
COLUMNS = 12


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """One question about one image, the truth and the answer; `predicted` is None when the answer was unreadable.

    `group` names what the image belongs to (patient, sequence, slide); None where that is not known. `weight`: what it counts
    in comparisons of two models, less than 1 where the truth is an answer that was accepted as it stood.
    """

    image: str
    question: Question
    true: Findings
    predicted: Findings | None
    group: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured on one slice. Rates 0 to 1, counts in objects; None where nothing could be measured.

    `groups` is the number of groups that the images belong to; None where that is not known.
    """

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
    count_mse: Estimate | None = None
    zero_case: Estimate | None = None
    groups: int | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one set of images. `score` is what promotion compares: F1, or within-1 where nothing has marks.

    `map`, `map_50` and `calibration_error` are of boxes and of marks with scores; `sizes` are of boxes. `n` is the number of
    images, `groups` that of the groups they belong to, where it is known.
    """

    model: str
    adapter: str | None
    n: int
    score: float
    score_name: str
    overall: Scores
    labels: dict[str, Scores]
    tasks: dict[str, Scores]
    sizes: dict[str, Scores] = field(default_factory=dict)
    densities: dict[str, Scores] = field(default_factory=dict)
    map: Estimate | None = None
    map_50: Estimate | None = None
    calibration_error: Estimate | None = None
    min_iou: float = MIN_IOU
    max_distance: float = MAX_DISTANCE
    resamples: int = RESAMPLES
    seed: int = SEED
    seconds: float = 0.0
    groups: int | None = None
    max_detections: int = COCO_DETECTIONS
    """an image and class, that mAP looked at"""
    looks: int = 1
    """from how many looks at the image each answer was voted"""

    def to_json(self) -> dict[str, Any]:
        """Plain values only: what metrics.json and the registry keep."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Evaluation:
        """The inverse of `to_json`."""
        slices = {
            k: {name: _scores(s) for name, s in value.get(k, {}).items()} for k in ("labels", "tasks", "sizes", "densities")
        }
        single = {k: value[k] and Estimate(**value[k]) for k in ("map", "map_50", "calibration_error") if k in value}
        return cls(**{**value, **slices, **single, "overall": _scores(value["overall"])})


@dataclass(frozen=True, slots=True)
class Ruler:
    """How marks are matched and how intervals are drawn."""

    min_iou: float = MIN_IOU
    max_distance: float = MAX_DISTANCE
    resamples: int = RESAMPLES
    seed: int = SEED

    def pairs(self, case: ScoredAnswer, found: Sequence[Mark], true: Sequence[Mark]) -> list[tuple[int, int]]:
        limit = self.max_distance if case.question.task.has_points else None
        return match(found, true, min_iou=self.min_iou, max_distance=limit)


def evaluate(
    cases: Sequence[ScoredAnswer],
    *,
    model: str,
    adapter: str | None,
    seconds: float = 0.0,
    min_iou: float = MIN_IOU,
    max_distance: float = MAX_DISTANCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    with_map: bool = True,
) -> Evaluation:
    """Measure the answers in `cases`; distances and boxes in pixels of the upright image. `with_map`: COCO's mAP too, which takes
    longest."""
    ruler = Ruler(min_iou, max_distance, resamples, seed)

    def scores(chosen: Sequence[ScoredAnswer] = cases, label: str | None = None) -> Scores:
        return _measure(chosen, sums_by_image(chosen, lambda case: sums_of(case, ruler, label)), ruler)

    labels = sorted({label for case in cases for label in case.question.labels})
    tasks = sorted({case.question.task for case in cases})
    overall = scores()
    score, name = _score(overall)
    precision = _precision(cases, ruler) if with_map else Precision(None, None, None)
    return Evaluation(
        model,
        adapter,
        overall.images,
        score,
        name,
        overall,
        {label: scores([c for c in cases if label in c.question.labels], label) for label in labels},
        {str(task): scores([c for c in cases if c.question.task is task]) for task in tasks},
        _sizes(cases, ruler),
        {name: scores(some) for name, limits in DENSITIES.items() if (some := _as_dense(cases, limits))},
        precision.map,
        precision.map_50,
        _calibration_error(cases, ruler),
        min_iou,
        max_distance,
        resamples,
        seed,
        seconds,
        overall.groups,
        precision.max_detections,
    )


def _score(overall: Scores) -> tuple[float, str]:
    if overall.f1 is not None:
        return overall.f1.value, "F1"
    return (overall.within_1.value if overall.within_1 else 0.0), "counts within 1"


def score(cases: Sequence[ScoredAnswer], min_iou: float = MIN_IOU) -> Estimate | None:
    """F1, or the share of counts within 1 where nothing has marks; None when there is nothing to score."""
    ruler = Ruler(min_iou)
    found = _measure(cases, sums_by_image(cases, lambda case: sums_of(case, ruler, None)), ruler)
    return found.f1 or (None if any(c.question.task.has_marks for c in cases) else found.within_1)


def change(
    before: Sequence[ScoredAnswer],
    after: Sequence[ScoredAnswer],
    *,
    min_iou: float = MIN_IOU,
    max_distance: float = MAX_DISTANCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Estimate | None:
    """How much the score rose from one model to another on the same questions, by a paired bootstrap over images or groups.

    The score is F1, or the share of counts within 1 where nothing has marks. None when there is nothing to compare.
    """
    ruler = Ruler(min_iou, max_distance, resamples, seed)
    tables = [sums_by_image(cases, lambda case: weighed(case, ruler)) for cases in (before, after)]
    if not len(tables[0]):
        return None
    marked = any(table[:, TRUE].sum() + table[:, PREDICTED].sum() for table in tables)
    part, whole = (_twice_matched, _marks_of_both) if marked else (_column(WITHIN), _column(COUNTS))
    drawn = [totals(table, resamples, seed, groups_of(before)) for table in tables]
    defined = (whole(drawn[0]) > 0) & (whole(drawn[1]) > 0)
    shares = [part(d[defined]) / whole(d[defined]) for d in drawn]
    value = [_share(float(part(t.sum(0))), float(whole(t.sum(0)))) for t in tables]
    low, high = interval(shares[1] - shares[0]) if defined.any() else (-1.0, 1.0)
    return Estimate(value[1] - value[0], low, high)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def weighed(case: ScoredAnswer, ruler: Ruler, label: str | None = None) -> np.ndarray:
    """The sums of an answer as comparisons count them: times its weight."""
    return case.weight * sums_of(case, ruler, label)


def sums_by_image(
    cases: Sequence[ScoredAnswer], row_of: Callable[[ScoredAnswer], np.ndarray], columns: int = COLUMNS
) -> np.ndarray:
    """float64 [images, columns]: the rows of each image's questions, added up."""
    rows: dict[str, np.ndarray] = {}
    for case in cases:
        rows[case.image] = rows.get(case.image, np.zeros(columns)) + row_of(case)
    return np.stack(list(rows.values())) if rows else np.zeros((0, columns))


def groups_of(cases: Sequence[ScoredAnswer]) -> list[str | None]:
    """The group of each row of `sums_by_image`."""
    return list({case.image: case.group for case in cases}.values())


def sums_of(case: ScoredAnswer, ruler: Ruler, label: str | None) -> np.ndarray:
    """float64 [columns]: what an answer adds to each sum, of all labels or of one."""
    row = np.zeros(COLUMNS)
    predicted = case.predicted or Findings()
    task = case.question.task
    if task.has_marks:
        true, found = _marks(case.true, label), _marks(predicted, label)
        row[TRUE], row[PREDICTED], row[MATCHED] = len(true), len(found), len(ruler.pairs(case, found, true))
    true_counts, counts = case.true.counts(task), predicted.counts(task)
    names = [name for name in case.question.labels if label in (None, name)]
    for name in names:
        error = counts.get(name, 0) - true_counts.get(name, 0)
        row[[COUNTS, ABSOLUTE, SQUARED, SIGNED, WITHIN]] += 1, abs(error), error**2, error, abs(error) <= 1
    there, said = (sum(c.get(name, 0) for name in names) for c in (true_counts, counts))
    row[ANSWERS], row[UNREADABLE] = 1, case.predicted is None
    row[WITH], row[ZERO] = there > 0, there > 0 and said == 0
    return row


def _marks(findings: Findings, label: str | None = None) -> list[Mark]:
    return [m for m in findings.marks if m.counts and label in (None, m.label)]


def _sizes(cases: Sequence[ScoredAnswer], ruler: Ruler) -> dict[str, Scores]:
    boxed = [c for c in cases if c.question.task.has_boxes]
    tables = {name: sums_by_image(boxed, lambda case, s=limits: _sized_row(case, ruler, s)) for name, limits in SIZES.items()}
    return {name: _measure(boxed, t, ruler) for name, t in tables.items() if t[:, TRUE].sum() or t[:, PREDICTED].sum()}


def _sized_row(case: ScoredAnswer, ruler: Ruler, limits: tuple[float, float]) -> np.ndarray:
    true, found = _marks(case.true), _marks(case.predicted or Findings())
    pairs = dict(ruler.pairs(case, found, true))
    judged = [_in(true[pairs[i]] if i in pairs else m, limits) for i, m in enumerate(found)]
    row = np.zeros(COLUMNS)
    row[TRUE] = sum(_in(m, limits) for m in true)
    row[PREDICTED], row[MATCHED] = sum(judged), sum(judged[i] for i in pairs)
    return row


def _in(mark: Mark, limits: tuple[float, float]) -> bool:
    return isinstance(mark.shape, Box) and limits[0] <= mark.shape.area < limits[1]


def _as_dense(cases: Sequence[ScoredAnswer], limits: tuple[int, int]) -> list[ScoredAnswer]:
    return [c for c in cases if limits[0] <= c.true.count(c.question.task) <= limits[1]]


def _precision(cases: Sequence[ScoredAnswer], ruler: Ruler) -> Precision:
    boxed = [c for c in cases if c.question.task.has_boxes]
    classes = {label: i for i, label in enumerate(sorted({n for c in boxed for n in c.question.labels}), start=1)}
    true = [_boxes(c.true, classes) for c in boxed]
    found = [_boxes(c.predicted or Findings(), classes) for c in boxed]
    groups = [c.group for c in boxed]
    return mean_average_precision(true, found, groups=groups, max_detections=MAX_DETECTIONS, seed=ruler.seed)


def _boxes(findings: Findings, classes: dict[str, int]) -> Boxes:
    marks = [(m, m.shape) for m in _marks(findings) if isinstance(m.shape, Box) and m.label in classes]
    scores = [1.0 if m.score is None else m.score for m, _ in marks]
    return Boxes.of([box.xyxy for _, box in marks], [classes[m.label] for m, _ in marks], scores)


def _calibration_error(cases: Sequence[ScoredAnswer], ruler: Ruler) -> Estimate | None:
    """How far a mark's score is from the share of such marks that are right, 0 to 1, averaged over marks with scores."""
    table = sums_by_image(cases, lambda case: _bins(case, ruler), 3 * BINS)

    def off(sums: np.ndarray) -> np.ndarray:
        return np.abs(sums[..., :BINS] - sums[..., BINS : 2 * BINS]).sum(-1)

    drawn = totals(table, ruler.resamples, ruler.seed, groups_of(cases))
    return ratio(table, drawn, off, lambda s: s[..., 2 * BINS :].sum(-1))


def _bins(case: ScoredAnswer, ruler: Ruler) -> np.ndarray:
    """Per bin of score: marks with a partner, sum of scores, marks."""
    true, found = _marks(case.true), _marks(case.predicted or Findings())
    matched = {i for i, _ in ruler.pairs(case, found, true)}
    row = np.zeros(3 * BINS)
    for i, mark in enumerate(found):
        if mark.score is not None:
            b = min(int(mark.score * BINS), BINS - 1)
            row[[b, BINS + b, 2 * BINS + b]] += i in matched, mark.score, 1
    return row


def _column(index: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda sums: sums[..., index]


def _twice_matched(sums: np.ndarray) -> np.ndarray:
    return 2 * sums[..., MATCHED]


def _marks_of_both(sums: np.ndarray) -> np.ndarray:
    return sums[..., PREDICTED] + sums[..., TRUE]


def _measure(cases: Sequence[ScoredAnswer], table: np.ndarray, ruler: Ruler) -> Scores:
    groups = groups_of(cases)
    drawn, total = totals(table, ruler.resamples, ruler.seed, groups), table.sum(0)

    def share(part: int, whole: int) -> Estimate | None:
        return ratio(table, drawn, _column(part), _column(whole))

    return Scores(
        images=len(table),
        answers=int(total[ANSWERS]),
        true_marks=int(total[TRUE]),
        predicted_marks=int(total[PREDICTED]),
        precision=share(MATCHED, PREDICTED),
        recall=share(MATCHED, TRUE),
        f1=ratio(table, drawn, _twice_matched, _marks_of_both),
        count_mae=share(ABSOLUTE, COUNTS),
        count_mse=share(SQUARED, COUNTS),
        count_bias=share(SIGNED, COUNTS),
        within_1=share(WITHIN, COUNTS),
        unreadable=share(UNREADABLE, ANSWERS),
        zero_case=share(ZERO, WITH),
        groups=None if None in groups else len(set(groups)),
    )


def _scores(value: dict[str, Any]) -> Scores:
    read: dict[str, Any] = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in value.items()}
    return Scores(**read)
