"""What the commands of `python -m finetune` do; each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from finetune.cli.train import compare_with, predictor_of, settings_of
from finetune.data.coco import read_coco
from finetune.evaluate.bootstrap import FEW_GROUPS
from finetune.evaluate.compare import Comparison, compare
from finetune.evaluate.metrics import Evaluation
from finetune.evaluate.reader_audit import JudgedReview, audit_readers, audit_table
from finetune.evaluate.tables import table
from pdc.adapters import golden_images
from pdc.adapters.registry import Adapters
from pdc.compose import adapters_of, open_store
from pdc.domain.errors import BadModel, BadSetting
from pdc.domain.values import USABLE, Adapter, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.settings import Settings
from pdc.training.config import TrainConfig

Say = Callable[[str], None]


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure an adapter on a COCO file, or on the held-out reviews beside base and active."""
    settings = settings_of(arguments)
    adapters = adapters_of(settings, open_store(settings))
    adapters.ensure_shipped()
    wanted = wanted_of(arguments.adapter, adapters)
    if arguments.data:
        return _evaluate_file(arguments, settings, wanted)
    return _evaluate_held_out(arguments, settings, adapters, wanted)


def serving_of(name: str, arguments: argparse.Namespace) -> AdapterRef:
    """What `--adapter name` means in the registry of these arguments."""
    settings = settings_of(arguments)
    adapters = adapters_of(settings, open_store(settings))
    adapters.ensure_shipped()
    return wanted_of(name, adapters)


def wanted_of(name: str, adapters: Adapters) -> AdapterRef:
    """`none`, `active`, a registered name, or a folder; BadModel when it cannot serve."""
    from pdc.inference.adapter_folder import verify

    if name == "none":
        return AdapterRef()
    if name == "active":
        active = adapters.active()
        return AdapterRef(active.name, active.path) if active else AdapterRef()
    if name in {a.name for a in adapters.all()}:
        adapters.verify(name)
        return AdapterRef(name, adapters.get(name).path)
    if not Path(name).is_dir():
        known = ", ".join(a.name for a in adapters.all()) or "none yet"
        raise BadModel(f"There is no adapter {name!r}, neither registered (known: {known}) nor as a folder.")
    return AdapterRef(verify(Path(name), adapters.base, adapters.folder).name, name)


def _evaluate_file(arguments: argparse.Namespace, settings: Settings, wanted: AdapterRef) -> int:
    from pdc.inference.qwen import load

    rows = read_coco(arguments.data, Task(arguments.task), arguments.label or (), arguments.limit)
    qwen = load(settings.model, quantization=settings.quantization, device=settings.device)
    found = compare(qwen, rows, {wanted.name or "base": wanted})
    _show(arguments, found.evaluations)
    return 0


def _evaluate_held_out(arguments: argparse.Namespace, settings: Settings, adapters: Adapters, wanted: AdapterRef) -> int:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        found = _measure_held_out(Path(folder), settings, adapters, wanted)
    if wanted.name in {a.name for a in adapters.all()}:
        adapters.store.set_metrics(wanted.name, found.to_json())
    _show(arguments, found.evaluations)
    return 0


def _measure_held_out(folder: Path, settings: Settings, adapters: Adapters, wanted: AdapterRef) -> Comparison:
    from finetune.data.dataset import read_rows
    from pdc.images.intake import ImageFiles
    from pdc.training.dataset_export import export_held_out

    if not export_held_out(open_store(settings), ImageFiles(settings.images), folder):
        raise BadSetting("No reviewed image is held out yet: `train` holds some out; or name a COCO file with --data.")
    rows = read_rows(folder / "held_out.jsonl", [])
    return compare_with(settings.model, settings.quantization, settings.device, adapters, wanted, rows)


def _show(arguments: argparse.Namespace, evaluations: Mapping[str, Evaluation]) -> None:
    if arguments.json:
        print(json.dumps({name: e.to_json() for name, e in evaluations.items()}, ensure_ascii=False))
        return
    some = next(iter(evaluations.values()))
    print(table(evaluations))
    print(f"\n{number_measured(some)}. {how_measured(some)}")


def number_measured(some: Evaluation) -> str:
    """60 images, or 60 images in 12 groups where that is known."""
    return f"{some.n} images" + (f" in {some.groups} groups" if some.groups is not None else "")


def how_measured(some: Evaluation) -> str:
    return (
        f"Boxes match at IoU {some.min_iou} or more, points within {some.max_distance:g} px, one to one. In brackets: 95 % "
        f"interval over {_what_is_drawn(some)}"
    )


def _what_is_drawn(some: Evaluation) -> str:
    if some.groups is None or some.groups == some.n:
        return "images."
    if some.groups == 1:
        return "images. All are of one group (patient, sequence), so it says nothing about others."
    few = f" {some.groups} groups are few: the true interval is wider." if some.groups < FEW_GROUPS else ""
    return f"groups of images (patients, sequences), each drawn whole.{few}"


def audit(arguments: argparse.Namespace) -> int:
    """Name readers who treat the model's marks unlike the others; exit code 1 when there is one."""
    store = open_store(settings_of(arguments))
    predictions = {p.id: p.findings for p in store.predictions()}
    reviews = [
        JudgedReview(r.author, findings, r.findings)
        for r in store.reviews()
        if r.prediction_id and (findings := predictions.get(r.prediction_id)) and r.verdict in USABLE
    ]
    found = audit_readers(reviews)
    readers = len({r.reader for r in reviews})
    print(f"{len(reviews)} reviews of predictions by {readers} reader(s).")
    if found:
        print(f"{audit_table(found)}\nLook at these readers' images together; the audit cannot tell a slip from an insight.")
        return 1
    print("Nobody stands out." if readers > 1 else "There are no two readers to compare.")
    return 0


def promote(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    adapters = Adapters(open_store(settings), settings.model, settings.home, partial(_golden, settings))
    adapter = adapters.promote(arguments.name, by=_user(), reason=arguments.reason, force=arguments.force)
    print(f"{adapter.name} serves from the next question on. Undo: python -m finetune rollback")
    return 0


def _golden(settings: Settings, adapter: Adapter) -> str | None:
    config = TrainConfig(settings.model, quantization=settings.quantization, device=settings.device)
    folder = Path(adapter.path)
    return golden_images.check(folder, predictor_of(config, AdapterRef(adapter.name, adapter.path)))


def rollback(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    adapter = adapters_of(settings, open_store(settings)).rollback(by=_user(), reason=arguments.reason)
    print(f"{adapter.name if adapter else 'The base model without an adapter'} serves from the next question on.")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"
