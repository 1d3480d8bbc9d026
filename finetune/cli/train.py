"""`python -m finetune train`: the current reviews are folded into a new adapter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from finetune.cli.options import Place, Training, config_of, settings_of
from pdc.cli.entry import DONE
from pdc.cli.progress import shown
from pdc.settings import Settings
from pdc.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A new run, or one that was prepared or interrupted."""

    name: Annotated[str | None, typer.Option(help="Name of the run and of its adapter (default: the date and time).")] = None
    run: Annotated[str | None, typer.Option(hidden=True)] = None  # a run folder that the app has prepared
    without_reader: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave out what this reader reviewed; repeat for several.")
    ] = None
    without_image: Annotated[
        list[str] | None, typer.Option(metavar="SHA256", help="Leave out this image, by its first digits; repeat for several.")
    ] = None
    resume: Annotated[str | None, typer.Option(metavar="NAME", help="Go on with a run that was interrupted.")] = None


def train(place: Place, options: RunOptions, training: Training) -> int:
    """Learn from the current reviews; registers a candidate, promotes nothing."""
    from finetune.cli.fold import fold

    settings = settings_of(place)
    with shown() as progress:
        fold(settings, lambda: _config(training, options, settings), options.name, options.resume or options.run, progress)
    return DONE


def _config(training: Training, options: RunOptions, settings: Settings) -> TrainConfig:
    left_out = {"without_readers": options.without_reader or (), "without_images": options.without_image or ()}
    return replace(config_of(training, settings), **left_out)
