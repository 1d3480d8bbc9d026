"""`python -m finetune expert measure`: whether a detector beside the model is better than what answers now."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finetune.cli.options import Place, settings_of
from finetune.cli.registry import registered, user
from pdc.cli.entry import DONE
from pdc.cli.options import spelled_out
from pdc.cli.progress import shown
from pdc.domain.errors import BadSetting
from pdc.inference.adapter_ref import Wanted
from pdc.training.test_sets import MOST_QUESTIONS

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from finetune.evaluate.sets.expert_gain import ExpertGain
    from pdc.domain.progress import Progress
    from pdc.inference.experts.registry import Experts
    from pdc.settings import Settings

app = typer.Typer(help="Detectors that were added with `python -m pdc experts add`.")
HELD_OUT = "the held-out reviews"
NOTHING_ASKED = "Nothing in {where} asks about {labels}; add a test set with them (`python -m finetune sets add`)."
LOCKED = "{name} is a locked set: it is for adapters before a release, and no expert is chosen by it; name another set."


@app.callback()
def _group() -> None:
    """Keeps `measure` a word of its own, though it is the only one."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """Which expert, and on what."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="An expert of `python -m pdc experts list`.")]
    test_set: Annotated[str | None, typer.Option("--set", metavar="NAME", help="A test set instead of the held-out reviews.")] = (
        None
    )
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many questions.")] = MOST_QUESTIONS


def measure(place: Place, options: MeasureOptions) -> int:
    """Ask with the expert and without it; it answers from then on only where it surely gains."""
    from pdc.inference.experts.own import decide, own_folder

    settings = settings_of(place)
    folder = own_folder(settings.home, options.name)
    where = f"the test set {options.test_set}" if options.test_set else HELD_OUT
    with shown() as progress, TemporaryDirectory() as room:
        found = _gain(settings, options, where, room, progress)
    decided = decide(folder, found.gains, user(), found.sentence(where), {"on": where, **found.to_json()})
    print(f"{options.name}: {decided.why}")
    return DONE


def _gain(settings: Settings, options: MeasureOptions, where: str, room: str, progress: Progress) -> ExpertGain:
    from finetune.data.dataset import thin_out
    from finetune.evaluate.sets.expert_gain import expert_gain
    from pdc.inference.experts.own import is_on
    from pdc.inference.experts.registry import Experts
    from pdc.inference.qwen import load

    serving = registered(settings).route()
    within = Experts(settings.model, settings.home, lambda folder: folder.name == options.name or is_on(folder))
    labels = _usable(within, options.name)
    rows = _rows(settings, options, serving, labels, room)
    if not rows:
        raise BadSetting(NOTHING_ASKED, where=where, labels=", ".join(sorted(labels)))
    without = Experts(settings.model, settings.home, lambda folder: folder.name != options.name and is_on(folder))
    qwen = load(settings.model, **settings.loading)
    return expert_gain(qwen, thin_out(rows, options.limit), serving, without, within, progress)


def _usable(experts: Experts, name: str) -> frozenset[str]:
    """The labels of the expert, loaded. BadModel when it cannot be used."""
    from pdc.domain.errors import BadModel

    experts.load()
    manifest = next((m for m in experts.manifests if m.name == name), None)
    if manifest is None:
        raise BadModel(experts.trouble() or "There is no such expert.")
    return frozenset(manifest.labels)


def _rows(settings: Settings, options: MeasureOptions, serving: Wanted, labels: frozenset[str], room: str) -> list[Row]:
    """The questions about these labels, of the set or of the held-out reviews."""
    from finetune.cli.fold import compare_with
    from finetune.cli.sets.measuring import SetMeasuring, about
    from pdc.compose import open_store

    measuring = SetMeasuring(settings, open_store(settings), registered(settings), settings, compare_with)
    rows = _on_set(measuring, options.test_set, serving) if options.test_set else _held_out(settings, serving, room)
    return [row for row in (about(row, labels) for row in rows) if row]


def _on_set(measuring: Any, name: str, serving: Wanted) -> list[Row]:
    one = measuring.sets.get(name)
    if one.locked:
        raise BadSetting(LOCKED, name=name)
    measuring.refuse_shown(serving, one)
    return measuring.worded(one, serving)


def _held_out(settings: Settings, serving: Wanted, room: str) -> list[Row]:
    from pathlib import Path

    from finetune.cli.evaluate import held_out_rows

    return held_out_rows(Path(room), settings, serving)


app.command("measure")(spelled_out(measure))
