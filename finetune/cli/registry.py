"""`python -m finetune promote` and `rollback`: which adapter serves. What every command means by an adapter."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.cli.options import Place, settings_of
from pdc.cli.entry import DONE
from pdc.domain.errors import BadModel

if TYPE_CHECKING:
    from pdc.adapters.registry import Adapters
    from pdc.domain.values import Adapter
    from pdc.inference.adapter_ref import Wanted
    from pdc.settings import Settings


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """Which adapter, and why."""

    name: Annotated[str, typer.Argument(help="A registered adapter.")]
    reason: Annotated[str, typer.Option(help="Why; kept with the decision. --force takes one.")] = ""
    force: Annotated[bool, typer.Option("--force", help="Whatever speaks against it; recorded.")] = False


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """Which adapter is to serve no longer, and why."""

    name: Annotated[str | None, typer.Argument(help="An adapter that serves (default: the last one promoted).")] = None
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "rolled back"


def promote(place: Place, options: PromoteOptions) -> int:
    """Let an adapter serve, if nothing speaks against it."""
    from pdc.adapters.registry import Adapters
    from pdc.compose import open_store

    settings = settings_of(place)
    adapters = Adapters(open_store(settings), settings.model, settings.home, partial(golden_answers, settings))
    why = options.reason or ("" if options.force else "measured better")
    adapter = adapters.promote(options.name, by=user(), reason=why, force=options.force)
    print(f"{adapter.name} serves from the next question on. Undo: python -m finetune rollback {adapter.name}")
    print(*adapters.takeovers(adapter.name), *adapters.notes(adapter.name), sep="\n")
    return DONE


def rollback(place: Place, options: RollbackOptions) -> int:
    """Let whoever had an adapter's labels before answer about them."""
    from pdc.compose import adapters_of, open_store

    settings = settings_of(place)
    adapters = adapters_of(settings, open_store(settings))
    undone = adapters.promotion(options.name)
    adapters.rollback(options.name, by=user(), reason=options.reason)
    print(adapters.handed_back(undone))
    return DONE


def registered(settings: Settings) -> Adapters:
    """The adapters of these settings, those that ship with the model included."""
    from pdc.compose import adapters_of, open_store

    adapters = adapters_of(settings, open_store(settings))
    adapters.ensure_shipped()
    return adapters


def wanted_of(name: str, adapters: Adapters) -> Wanted:
    """`none`, `active`: all that serve, a registered name, or a folder; BadModel when one cannot serve."""
    from pdc.inference.adapter_folder import verify
    from pdc.inference.adapter_ref import AdapterRef

    if name == "none":
        return AdapterRef()
    if name == "active":
        route = adapters.route()
        for adapter in route.adapters:
            adapters.verify(adapter.named or "")
        return route.adapters[0] if len(route.adapters) == 1 else route
    if name in {a.name for a in adapters.all()}:
        adapters.verify(name)
        return AdapterRef(name, adapters.get(name).path)
    if not Path(name).is_dir():
        known = ", ".join(a.name for a in adapters.all()) or "none yet"
        raise BadModel(f"There is no adapter {name!r}, neither registered (known: {known}) nor as a folder.")
    return AdapterRef(verify(Path(name), adapters.base, adapters.folder).name, name)


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
