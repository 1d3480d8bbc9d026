"""Evaluations as text tables; 95 % intervals in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.metrics import Evaluation, Scores

HEAD: tuple[str, ...] = (
    "model",
    "slice",
    "images",
    "groups",
    "marks",
    "F1",
    "precision",
    "recall",
    "count MAE",
    "MSE",
    "bias",
    "within 1",
    "zero-case",
    "unreadable",
)


def table(evaluations: Mapping[str, Evaluation]) -> str:
    """A row per model and slice, then a line per model on its scores."""
    rows = [HEAD]
    for name, evaluation in evaluations.items():
        rows += [_line(name, part, scores) for part, scores in _slices(evaluation).items()]
    scored = [line for name, e in evaluations.items() if (line := _scored(name, e))]
    return "\n".join([align_columns(rows), *scored])


def overall_table(evaluations: Mapping[str, Evaluation]) -> str:
    """A row per model, without slices."""
    return align_columns([HEAD, *(_line(name, "all", e.overall) for name, e in evaluations.items())])


def _slices(evaluation: Evaluation) -> dict[str, Scores]:
    return {
        "all": evaluation.overall,
        **evaluation.labels,
        **evaluation.sizes,
        **{f"{name} objects": s for name, s in evaluation.densities.items()},
    }


def _line(name: str, part: str, s: Scores) -> tuple[str, ...]:
    return (
        name,
        part,
        str(s.images),
        "-" if s.groups is None else str(s.groups),
        str(s.true_marks),
        _full(s.f1),
        _full(s.precision),
        _full(s.recall),
        _full(s.count_mae),
        _full(s.count_mse),
        _full(s.count_bias),
        _full(s.within_1),
        _full(s.zero_case),
        _full(s.unreadable),
    )


def _scored(name: str, e: Evaluation) -> str:
    found = {"mAP": e.map, "mAP at 0.5": e.map_50, "calibration error": e.calibration_error}
    said = [f"{what} {_full(value)}" for what, value in found.items() if value is not None]
    if e.map is not None:
        said.append(detections_note(e.max_detections))
    return f"{name}: {', '.join(said)}" if said else ""


def detections_note(limit: int) -> str:
    """How many detections mAP looks at: above them even perfect answers get less than 1."""
    return f"mAP looks at the {limit} surest boxes of an image and label"


def _full(e: Estimate | None) -> str:
    return "-" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def format_estimate(estimate: Sequence[float] | None) -> str:
    """An estimate as files of numbers hold it: value, lower and upper end of its interval."""
    if estimate is None:
        return "-"
    value, low, high = estimate
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def align_columns(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
