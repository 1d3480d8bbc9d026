"""`python -m finetune promote` and `rollback`: which adapter serves."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.cli.options import Place, settings_of
from pdc.cli.entry import DONE

if TYPE_CHECKING:
    from pdc.domain.values import Adapter
    from pdc.settings import Settings


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """Which adapter, and why."""

    name: Annotated[str, typer.Argument(help="A registered adapter.")]
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "measured better"
    force: Annotated[bool, typer.Option("--force", help="Whatever speaks against it; recorded.")] = False


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """Why what serves is to serve no longer."""

    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "rolled back"


def promote(place: Place, options: PromoteOptions) -> int:
    """Let an adapter serve, if nothing speaks against it."""
    from pdc.adapters.registry import Adapters
    from pdc.compose import open_store

    settings = settings_of(place)
    adapters = Adapters(open_store(settings), settings.model, settings.home, partial(golden_answers, settings))
    adapter = adapters.promote(options.name, by=user(), reason=options.reason, force=options.force)
    print(f"{adapter.name} serves from the next question on. Undo: python -m finetune rollback")
    print(*adapters.notes(adapter.name), sep="\n")
    return DONE


def rollback(place: Place, options: RollbackOptions) -> int:
    """Let serve what served before."""
    from pdc.compose import adapters_of, open_store

    settings = settings_of(place)
    adapter = adapters_of(settings, open_store(settings)).rollback(by=user(), reason=options.reason)
    print(f"{adapter.name if adapter else 'The base model without an adapter'} serves from the next question on.")
    return DONE


def golden_answers(settings: Settings, adapter: Adapter) -> str | None:
    """What an adapter answers otherwise than when it was made, in a sentence; None when nothing."""
    from finetune.cli.fold import predictor_of
    from pdc.adapters import golden_images
    from pdc.inference.adapter_ref import AdapterRef
    from pdc.training.config import TrainConfig

    config = TrainConfig(settings.model, **settings.loading)
    return golden_images.check(Path(adapter.path), predictor_of(config, AdapterRef(adapter.name, adapter.path)))


def user() -> str:
    """Who decides, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"
