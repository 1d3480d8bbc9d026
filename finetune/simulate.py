"""A reader, played: corrects what the model says to the truth, round after round, each folded into a new adapter.

The curve it writes is the product's proof: how much less there is to correct after so many corrected images. Edits are
counted by `pdc.corrections.diff`, on held-out images that are never trained on. The reader leaves a box alone when it
overlaps its object by `accept_iou`; what is learnt from is the truth.
"""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from finetune.bootstrap import Estimate, mean
from finetune.dataset import Row
from finetune.evaluate import ask
from finetune.metrics import Case, evaluate
from finetune.replay import drawn, replay_rows
from finetune.tables import aligned
from pdc.corrections import CorrectionKind, diff
from pdc.domain import Findings
from pdc.errors import BadSetting
from pdc.geometry import match
from pdc.predictors.local import LocalPredictor, Wanted
from pdc.runs import Run, TrainConfig, write_json

ORDERS = ("uncertainty", "random")
STRICT_IOU = 0.75  # a reader who is harder to please, reported beside
OLD_SEED = 9000
LOOK_AT = 4  # times as many images are looked at as are chosen, when the least certain are wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. `order` chooses the next images; `warm` goes on from the last adapter, else each is fresh."""

    rounds: int = 5
    per_round: int = 10
    order: str = "uncertainty"
    held_out: int = 20
    known: int = 4
    """drawings of each kind the model knew before, to measure what it forgets"""
    accept_iou: float = 0.5
    warm: bool = True
    seed: int = 1

    def checked(self) -> Plan:
        """Itself, or BadSetting naming the field, its value and what was expected."""
        if self.order not in ORDERS:
            raise BadSetting(f"order is {self.order!r}; use {' or '.join(ORDERS)}.")
        for name in ("rounds", "per_round", "held_out"):
            if getattr(self, name) < 1:
                raise BadSetting(f"{name} is {getattr(self, name)}; it needs a number above 0.")
        return self


@dataclass(frozen=True, slots=True)
class Point:
    """The state after `corrected` images. Rates 0 to 1; edits are per image; seconds are of the round, measuring included."""

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
    """on drawn images of the kinds that the model knew before"""
    seconds: float


Say = Callable[[str], None]


def simulate(rows: Sequence[Row], config: TrainConfig, plan: Plan, out: Path, say: Say = print) -> list[Point]:
    """Play `plan.rounds` rounds on `rows`; run folders go to `out`. BadSetting when there are too few images."""
    plan.checked()
    pool, held_out = split(rows, plan)
    old = drawn(out / "known", plan.known, 0, OLD_SEED)
    chance = np.random.default_rng(plan.seed)
    corrected: list[Row] = []
    wanted, points = Wanted(), []
    for number in range(plan.rounds + 1):
        started, edits = time.monotonic(), 0.0
        if number:
            chosen, edits = _read(pool, plan, config, wanted, chance)
            pool = [row for row in pool if row not in chosen]
            corrected += chosen
            wanted = _fold(out, number, corrected, config, plan, wanted, say)
        points.append(_measure(number, len(corrected), edits, wanted, config, plan, held_out, old, started))
        say(f"Round {number}: {len(corrected)} corrected, {_said(points[-1])}.")
    return points


def split(rows: Sequence[Row], plan: Plan) -> tuple[list[Row], list[Row]]:
    """The pool to correct from and the held-out images, by group, dealt out by the sha256 of its name."""
    groups = sorted({r.group for r in rows}, key=lambda g: hashlib.sha256(g.encode()).hexdigest())
    kept: set[str] = set()
    for group in groups:
        if sum(r.group in kept for r in rows) < plan.held_out:
            kept.add(group)
    pool, held_out = [r for r in rows if r.group not in kept], [r for r in rows if r.group in kept]
    if len(pool) < plan.rounds * plan.per_round:
        raise BadSetting(
            f"{plan.rounds} rounds of {plan.per_round} and {len(held_out)} held-out images need "
            f"{plan.rounds * plan.per_round + len(held_out)} images; there are {len(rows)}."
        )
    return pool, held_out


def _predictor(config: TrainConfig, wanted: Wanted) -> LocalPredictor:
    from pdc.qwen import load

    return LocalPredictor(
        lambda: load(config.model, quantization=config.quantization, device=config.device), lambda: wanted
    )


def _read(
    pool: Sequence[Row], plan: Plan, config: TrainConfig, wanted: Wanted, chance: np.random.Generator
) -> tuple[list[Row], float]:
    """The images of a round, and how many edits each needed on average."""
    looked = [pool[i] for i in chance.permutation(len(pool))]
    looked = looked[: plan.per_round * (LOOK_AT if plan.order == "uncertainty" else 1)]
    cases = ask(_predictor(config, wanted), looked)
    if plan.order == "uncertainty":
        cases = sorted(cases, key=lambda c: -uncertainty(c.predicted))
    cases = cases[: plan.per_round]
    chosen = {case.image for case in cases}
    edits = float(np.mean([edits_of(c, plan.accept_iou) for c in cases]))
    return [row for row in looked if str(row.path) in chosen], edits


def uncertainty(findings: Findings | None) -> float:
    """How many marks the model expects to be wrong: the sum of 1 - score. An unreadable answer is the most uncertain."""
    if findings is None:
        return float("inf")
    return sum(1 - (m.score or 0.0) for m in findings.marks)


def edits_of(case: Case, accept_iou: float) -> int:
    """Marks a reader adds, removes, moves or relabels to get from the answer to the truth."""
    predicted = case.predicted or Findings()
    changes = diff(predicted, corrected(predicted, case.true, accept_iou))
    return sum(c.kind is not CorrectionKind.KEPT for c in changes)


def corrected(predicted: Findings, true: Findings, accept_iou: float) -> Findings:
    """What the reader leaves: the truth, with the model's own mark wherever that is near enough."""
    near = {j: predicted.marks[i] for i, j in match(predicted.marks, true.marks, min_iou=accept_iou)}
    left = [near.get(j) or replace(mark, id=f"t{j}") for j, mark in enumerate(true.marks)]
    return replace(true, marks=tuple(left))


def _fold(
    out: Path, number: int, rows: Sequence[Row], config: TrainConfig, plan: Plan, wanted: Wanted, say: Say
) -> Wanted:
    from finetune.train import train
    from pdc.qwen import load

    run = Run.create(out, replace(config, seed=plan.seed * 100 + number), f"{plan.order}-{plan.seed}-{number}")
    qwen = load(config.model, quantization=config.quantization, device=config.device)
    parent = (wanted.name, Path(wanted.folder)) if plan.warm and wanted.name else None
    train(run, qwen, rows, parent, say, replay_rows(config.replay_data, out / "replay"))
    return Wanted(run.name, str(run.adapter))


def _measure(
    number: int, count: int, edits: float, wanted: Wanted, config: TrainConfig, plan: Plan,
    held_out: Sequence[Row], old: Sequence[Row], started: float,
) -> Point:
    predictor = _predictor(config, wanted)
    cases, known = ask(predictor, held_out), ask(predictor, old)
    overall = evaluate(cases, model=config.model, adapter=wanted.name).overall
    known_f1 = evaluate(known, model=config.model, adapter=wanted.name).overall.f1
    needed, strict = (mean(np.array([edits_of(c, iou) for c in cases])) for iou in (plan.accept_iou, STRICT_IOU))
    seconds = round(time.monotonic() - started, 1)
    return Point(plan.seed, number, count, overall.f1, overall.count_mae, needed, strict, edits, known_f1, seconds)


def _said(point: Point) -> str:
    return f"{point.edits.value:.2f} edits an image, F1 {point.f1.value if point.f1 else 0:.2f}, {point.seconds:.0f} s"


def write(points: Sequence[Point], plan: Plan, config: TrainConfig, out: Path) -> None:
    """curve.json, curve.csv and curve.png."""
    about = {"plan": asdict(plan), "config": config.to_json(), "points": [asdict(p) for p in points]}
    write_json(out / "curve.json", about)
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "seed", "round", "corrected", *NUMBERS, "seconds"])
        for p in points:
            writer.writerow([plan.order, p.seed, p.round, p.corrected, *(_number(getattr(p, n)) for n in NUMBERS), p.seconds])
    _plot(points, plan, out / "curve.png")


NUMBERS = ("f1", "count_mae", "edits", "strict_edits", "reader_edits", "old_f1")
TITLES = {"edits": "edits per image", "f1": "F1 at IoU 0.5", "count_mae": "count MAE", "old_f1": "F1 on known kinds"}


def _number(value: Estimate | float | None) -> float | None:
    return value.value if isinstance(value, Estimate) else value


def _plot(points: Sequence[Point], plan: Plan, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        for seed in sorted({p.seed for p in points}):
            some = [p for p in points if p.seed == seed and getattr(p, name) is not None]
            x, values = [p.corrected for p in some], [getattr(p, name) for p in some]
            line, = axes.plot(x, [v.value for v in values], marker="o", label=f"seed {seed}")
            axes.fill_between(x, [v.low for v in values], [v.high for v in values], alpha=0.15, color=line.get_color())
        axes.set(title=title, xlabel="corrected images", ylim=(0, None))
    figure.suptitle(f"{plan.order} order, {plan.per_round} images a round; bands: 95 % over held-out images")
    figure.savefig(path, dpi=120)


def curve_table(points: Sequence[Point]) -> str:
    """A row per seed and round; 95 % intervals in brackets."""
    rows = [("seed", "round", "corrected", "F1", "count MAE", "edits", "edits, strict", "reader's", "known kinds F1", "seconds")]
    for p in points:
        cells = (_cell(v) for v in (p.f1, p.count_mae, p.edits, p.strict_edits))
        rows.append((
            str(p.seed), str(p.round), str(p.corrected), *cells, f"{p.reader_edits:.1f}", _cell(p.old_f1), f"{p.seconds:.0f}",
        ))
    return aligned(rows)


def _cell(e: Estimate | None) -> str:
    return "-" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def fall(points: Sequence[Point]) -> float:
    """Share by which edits per image fell from the first to the last round, averaged over seeds."""
    falls = []
    for seed in {p.seed for p in points}:
        values = [p.edits.value for p in points if p.seed == seed]
        falls.append(1 - values[-1] / values[0] if values[0] else 0.0)
    return float(np.mean(falls))
