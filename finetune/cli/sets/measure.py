"""`python -m finetune sets measure` and `card`: an adapter on named test sets, and what is known of it on one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finetune.cli.options import Place, settings_of
from finetune.cli.registry import registered, user, wanted_of
from pdc import __version__, files
from pdc.adapters import test_sets
from pdc.cli.entry import DONE, FAILED
from pdc.cli.progress import shown
from pdc.domain.errors import BadSetting, NotFound
from pdc.training.test_sets import MOST_QUESTIONS, MOST_SECONDS

if TYPE_CHECKING:
    from finetune.cli.sets.measuring import SetMeasuring
    from pdc.adapters.registry import Adapters
    from pdc.domain.progress import Progress
    from pdc.inference.adapter_ref import Wanted
    from pdc.settings import Settings
    from pdc.store.store import Store
    from pdc.training.test_sets import TestSet

CARD = "card.md"
NO_REASON = "{name} is locked: each look is noted with a reason; give one with --reason."
Adapter = Annotated[str, typer.Argument(metavar="ADAPTER", help="`active`, `none`, or a registered name.")]


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """Who is measured, on which sets, and how long."""

    adapter: Adapter
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Default: every set that is not locked.")] = None
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many questions of a set.")] = MOST_QUESTIONS
    max_seconds: Annotated[float, typer.Option(metavar="N", help="About how long a set may take.")] = MOST_SECONDS
    perturb: Annotated[
        int, typer.Option(metavar="N", help="Also ask about N images blurred, darker, turned ...; 26 times each.")
    ] = 0
    release: Annotated[str, typer.Option(help="With a locked set: which release looks at it.")] = __version__
    reason: Annotated[str, typer.Option(help="With a locked set: why it is looked at; kept for ever.")] = ""
    force: Annotated[bool, typer.Option("--force", help="With a locked set: look again in the same release.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False


def measure(place: Place, options: MeasureOptions) -> int:
    """Measure an adapter beside the base and what serves, and keep what was found with it; 1 where a set was refused."""
    settings = settings_of(place)
    with shown() as progress:
        found = measured(settings, options, progress)
    _show(found, options.json)
    return FAILED if any("not_measured" in one for one in found.values()) else DONE


def measured(settings: Settings, options: MeasureOptions, progress: Progress) -> dict[str, Any]:
    """metrics["sets"] of the named sets, kept with the adapter if it is a registered one. Each look at a locked one is noted."""
    from finetune.cli.fold import compare_with
    from finetune.cli.sets.measuring import Limits, SetMeasuring
    from finetune.data.coco import to_stderr
    from pdc.compose import open_store

    store, adapters = open_store(settings), registered(settings)
    wanted = wanted_of(options.adapter, adapters)
    before = next((a.metrics for a in adapters.all() if a.name == wanted.name), {})
    limits = Limits(options.limit, options.max_seconds, test_sets.seconds_a_question(before))
    say = to_stderr if options.json else print
    measuring = SetMeasuring(settings, store, adapters, settings, compare_with, say, progress=progress, limits=limits)
    chosen = [measuring.sets.get(name) for name in options.sets or ()] or measuring.open_sets()
    if not chosen:
        raise NotFound("There is no test set to measure on; `python -m finetune sets add NAME PATH` makes one.")
    for one in chosen:
        measuring.refuse_shown(wanted, one) if one.locked else None
        _note_look(store, one, wanted, options)
    found = measuring.measured(wanted, chosen)
    for one in chosen if options.perturb else ():
        _perturb(measuring, wanted, one, options.perturb, found[one.name])
    _keep(adapters, wanted, found)
    return found


def _note_look(store: Store, one: TestSet, wanted: Wanted, options: MeasureOptions) -> None:
    """Before it is taken, so that an interrupted one counts too."""
    from pdc.store.records import Look

    if one.locked and not options.reason.strip():
        raise BadSetting(NO_REASON, name=one.name)
    if one.locked:
        store.add_look(Look(one.name, one.digest, wanted.name, options.release, user(), options.reason, options.force))


def _perturb(measuring: SetMeasuring, wanted: Wanted, one: TestSet, limit: int, found: dict[str, Any]) -> None:
    from finetune.cli import robustness

    if "not_measured" not in found:
        rows = measuring.rows(wanted, one)
        found["perturbed"] = robustness.measure(measuring.settings, wanted, rows, limit, measuring.progress).to_json()


def _keep(adapters: Adapters, wanted: Wanted, found: dict[str, Any]) -> None:
    known = next((a for a in adapters.all() if a.name == wanted.name), None)
    if known:
        sets = {**(known.metrics.get("sets") or {}), **found}
        adapters.store.set_metrics(known.name, {**known.metrics, "sets": sets})


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for name, one in found.items():
        print(f"\n{name}: {one['not_measured']}" if "not_measured" in one else _table(name, one))


def _table(name: str, found: dict[str, Any]) -> str:
    from finetune.evaluate.metrics import Evaluation
    from finetune.evaluate.tables import overall_table

    sides = {
        f"{side} ({found[side]['adapter'] or found[side]['model']})": found[side] for side in ("base", "active", "candidate")
    }
    title = f"\n{name}, {found['n']} of {found['set']['images']} images:"
    return f"{title}\n{overall_table({side: Evaluation.from_json(e) for side, e in sides.items()})}"


@dataclass(frozen=True, slots=True)
class CardOptions:
    """Whose card, and where it is written."""

    adapter: Adapter
    out: Annotated[Path | None, typer.Option(metavar="FILE.md", help="Default: card.md in the folder of its run.")] = None


def show_card(place: Place, options: CardOptions) -> int:
    """Write what is known of an adapter: base, what served and itself on the held-out images and on every test set."""
    adapters = registered(settings_of(place))
    name = wanted_of(options.adapter, adapters).name
    if name is None:
        raise NotFound("The base model has no card; name a registered adapter.")
    path = options.out or _place_of(adapters, name)
    files.write(path, card_of(adapters, name).encode())
    print(f"Wrote {path}.")
    return DONE


def _place_of(adapters: Adapters, name: str) -> Path:
    """In its run folder; beside the runs where it came with the model."""
    run = Path(adapters.get(name).path).parent
    return (run if (run / "config.json").is_file() else adapters.home / "cards" / name) / CARD


def card_of(adapters: Adapters, name: str) -> str:
    """The card as Markdown."""
    from finetune.evaluate.sets.card import card
    from pdc.inference.adapter_folder import labels_served

    adapter = adapters.get(name)
    against: Sequence[str] = list(filter(None, [adapters.objection(adapter)]))
    facts = {
        "Base": adapter.base,
        "Status": str(adapter.status),
        "Made": f"{adapter.created_at:%Y-%m-%d %H:%M}",
        "Goes on from": adapter.parent or "the base",
        "Answers about": ", ".join(sorted(labels_served(adapter.path))) or "everything",
    }
    return card(name, facts, adapter.metrics, [*against, *adapters.notes(name)])
