"""Options that several commands have: where the reviews and the model are, and how to train."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pdc.domain.errors import BadSetting
from pdc.settings import Settings
from pdc.training.config import TrainConfig

Quantization = Literal["nf4", "none"]
Device = Literal["auto", "cpu", "cuda"]
Optimizer = Literal["adamw", "muon"]  # those of pdc.training.config; a test compares them
FITS = " (default: fits the model)."
Label = Annotated[
    list[str] | None, typer.Option(metavar="LABEL", help="Ask for this; repeat for several (default: all categories).")
]
Truth = Annotated[Path, typer.Option(metavar="COCO.json", help="Images and what is in them; or `drawn:rods`.")]
HeldOut = Annotated[int, typer.Option(metavar="N", help="Images to measure on.")]
Known = Annotated[int, typer.Option(metavar="N", help="Drawings of each known kind, to measure what is forgotten.")]
KnownData = Annotated[Path | None, typer.Option(metavar="COCO.json", help="Images for that instead of drawings.")]
Asked = Annotated[str, typer.Option(help="Whom to ask: `active`, `none`, a name or a folder.")]


def number(help: str, metavar: str = "N") -> Any:
    """An option that takes a number."""
    return typer.Option(metavar=metavar, help=help)


def weights(help: str, of: str) -> Any:
    """An option that takes a factor for a name, again and again: `--label-weight platelet=4`."""
    return typer.Option(f"--{of.lower()}-weight", metavar=f"{of}=N", help=f"{help} Repeat for several.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where reviews, runs and adapters are, and which model they are about."""

    home: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of reviews, runs and adapters (default: PDC_HOME).")
    ] = None
    model: Annotated[str | None, typer.Option(help="Base model, folder or hub name (default: PDC_MODEL).")] = None


@dataclass(frozen=True, slots=True)
class Training:
    """How to train; None is what fits the model. The names are those of TrainConfig."""

    parent: Annotated[
        str | None, typer.Option(help="Adapter to go on from: `active` (default), `none`, or a registered name.")
    ] = None
    vision: Annotated[bool | None, typer.Option(help="Train the vision blocks too.")] = None
    augment: Annotated[bool | None, typer.Option(help="Flip, turn and cut the images.")] = None
    rank: Annotated[int | None, number("Rank of a fresh adapter" + FITS)] = None
    alpha: Annotated[int | None, number("LoRA scale of a fresh adapter" + FITS)] = None
    lr: Annotated[float | None, number("Peak learning rate" + FITS)] = None
    epochs: Annotated[float | None, number("Visits to each reviewed question" + FITS)] = None
    batch: Annotated[int | None, number("Questions per step" + FITS)] = None
    accumulate: Annotated[
        int | None, number("Parts into which a step's questions are cut, to need less memory (default: 1).")
    ] = None
    max_seconds: Annotated[float | None, number("Longest training time, seconds" + FITS)] = None
    replay: Annotated[float | None, number("Share of views that show what the model knew" + FITS)] = None
    save_every: Annotated[int | None, number("Steps between checkpoints" + FITS)] = None
    questions: Annotated[int | None, number("Questions about each view of an image" + FITS)] = None
    seed: Annotated[int | None, number("Seed of weights, order and views" + FITS)] = None
    one_list: Annotated[bool | None, typer.Option(help="Answer all tasks from one list of marks where the base does so.")] = None
    count_by_marks: Annotated[
        bool | None, typer.Option(help="Answer a count alone by counting marks (default), or state it.")
    ] = None
    task_weights: Annotated[list[str] | None, weights("Factor on the loss of a task's answers.", "TASK")] = None
    label_weights: Annotated[list[str] | None, weights("Factor on the loss of what is said of a label.", "LABEL")] = None
    label_balance: Annotated[float | None, number("Rare labels weigh more: power of inverse frequency, 0 to 1 (default: 0).")] = (
        None
    )
    count_weight: Annotated[float | None, number("Factor on the loss of stated counts (default: 1).")] = None
    wordings: Annotated[int | None, number("Wordings in which a question is put in training, 1 to 8 (default: 1).")] = None
    preference: Annotated[
        float | None,
        number(
            "Also prefer each correction to the prediction it corrects (DPO), with this weight (default: 0; without a number 1).",
            "WEIGHT",
        ),
    ] = None
    replay_data: Annotated[str | None, typer.Option(help="What the model knew before: `drawn` or a COCO file" + FITS)] = None
    optimizer: Annotated[Optimizer | None, typer.Option(help="Default: fits the model.")] = None
    quantization: Annotated[Quantization | None, typer.Option(help="4 bit or bf16 (default: PDC_QUANTIZATION).")] = None
    device: Annotated[Device | None, typer.Option(help="Default: PDC_DEVICE.")] = None


def settings_of(place: Place) -> Settings:
    """Settings from the environment, with --home and --model over them."""
    settings = Settings.from_env()
    changes = {"home": place.home, "model": place.model}
    settings = replace(settings, **{k: v for k, v in changes.items() if v is not None})
    if Path(settings.model).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return settings


def config_of(training: Training, settings: Settings) -> TrainConfig:
    """The model's defaults, changed by what was given on the command line."""
    given = {f.name: v for f in fields(Training) if (v := getattr(training, f.name)) is not None}
    given |= {name: dict(map(_factor, given[name])) for name in ("task_weights", "label_weights") if name in given}
    if given.get("parent") == "none":
        given["parent"] = None
    return TrainConfig.for_model(settings.model, **{**settings.loading, **given})


def _factor(text: str) -> tuple[str, float]:
    """ "platelet=4" as a name and a number."""
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise BadSetting("{text} is no weight; write a name, =, and a number, as in platelet=4.", text=repr(text)) from None
