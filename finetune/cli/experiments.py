"""`python -m finetune simulate` and `study`: a played reader, and one thing changed at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from finetune.cli.evaluate import how_measured
from finetune.cli.options import Asked, HeldOut, Known, KnownData, Label, Place, Training, Truth, config_of, number, settings_of
from finetune.cli.registry import registered, wanted_of
from pdc.cli.entry import DONE
from pdc.cli.progress import shown
from pdc.domain.errors import BadSetting
from pdc.domain.values import Question, Task
from pdc.files import read_json, write_json
from pdc.inference.adapter_ref import AdapterRef
from pdc.settings import Settings
from pdc.training.config import TrainConfig

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from finetune.experiments.studies import Setup
    from finetune.experiments.study import Player

Study = Literal[
    "base",
    "tasks",
    "rank",
    "vision",
    "balance",
    "counts",
    "accumulate",
    "wording",
    "wordings",
    "gallery",
    "modality",
    "preference",
]
DRAWN, DRAWN_RODS = "drawn:", "drawn:rods"
ASKING: tuple[Study, ...] = ("wording", "gallery")  # studies that train nothing: they ask an adapter that is there


class Order(StrEnum):
    """Which images the reader takes next: the most doubtful ones, or any."""

    UNCERTAINTY = "uncertainty"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """The played reader, and on which images."""

    truth: Truth
    out: Annotated[Path, typer.Option(help="Folder for curve and runs; what was killed goes on.")] = Path("simulation")
    label: Label = None
    rounds: Annotated[int, number("Folds.")] = 5
    per_round: Annotated[int, number("Images corrected a round.")] = 10
    order: Annotated[
        list[Order] | None,
        typer.Option(metavar="ORDER", help="Next come images by `uncertainty` (default), or `random`; name both to compare."),
    ] = None
    seeds: Annotated[int, number("Repeats with other seeds.")] = 1
    held_out: HeldOut = 20
    known: Known = 4
    known_data: KnownData = None
    accept_iou: Annotated[float, number("Overlap at which the reader leaves a box alone.", "IOU")] = 0.5
    warm: Annotated[bool, typer.Option(help="Go on from the last round's adapter, or train a fresh one each round.")] = True


@dataclass(frozen=True, slots=True)
class SimulatedTraining(Training):
    """How a played reader's corrections are trained."""

    max_seconds: Annotated[float, number("Longest training time of a round, seconds.")] = 300.0
    seed: Annotated[int, number("Seed of the first repeat.")] = 1


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """Which study, and on which images."""

    study: Annotated[Study, typer.Argument(help="What is changed.")]
    truth: Truth
    out: Annotated[
        Path | None, typer.Option(help="Folder for table, plot and runs (default: study-NAME); a killed study goes on.")
    ] = None
    label: Label = None
    rename: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=NEW", help="Ask for it by a name that the model never saw; repeat.")
    ] = None
    train: Annotated[int, number("Images to train on, at most.")] = 40
    held_out: HeldOut = 20
    held_out_data: Annotated[
        Path | None, typer.Option(metavar="COCO.json", help="Images to measure on (default: some of --truth).")
    ] = None
    known: Known = 4
    adapter: Asked = "active"
    known_data: KnownData = None
    worst: Annotated[int, number("Gallery: images to show.")] = 24


@dataclass(frozen=True, slots=True)
class StudiedTraining(Training):
    """How each arm of a study is trained."""

    max_seconds: Annotated[float, number("Longest training time of an arm, seconds.")] = 150.0


def simulate(place: Place, options: SimulateOptions, training: SimulatedTraining) -> int:
    """Play a reader who corrects to a COCO file's truth; writes the curve. Goes on where it was killed."""
    from finetune.experiments.curve import curve_table, summary, write
    from finetune.experiments.simulate import Simulation, SimulationPlan

    config, o = config_of(training, settings_of(place)), options
    names = ("truth", "label", "held_out", "per_round", "accept_iou", "warm", "known_data")
    about = _same_work({name: getattr(o, name) for name in names}, config, o.out)
    rows = _truth(o.truth, o.label, o.out)
    known, points = _known(o.known_data, o.known, o.out), []
    with shown() as progress:
        for seed in range(training.seed, training.seed + o.seeds):
            for order in o.order or (Order.UNCERTAINTY,):
                plan = SimulationPlan(o.rounds, o.per_round, order.value, o.held_out, o.accept_iou, o.warm, seed)
                points += Simulation(rows, known, config, plan, o.out, progress=progress).play()
                write(points, about, o.out)
    print(f"{curve_table(points)}\n\n{summary(points)}\nWritten to {o.out}: curve.json, curve.csv, curve.png.")
    return DONE


def _truth(truth: Path, labels: Sequence[str] | None, out: Path) -> list[Row]:
    """The rows of a COCO file, or of drawings that are made in `out`; BadSetting when it is neither."""
    from finetune.data.coco import read_coco
    from finetune.data.drawings import RODS, write_rods

    if str(truth).startswith(DRAWN) and str(truth) != DRAWN_RODS:
        raise BadSetting(f"{truth} is nothing that can be drawn; use {DRAWN_RODS} or a COCO file.")
    drawn = str(truth) == DRAWN_RODS
    return read_coco(write_rods(out / "drawn", RODS) if drawn else truth, Task.COUNT_AND_BOX, labels or ())


def _known(data: Path | None, each: int, out: Path) -> list[Row]:
    """Images of what the model knew before: from a COCO file, or drawn."""
    from finetune.data.coco import read_coco
    from finetune.data.replay import drawn_rows
    from finetune.experiments.simulate import OLD_SEED

    if data:
        return read_coco(data, Task.COUNT_AND_BOX)
    return drawn_rows(out / "known", each, 0, OLD_SEED)


def _same_work(given: dict[str, Any], config: TrainConfig, out: Path) -> dict[str, Any]:
    """What is studied, also in about.json of the folder. BadSetting when the folder holds something else, whose results
    would be taken for this one's; the seed and the number of rounds may differ."""
    about = json.loads(json.dumps({**given, "config": {**config.to_json(), "seed": None}}, default=str))
    out.mkdir(parents=True, exist_ok=True)
    before = read_json(out / "about.json")
    if before is None and any(out.iterdir()):
        raise BadSetting(f"{out} is not empty and holds no study; name another folder with --out.")
    if before not in (None, about):
        raise BadSetting(f"{out} holds a study with other options; name another folder with --out.")
    write_json(out / "about.json", about)
    return about


def study(place: Place, options: StudyOptions, training: StudiedTraining) -> int:
    """Change one thing at a time on the same images: a table and a plot. Goes on where it was killed."""
    from finetune.experiments.study import Player

    out, settings = options.out or Path(f"study-{options.study}"), settings_of(place)
    config = config_of(training, settings)
    names = ("study", "truth", "label", "rename", "train", "held_out", "held_out_data", "adapter", "known_data")
    _same_work({name: getattr(options, name) for name in names}, config, out)
    setup = _setup(options, settings, config, out)
    with shown() as progress:
        player = Player(setup.config, out, progress=progress)
        said = _gallery(options.worst, player, setup, out) if options.study == "gallery" else _table(options, player, setup, out)
    print(said)
    return DONE


def _setup(options: StudyOptions, settings: Settings, config: TrainConfig, out: Path) -> Setup:
    from finetune.experiments.studies import Setup

    pool, held_out = _split(options, out)
    asks = options.study in ASKING and options.adapter != "none"
    adapter = wanted_of(options.adapter, registered(settings)) if asks else AdapterRef()
    known: Sequence[Row] = _known(options.known_data, options.known, out) if options.study == "modality" else ()
    return Setup(pool[: options.train], held_out, config, adapter, known)


def _split(options: StudyOptions, out: Path) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows to measure on, their labels renamed. BadSetting where the two show the same."""
    from finetune.data.coco import read_coco
    from finetune.data.dataset import refuse_leaks, thin_out
    from finetune.experiments.simulate import split_rows

    names = dict(map(_renamed, options.rename or ()))
    rows = relabel(_truth(options.truth, options.label, out), names)
    if options.held_out_data is None:
        return split_rows(rows, options.held_out)
    apart = relabel(read_coco(options.held_out_data, Task.COUNT_AND_BOX, options.label or ()), names)
    held_out = thin_out(apart, options.held_out)
    refuse_leaks(rows[: options.train], held_out)
    return rows, held_out


def _renamed(text: str) -> tuple[str, str]:
    """ "nucleus=speckle" as the old and the new name."""
    old, _, new = text.partition("=")
    if not old or not new:
        raise BadSetting("{text} is no renaming; write the label, =, and its new name, as in nucleus=speckle.", text=repr(text))
    return old, new


def relabel(rows: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """The rows with other names for their labels. BadSetting when no row asks for one of these."""
    if unknown := set(names) - {label for row in rows for label in row.question.labels}:
        raise BadSetting("No image is asked for {label}, so it cannot be renamed.", label=repr(min(unknown)))
    return [
        replace(
            row,
            question=Question(row.question.task, tuple(names.get(label, label) for label in row.question.labels)),
            findings=replace(
                row.findings, marks=tuple(replace(m, label=names.get(m.label, m.label)) for m in row.findings.marks)
            ),
        )
        for row in rows
    ]


def _table(options: StudyOptions, player: Player, setup: Setup, out: Path) -> str:
    from finetune.experiments.studies import arms_of
    from finetune.experiments.study import report

    found = player.play(arms_of(options.study, setup))
    asked = f"asks {setup.adapter.name or 'the base'}" if options.study in ASKING else f"trains on {len(setup.train)} images"
    title = f"{options.study}: {Path(setup.config.model).name}, {asked}"
    return f"\n{report(title, found, out)}\n{how_measured(next(iter(found.values())))} Written to {out}."


def _gallery(most: int, player: Player, setup: Setup, out: Path) -> str:
    from finetune.evaluate.gallery import gallery_table, worst_images, write_gallery
    from finetune.experiments.study import Arm

    found = worst_images(player.answers(Arm("gallery", setup.held_out, setup.adapter)))
    name = setup.adapter.name or "the base model alone"
    write_gallery(found[:most], out / "gallery.html", f"Worst of {len(found)} images, {name}")
    return f"{gallery_table(found[:most])}\nWritten to {out / 'gallery.html'}."
