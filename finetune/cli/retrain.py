"""`python -m finetune retrain`: adapters that were made for other weights are trained anew from their reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.cli.options import Place, settings_of
from finetune.cli.registry import golden_answers
from pdc.cli.entry import DONE, FAILED
from pdc.cli.progress import shown
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from finetune.cli.remaking import Remake, Retraining
    from pdc.domain.progress import Progress

FOR_OTHERS = "Registered adapters (default: those that were made for other weights)."
HEAD = "Adapter", "Its reviews", "Becomes", "Result"
NOTHING = "Every adapter was made for the present base; nothing is to be trained anew."


@dataclass(frozen=True, slots=True)
class RetrainOptions:
    """Which adapters are trained anew."""

    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help=FOR_OTHERS)] = None
    every: Annotated[bool, typer.Option("--all", help="Those that fit the present base too.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False


def retrain(place: Place, options: RetrainOptions) -> int:
    """Train adapters of other weights anew on the present base; one that served serves again if nothing speaks against it."""
    from finetune.cli.remaking import Retraining
    from pdc.training.process import ProcessTrainer

    settings = settings_of(place)
    if not options.dry_run and (other := ProcessTrainer(settings).running()):
        raise BadSetting("The run {name} is still training; wait for it, or stop it first.", name=other)
    retraining = Retraining(settings, partial(golden_answers, settings))
    wanted = retraining.wanted(options.names or (), every=options.every)
    if not wanted:
        print(NOTHING)
        return DONE
    if options.dry_run:
        _show([(*_named(what), "not yet") for what in wanted])
        return DONE
    with shown() as progress:
        results = [_tried(retraining, what, progress) for what in wanted]
    _show([(*_named(what), said) for what, (_, said) in zip(wanted, results, strict=True)])
    return DONE if all(done for done, _ in results) else FAILED


def _tried(retraining: Retraining, what: Remake, progress: Progress) -> tuple[bool, str]:
    """Whether it was made anew, and what came of it: one that fails must not keep the others from being trained."""
    from finetune.cli.failure import sentence

    print(f"\n{what.old.name} -> {what.name}", flush=True)
    try:
        return True, retraining.remake(what, progress)
    except Exception as error:
        return False, f"Failed: {sentence(error)}"


def _named(what: Remake) -> tuple[str, str, str]:
    return what.old.name, str(what.reviews), what.name


def _show(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their longest cell; the last one as it is."""
    widths = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD) - 1)]
    print()
    for row in (HEAD, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]))
