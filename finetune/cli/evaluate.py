"""`python -m finetune evaluate` and `score`: how good are the answers?"""

from __future__ import annotations

import hashlib
import json as json_text
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.cli.options import Place, settings_of
from finetune.cli.registry import registered, wanted_of
from pdc.adapters.saved_work import saved_work
from pdc.cli.entry import DONE, can_go_on
from pdc.cli.progress import say, shown
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress
from pdc.domain.values import Task
from pdc.inference.adapter_ref import Wanted, routed
from pdc.settings import check_looks

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from finetune.evaluate.compare import Comparison
    from finetune.evaluate.kept.answers import KeptAnswers
    from finetune.evaluate.metrics import Evaluation
    from pdc.adapters.registry import Adapters
    from pdc.settings import Settings


AGAIN = "The same command goes on: the answers so far are kept."


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is measured, and on which images."""

    adapter: Annotated[str, typer.Option(help="`active`, `none`, a name or a folder.")] = "active"
    data: Annotated[Path | None, typer.Option(metavar="COCO.json", help="Measure on this, not on held-out reviews.")] = None
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME", help="Measure on this test set; `sets measure` says more.")
    ] = None
    task: Annotated[Task, typer.Option(help="With --data.")] = Task.COUNT_AND_BOX
    label: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="With --data: ask for this; repeat (default: all categories).")
    ] = None
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="With --data: only the first N images. With --perturb: N questions.")
    ] = None
    looks: Annotated[int, typer.Option(metavar="N", help="Ask with N looks that vote, 1 or 4; every model that is compared.")] = 1
    perturb: Annotated[
        bool, typer.Option("--perturb", help="Ask again about each image blurred, darker, turned, nearer ...; 26 times as long.")
    ] = False
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="With --perturb: write robustness.json and robustness.md there.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False


def evaluate(place: Place, options: EvaluateOptions) -> int:
    """Measure an adapter on a COCO file, or on the held-out reviews beside base and active."""
    settings = settings_of(place)
    check_looks("--looks", options.looks)
    if options.looks > 1 and (options.sets or options.perturb):
        raise BadSetting("--looks goes with neither --set nor --perturb.")
    if options.sets:
        return _measure_sets(place, options)
    adapters = registered(settings)
    wanted = wanted_of(options.adapter, adapters)
    if options.perturb:
        return _perturb(options, settings, adapters, wanted)
    with can_go_on(AGAIN), shown() as progress, _kept(options, settings) as kept:
        if options.data:
            found = _measure_file(options.data, options, settings, wanted, progress, kept)
        else:
            found = _measure_held_out(options.looks, settings, adapters, wanted, progress, kept)
    _show(found.evaluations, options.json)
    if not options.json and (work := saved_work(found.to_json(), _before(found))):
        print(work.sentence())
    return DONE


def _kept(options: EvaluateOptions, settings: Settings) -> KeptAnswers:
    """The answers that a run of the same command had when it was stopped."""
    from finetune.evaluate.kept.answers import KeptAnswers

    about = (
        options.adapter,
        str(options.data and options.data.resolve()),
        options.task,
        options.label,
        options.limit,
        options.looks,
    )
    kept = KeptAnswers(settings.home / "measuring" / f"{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}.jsonl")
    if kept.known:
        say(f"Going on: {kept.known} answers are there already.")
    return kept


def _before(found: Comparison) -> str:
    """What the candidate's work is compared with: what serves, or the base where the candidate serves itself."""
    serving, candidate = (found.evaluations.get(side) for side in ("active", "candidate"))
    return "base" if serving and candidate and serving.adapter == candidate.adapter else "active"


def _measure_sets(place: Place, options: EvaluateOptions) -> int:
    """On named sets instead."""
    from finetune.cli.sets.measure import MeasureOptions, measure
    from pdc.training.test_sets import MOST_QUESTIONS

    if options.data or options.perturb:
        raise BadSetting("--set goes with neither --data nor --perturb; `sets measure` has --perturb.")
    limit = MOST_QUESTIONS if options.limit is None else options.limit
    return measure(place, MeasureOptions(options.adapter, options.sets, limit, json=options.json))


def _measure_file(
    data: Path, options: EvaluateOptions, settings: Settings, wanted: Wanted, progress: Progress, kept: KeptAnswers
) -> Comparison:
    from finetune.cli.fold import experts_beside
    from finetune.data.coco import read_coco
    from finetune.evaluate.compare import compare
    from pdc.inference.qwen import load

    rows = read_coco(data, options.task, options.label or (), options.limit)
    qwen = load(settings.model, **settings.loading)
    experts = experts_beside(settings.model, settings.home)
    asked = {wanted.name or "base": wanted}
    return compare(qwen, rows, asked, progress=progress, experts=experts, looks=options.looks, kept=kept)


def _measure_held_out(
    looks: int, settings: Settings, adapters: Adapters, wanted: Wanted, progress: Progress, kept: KeptAnswers
) -> Comparison:
    """On the held-out reviews; what was found is kept with the adapter."""
    from tempfile import TemporaryDirectory

    from finetune.cli.fold import compare_with

    with TemporaryDirectory() as folder:
        rows = held_out_rows(Path(folder), settings, wanted)
        found = compare_with(settings, adapters, wanted, rows, progress=progress, looks=looks, kept=kept)
    if known := next((a for a in adapters.all() if a.name == wanted.name), None):
        adapters.store.set_metrics(known.name, {**known.metrics, **found.to_json()})  # what else was measured stays
    return found


def _perturb(options: EvaluateOptions, settings: Settings, adapters: Adapters, wanted: Wanted) -> int:
    """The same questions about the same images, seen otherwise."""
    from tempfile import TemporaryDirectory

    from finetune.cli import robustness
    from finetune.data.coco import read_coco

    with shown() as progress, TemporaryDirectory() as folder:
        if options.data:
            rows = read_coco(options.data, options.task, options.label or ())
        else:
            rows = held_out_rows(Path(folder), settings, wanted)
        found = robustness.measure(settings, wanted, rows, options.limit, progress)
    robustness.show(found, options.report, options.json)
    return DONE


def held_out_rows(folder: Path, settings: Settings, wanted: Wanted) -> list[Row]:
    """The held-out reviews, exported into the folder, in the words that the model was taught."""
    from finetune.data.dataset import measurable, read_rows
    from pdc.compose import images_of, open_store
    from pdc.inference.answer_settings import taught
    from pdc.training.dataset_export import export_held_out

    known = taught(settings.model, *(a.folder for a in routed(wanted).able)) or frozenset()
    if not export_held_out(open_store(settings), images_of(settings), folder, known):
        raise BadSetting("No reviewed image is held out yet: `train` holds some out; or name a COCO file with --data.")
    rows = measurable(read_rows(folder / "held_out.jsonl", []))
    if not rows:
        raise BadSetting("Every held-out review is marked incomplete, so nothing can be measured on it; complete some of them.")
    return rows


def _show(evaluations: Mapping[str, Evaluation], as_json: bool) -> None:
    from finetune.evaluate.tables import table

    if as_json:
        print(json_text.dumps({name: e.to_json() for name, e in evaluations.items()}, ensure_ascii=False))
        return
    some = next(iter(evaluations.values()))
    print(table(evaluations))
    print(f"\n{number_measured(some)}{_looks(some)}. {how_measured(some)}")


def _looks(some: Evaluation) -> str:
    return f", {some.looks} looks at each" if some.looks > 1 else ""


def number_measured(some: Evaluation) -> str:
    """60 images, or 60 images in 12 groups where that is known."""
    return f"{some.n} images" + (f" in {some.groups} groups" if some.groups is not None else "")


def how_measured(some: Evaluation) -> str:
    return (
        f"Boxes match at IoU {some.min_iou} or more, points within {some.max_distance:g} px, one to one. In brackets: 95 % "
        f"interval over {_what_is_drawn(some)}"
    )


def _what_is_drawn(some: Evaluation) -> str:
    from finetune.evaluate.bootstrap import FEW_GROUPS

    if some.groups is None or some.groups == some.n:
        return "images."
    if some.groups == 1:
        return "images. All are of one group (patient, sequence), so it says nothing about others."
    few = f" {some.groups} groups are few: the true interval is wider." if some.groups < FEW_GROUPS else ""
    return f"groups of images (patients, sequences), each drawn whole.{few}"


def score(
    results: Annotated[Path, typer.Argument(metavar="RESULTS.jsonl", help="Lines with response, labels, messages, images.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> int:
    """Measure an ms-swift result file, as the paper does and honestly."""
    from finetune.evaluate.metrics import evaluate as measure
    from finetune.evaluate.paper_metrics import paper_scores, paper_table
    from finetune.evaluate.results_files import read_results
    from finetune.evaluate.tables import table

    found = read_results(results)
    paper = paper_scores(found.samples)
    honest = measure(found.cases, model=results.stem, adapter=None)
    if json:
        value = {"paper": {t: asdict(s) for t, s in paper.items()}, "honest": honest.to_json(), "skipped": found.skipped}
        print(json_text.dumps(value, ensure_ascii=False))
        return DONE
    print(paper_table(paper))
    print(f"\n{table({honest.model: honest})}\n")
    print(f"{len(found.samples)} answers about {honest.n} images. {how_measured(honest)}")
    if found.skipped:
        print(f"{found.skipped} line(s) of the file are no results and were left out.")
    return DONE
