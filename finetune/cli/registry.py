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
    from pdc.inference.adapter_ref import AdapterRef
    from pdc.settings import Settings


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """Which adapter, and why."""

    name: Annotated[str, typer.Argument(help="A registered adapter.")]
    reason: Annotated[str, typer.Option(help="Why; kept with the decision. --force takes one.")] = ""
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
    why = options.reason or ("" if options.force else "measured better")
    adapter = adapters.promote(options.name, by=user(), reason=why, force=options.force)
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


def registered(settings: Settings) -> Adapters:
    """The adapters of these settings, those that ship with the model included."""
    from pdc.compose import adapters_of, open_store

    adapters = adapters_of(settings, open_store(settings))
    adapters.ensure_shipped()
    return adapters


def wanted_of(name: str, adapters: Adapters) -> AdapterRef:
    """`none`, `active`, a registered name, or a folder; BadModel when it cannot serve."""
    from pdc.inference.adapter_folder import verify
    from pdc.inference.adapter_ref import AdapterRef

    if name == "none":
        return AdapterRef()
    if name == "active":
        active = adapters.active()
        if active:
            adapters.verify(active.name)
        return AdapterRef(active.name, active.path) if active else AdapterRef()
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
