"""What the commands that only measure do: score, simulate. Each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from finetune.commands import how_measured
from finetune.evaluate import read_coco
from finetune.folding import config_of, settings_of
from finetune.metrics import evaluate
from finetune.paper_metrics import paper_scores, paper_table
from finetune.results import read_results
from finetune.simulate import Plan, curve_table, fall, write
from finetune.simulate import simulate as play
from finetune.tables import table
from pdc.domain import Task
from pdc.errors import BadSetting


def simulate(arguments: argparse.Namespace) -> int:
    """Play a reader on a COCO file for every seed; writes and prints the curve."""
    settings = settings_of(arguments)
    config = config_of(arguments, settings)
    rows = read_coco(arguments.truth, Task.COUNT_AND_BOX, arguments.label or ())
    out, points = _new_folder(arguments.out), []
    for seed in range(1, arguments.seeds + 1):
        plan = Plan(
            arguments.rounds, arguments.per_round, arguments.order, arguments.held_out, arguments.known,
            arguments.accept_iou, arguments.warm, seed,
        )
        points += play(rows, config, plan, out)
        write(points, plan, config, out)
    print(curve_table(points))
    print(f"\nEdits per held-out image fell by {100 * fall(points):.0f} %. Written to {out}: curve.json, curve.csv, curve.png.")
    return 0


def _new_folder(path: Path) -> Path:
    if path.exists() and any(path.iterdir()):
        raise BadSetting(f"{path} is there already and is not empty; name another folder with --out.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def score(arguments: argparse.Namespace) -> int:
    """The paper's metrics of a result file, and beside them those to decide by."""
    results = read_results(arguments.results)
    paper = paper_scores(results.samples)
    honest = evaluate(results.cases, model=arguments.results.stem, adapter=None)
    if arguments.json:
        value = {"paper": {t: asdict(s) for t, s in paper.items()}, "honest": honest.to_json(), "skipped": results.skipped}
        print(json.dumps(value, ensure_ascii=False))
        return 0
    print(paper_table(paper))
    print(f"\n{table({honest.model: honest})}\n")
    print(f"{len(results.samples)} answers about {honest.n} images. {how_measured(honest)}")
    if results.skipped:
        print(f"{results.skipped} line(s) of the file are no results and were left out.")
    return 0
