"""`python -m finetune train`: the current reviews are folded into a new adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from finetune.cli.options import Place, Training, config_of, settings_of
from pdc.cli.entry import DONE
from pdc.cli.progress import shown


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A new run, or one that was prepared or interrupted."""

    name: Annotated[str | None, typer.Option(help="Name of the run and of its adapter (default: the date and time).")] = None
    run: Annotated[str | None, typer.Option(hidden=True)] = None  # a run folder that the app has prepared
    resume: Annotated[str | None, typer.Option(metavar="NAME", help="Go on with a run that was interrupted.")] = None


def train(place: Place, options: RunOptions, training: Training) -> int:
    """Learn from the current reviews; registers a candidate, promotes nothing."""
    from finetune.cli.fold import fold

    settings = settings_of(place)
    with shown() as progress:
        fold(settings, lambda: config_of(training, settings), options.name, options.resume or options.run, progress)
    return DONE
