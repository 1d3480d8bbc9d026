"""What the commands that answer questions do: score, simulate, study. Each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from finetune.cli.commands import how_measured, serving_of
from finetune.cli.train import config_of, settings_of
from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from finetune.data.replay import drawn_rows
from finetune.evaluate.gallery import gallery_table, worst_images, write_gallery
from finetune.evaluate.metrics import evaluate
from finetune.evaluate.paper_metrics import paper_scores, paper_table
from finetune.evaluate.results_files import read_results
from finetune.evaluate.tables import table
from finetune.experiments.curve import curve_table, summary, write
from finetune.experiments.simulate import OLD_SEED, Simulation, SimulationPlan, split_rows
from finetune.experiments.studies import Setup, arms_of
from finetune.experiments.study import Arm, Player, report
from pdc.domain.errors import BadSetting
from pdc.domain.values import Task
from pdc.files import read_json, write_json
from pdc.inference.adapter_ref import AdapterRef
from pdc.training.config import TrainConfig


def simulate(arguments: argparse.Namespace) -> int:
    """Play a reader on a COCO file for every order and seed; writes and prints the curves. Goes on where it was killed."""
    config = config_of(arguments, settings_of(arguments))
    rows, out = read_coco(arguments.truth, Task.COUNT_AND_BOX, arguments.label or ()), arguments.out
    about = _same_work(arguments, config, ("truth", "label", "held_out", "per_round", "accept_iou", "warm", "known_data"))
    known, points = _known(arguments, out), []
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        for order in arguments.order:
            a = arguments
            plan = SimulationPlan(a.rounds, a.per_round, order, a.held_out, a.accept_iou, a.warm, seed)
            points += Simulation(rows, known, config, plan, out).play()
            write(points, about, out)
    print(f"{curve_table(points)}\n\n{summary(points)}\nWritten to {out}: curve.json, curve.csv, curve.png.")
    return 0


def _known(arguments: argparse.Namespace, out: Path) -> list[Row]:
    """Images of what the model knew before: from a COCO file, or drawn."""
    if arguments.known_data:
        return read_coco(arguments.known_data, Task.COUNT_AND_BOX)
    return drawn_rows(out / "known", arguments.known, 0, OLD_SEED)


def _same_work(arguments: argparse.Namespace, config: TrainConfig, names: Sequence[str]) -> dict[str, Any]:
    """What is studied, also in about.json of the folder. BadSetting when the folder holds something else, whose results
    would be taken for this one's; the seed and the number of rounds may differ."""
    out, given = arguments.out, {name: getattr(arguments, name) for name in names}
    about = json.loads(json.dumps({**given, "config": {**config.to_json(), "seed": None}}, default=str))
    out.mkdir(parents=True, exist_ok=True)
    before = read_json(out / "about.json")
    if before is None and any(out.iterdir()):
        raise BadSetting(f"{out} is not empty and holds no study; name another folder with --out.")
    if before not in (None, about):
        raise BadSetting(f"{out} holds a study with other options; name another folder with --out.")
    write_json(out / "about.json", about)
    return about


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


def study(arguments: argparse.Namespace) -> int:
    """One thing changed at a time on the same images: a table and a plot. Goes on where it was killed."""
    arguments.out = out = arguments.out or Path(f"study-{arguments.study}")
    config = config_of(arguments, settings_of(arguments))
    _same_work(arguments, config, ("study", "truth", "label", "train", "held_out", "adapter", "known_data"))
    setup = _setup(arguments, config, out)
    player = Player(setup.config, out)
    if arguments.study == "gallery":
        return _gallery(arguments, player, setup, out)
    found = player.play(arms_of(arguments.study, setup))
    asked = f"asks {setup.adapter.name or 'the base'}" if arguments.study == "wording" else f"trains on {len(setup.train)} images"
    title = f"{arguments.study}: {Path(config.model).name}, {asked}"
    print(f"\n{report(title, found, out)}\n{how_measured(next(iter(found.values())))} Written to {out}.")
    return 0


def _setup(arguments: argparse.Namespace, config: TrainConfig, out: Path) -> Setup:
    rows = read_coco(arguments.truth, Task.COUNT_AND_BOX, arguments.label or ())
    pool, held_out = split_rows(rows, arguments.held_out)
    trains = arguments.study not in ("wording", "gallery")  # these ask an adapter that is there
    adapter = AdapterRef() if trains or arguments.adapter == "none" else serving_of(arguments.adapter, arguments)
    known = _known(arguments, out) if arguments.study == "modality" else ()
    return Setup(pool[: arguments.train], held_out, config, adapter, known)


def _gallery(arguments: argparse.Namespace, player: Player, setup: Setup, out: Path) -> int:
    found = worst_images(player.answers(Arm("gallery", setup.held_out, setup.adapter)))
    name = setup.adapter.name or "the base model alone"
    write_gallery(found[: arguments.worst], out / "gallery.html", f"Worst of {len(found)} images, {name}")
    print(f"{gallery_table(found[: arguments.worst])}\nWritten to {out / 'gallery.html'}.")
    return 0
