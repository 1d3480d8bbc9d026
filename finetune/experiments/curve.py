"""What a simulation comes to: its states round by round, as a table, a plot and a sentence."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.tables import align_columns
from finetune.experiments.plots import curves
from pdc.files import write_json

NUMBERS = ("f1", "count_mae", "edits", "strict_edits", "reader_edits", "old_f1", "old_change")
TITLES = {"edits": "edits per image", "f1": "F1 at IoU 0.5", "count_mae": "count MAE", "old_f1": "F1 on known kinds"}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The state after `corrected` images. Rates 0 to 1; edits are per image; seconds are of the round, measuring included."""

    order: str
    seed: int
    round: int
    corrected: int
    f1: Estimate | None
    count_mae: Estimate | None
    edits: Estimate | None
    """on held-out images, by the reader of the plan"""
    strict_edits: Estimate | None
    """on held-out images, by one who moves every box below an IoU of 0.75"""
    reader_edits: float
    """on the images that were corrected in this round, before they were learnt from"""
    old_f1: Estimate | None
    """on images of the kinds that the model knew before"""
    old_change: Estimate | None
    """of that F1 since before the first round, pair by pair"""
    seconds: float

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CurvePoint:
        read: dict[str, Any] = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in value.items()}
        return cls(**read)


def describe_point(point: CurvePoint) -> str:
    edits, f1 = (e.value if e else 0.0 for e in (point.edits, point.f1))
    return f"{point.corrected} corrected, {edits:.2f} edits an image, F1 {f1:.2f}, {point.seconds:.0f} s"


def write(points: Sequence[CurvePoint], about: Mapping[str, Any], out: Path) -> None:
    """curve.json, curve.csv and curve.png. `about` says what was simulated."""
    write_json(out / "curve.json", {**about, "points": [asdict(p) for p in points]})
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "seed", "round", "corrected", *NUMBERS, "seconds"])
        for p in points:
            writer.writerow([p.order, p.seed, p.round, p.corrected, *(_number(getattr(p, n)) for n in NUMBERS), p.seconds])
    orders = dict.fromkeys(p.order for p in points)
    panels = {
        title: {order: _line([p for p in points if p.order == order], key) for order in orders} for key, title in TITLES.items()
    }
    bands = (
        "lowest and highest of the seeds" if len({p.seed for p in points}) > 1 else "95 % over held-out images or their groups"
    )
    curves(out / "curve.png", panels, "corrected images", f"A played reader; bands: {bands}")


def _line(points: Sequence[CurvePoint], key: str) -> list[tuple[int, Estimate | None]]:
    """Per number of corrected images the value; with several seeds their mean, between the lowest and the highest."""
    found: dict[int, list[Estimate | None]] = {}
    for p in points:
        found.setdefault(p.corrected, []).append(getattr(p, key))
    return [(corrected, _over_seeds(estimates)) for corrected, estimates in found.items()]


def _over_seeds(estimates: Sequence[Estimate | None]) -> Estimate | None:
    known = [e for e in estimates if e is not None]
    if len(known) < 2:
        return next(iter(known), None)
    values = [e.value for e in known]
    return Estimate(float(np.mean(values)), min(values), max(values))


def _number(value: Estimate | float | None) -> float | None:
    return value.value if isinstance(value, Estimate) else value


def _played(points: Sequence[CurvePoint]) -> dict[str, list[CurvePoint]]:
    """The points of each order and seed."""
    found: dict[str, list[CurvePoint]] = {}
    for p in points:
        found.setdefault(f"{p.order}, seed {p.seed}", []).append(p)
    return found


def curve_table(points: Sequence[CurvePoint]) -> str:
    """A row per order, seed and round; 95 % intervals in brackets."""
    head = (
        "order",
        "seed",
        "round",
        "corrected",
        "F1",
        "count MAE",
        "edits",
        "edits, strict",
        "reader's",
        "known kinds F1",
        "its change",
        "seconds",
    )
    rows: list[tuple[str, ...]] = [head]
    for p in points:
        cells = (_cell(v) for v in (p.f1, p.count_mae, p.edits, p.strict_edits))
        rows.append(
            (
                p.order,
                str(p.seed),
                str(p.round),
                str(p.corrected),
                *cells,
                f"{p.reader_edits:.1f}",
                _cell(p.old_f1),
                _cell(p.old_change),
                f"{p.seconds:.0f}",
            )
        )
    return align_columns(rows)


def _cell(e: Estimate | None) -> str:
    return "-" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def summary(points: Sequence[CurvePoint]) -> str:
    """A sentence per order: edits before and after, how many were needed on the way, and what was forgotten; over seeds."""
    lines = []
    for order in dict.fromkeys(p.order for p in points):
        some = [played for played in _played(points).values() if played[0].order == order]
        first, last, way = (float(np.mean([f(p) for p in some])) for f in (_first, _last, _on_the_way))
        forgot = [p[-1].old_change.value for p in some if p[-1].old_change]
        known = f"; F1 on known kinds {100 * float(np.mean(forgot)):+.1f} points" if forgot else ""
        lines.append(
            f"{order} order, {len(some)} seed(s): {first:.2f} edits an image before, {last:.2f} after {some[0][-1].corrected} "
            f"corrected images ({_fall(first, last)}), {way:.2f} on average over the rounds{known}."
        )
    return "\n".join(lines)


def _first(points: Sequence[CurvePoint]) -> float:
    return _number(points[0].edits) or 0.0


def _last(points: Sequence[CurvePoint]) -> float:
    return _number(points[-1].edits) or 0.0


def _on_the_way(points: Sequence[CurvePoint]) -> float:
    return float(np.mean([_number(p.edits) or 0.0 for p in points[1:] or points]))


def _fall(first: float, last: float) -> str:
    share = 1 - last / first if first else 0.0
    return f"{100 * abs(share):.0f} % {'fewer' if share >= 0 else 'more'}"
