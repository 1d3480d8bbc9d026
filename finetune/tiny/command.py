"""`python -m finetune tiny`: build, train, measure and ship the embedded model, stage by stage.

Every stage goes on from its last checkpoint, so a killed run is resumed by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import typer

from finetune.tiny import SOURCES
from pdc.domain.errors import BadSetting


class Stage(StrEnum):
    """What is done, in this order."""

    PACK = "pack"
    TEACH = "teach"
    SEE = "see"
    READ = "read"
    JOIN = "join"
    SHIP = "ship"
    LIKENESS = "likeness"
    THRESHOLDS = "thresholds"
    EXPERT = "expert"
    CALIBRATE = "calibrate"
    MEASURE = "measure"
    ROBUSTNESS = "robustness"
    WORDS = "words"
    GALLERY = "gallery"
    ADAPTER = "adapter"
    CARD = "card"


TRAINED = Stage.TEACH, Stage.SEE, Stage.READ, Stage.JOIN, Stage.SHIP
DEFAULT = *TRAINED, Stage.THRESHOLDS, Stage.CALIBRATE, Stage.MEASURE


FinishedStage = Callable[["Plan", Path], None]  # what a stage does with a finished model's folder


def _steps(whom: str) -> Any:
    return typer.Option(help=f"Steps for {whom}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built from what, and for how long."""

    data: Annotated[
        Path,
        typer.Option(help=f"Folder with {', '.join(SOURCES)}, each with train.json and dev.json (COCO); or what `pack` wrote."),
    ]
    out: Annotated[Path, typer.Option(help="Working folder: checkpoints, logs and the finished model.")]
    stages: Annotated[
        list[Stage] | None, typer.Option(help="What is done; name several (default: all to measure, without pack and expert).")
    ] = None
    teach_steps: Annotated[int, _steps("the teacher")] = 1200
    see_steps: Annotated[int, _steps("the vision tower alone")] = 1900
    read_steps: Annotated[int, _steps("the language model alone")] = 1200
    join_steps: Annotated[int, _steps("both")] = 2000
    max_seconds: Annotated[float | None, typer.Option(help="Seconds of training in all, in place of the steps.")] = None
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where it is trained.")] = "cpu"
    batch: Annotated[int | None, typer.Option(help="Crops a step (default: 16 on a processor, 192 on a GPU).")] = None
    rate: Annotated[float, typer.Option(help="The last stage's learning rates, as a share of the usual ones.")] = 1.0
    start: Annotated[Path | None, typer.Option(help="Go on from the weights of a finished model folder.")] = None
    join_from: Annotated[Path | None, typer.Option(help="Go on from an earlier join.pt: weights that do not ship too.")] = None
    limit: Annotated[int, typer.Option(help="Dev images of each kind to measure on; 0: all.")] = 60
    quantization: Annotated[Literal["nf4", "none"], typer.Option(help="How the model is measured: 4 bit, or bf16.")] = "nf4"
    adapter_name: Annotated[str, typer.Option(help="Name of the adapter that ships with the model.")] = "pdc-tiny-4bit-8"
    adapter_steps: Annotated[int, _steps("that adapter, of 8 views each")] = 100
    seed: Annotated[int, typer.Option(help="Seeds weights, crops and questions.")] = 0
    threads: Annotated[int, typer.Option(help="Threads to compute with.")] = 2


def build(plan: Plan, more: Mapping[Stage, FinishedStage] = MappingProxyType({})) -> int:
    """Build and train the embedded model from scratch: the vision tower sees, the language model reads, both join.

    `more` are stages that this package cannot do itself.
    """
    from finetune.tiny.crops.sources import is_packed

    missing = [] if is_packed(plan.data) else [s for s in SOURCES if not (plan.data / s / "train.json").is_file()]
    if missing:
        raise BadSetting(f"{plan.data} lacks {', '.join(missing)} with a train.json; see --help.")
    stages = plan.stages or DEFAULT
    if Stage.PACK in stages:
        pack_data(plan)
    if trained := [s for s in stages if s in TRAINED]:
        train_stages(plan, trained)
    _finish(plan, stages, plan.out / "model" if trained or not plan.start else plan.start, more)
    return 0


def _finish(plan: Plan, stages: Sequence[Stage], model: Path, more: Mapping[Stage, FinishedStage]) -> None:
    from finetune.tiny.experts.export import export_folder
    from finetune.tiny.measure import measure_folder
    from finetune.tiny.report import card, counts, failures, likeness, robust, spelled
    from finetune.tiny.report.thresholds import choose_folder

    plan.out.mkdir(parents=True, exist_ok=True)
    runs = {
        Stage.LIKENESS: likeness.learn_folder,
        Stage.THRESHOLDS: choose_folder,
        Stage.EXPERT: export_folder,
        Stage.CALIBRATE: counts.calibrate_folder,
        Stage.MEASURE: measure_folder,
        Stage.ROBUSTNESS: robust.measure_folder,
        Stage.WORDS: spelled.measure_folder,
        Stage.GALLERY: failures.draw_folder,
        Stage.CARD: card.write_folder,
    }
    for stage in (s for s in Stage if s in stages):
        if stage in more:
            more[stage](plan, model)
        elif stage in runs:
            runs[stage](model, plan.data, plan.out, plan.limit, plan.quantization)


def pack_data(plan: Plan) -> None:
    from finetune.tiny.crops.sources import pack

    pack(plan.data, plan.out / "packed")
    print(f"packed into {plan.out / 'packed'}: give this folder as --data where the model is trained")


def train_stages(plan: Plan, stages: Sequence[Stage]) -> None:
    from finetune.tiny.training import Recipe, train

    steps = {"teach": plan.teach_steps, "see": plan.see_steps, "read": plan.read_steps, "join": plan.join_steps}
    train(
        Recipe(
            data=plan.data,
            out=plan.out,
            stages=[str(s) for s in stages],
            steps=steps,
            seconds=plan.max_seconds,
            start=plan.start,
            join_from=plan.join_from,
            device=plan.device,
            threads=plan.threads,
            batch=plan.batch,
            rate=plan.rate,
            seed=plan.seed,
        )
    )
