"""`pdc doctor`: versions, device, model, experts, database and disk."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import time
from typing import TYPE_CHECKING, Annotated

import typer

from pdc import files
from pdc.cli.entry import DONE, FAILED
from pdc.domain.errors import BadModel, BadSetting, PdcError, StoreUnavailable

if TYPE_CHECKING:
    from pdc.settings import Settings

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "xgrammar",
    "gradio",
    "sqlalchemy",
    "pillow",
    "opencv-python-headless",
    "pandas",
    "rapidocr",
)

LEAST = {"gradio": "6.31", "pillow": "12.3", "torch": "2.10", "transformers": "5.0"}
"""the oldest versions without known security faults"""


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Close the files of PDC_HOME to other users; sort images that lie in one folder.")
    ] = False,
) -> int:
    """Versions, device, model, experts, database and disk; the exit code is 1 when something would stop the app."""
    from pdc.settings import Settings

    settings = Settings.from_env()
    if fix:
        files.close_to_others(files.open_to_others(settings.home))
        _sort_images(settings)
    failed = 0
    for package in PACKAGES:
        old = too_old(package, version := _version(package))
        print(f"{package:24} {f'PROBLEM: {old}' if old else version}")
        failed += bool(old)
    print(f"{'SQLite':24} {_sqlite(settings)}")
    checks = {
        "device": _device,
        "database": _database,
        "record": _record,
        "model": _model,
        "adapters": _adapters,
        "experts": _experts,
        "images": _images,
        "disk": _disk,
        "other users": _other_users,
        "open files": _open_files,
    }
    for name, check in checks.items():
        try:
            print(f"{name:24} {check(settings)}")
        except PdcError as error:
            print(f"{name:24} PROBLEM: {error}")
            failed += 1
    return FAILED if failed else DONE


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed: run pip install -r requirements.txt"


def too_old(package: str, version: str) -> str | None:
    """What is wrong with an installed version: that it is older than the first without known faults."""
    from packaging.version import InvalidVersion, Version

    least = LEAST.get(package)
    try:
        if least is None or Version(version) >= Version(least):
            return None
    except InvalidVersion:  # not installed
        return None
    return f"{version} is older than {least} and has known faults; run pip install -r requirements.txt"


def _sqlite(settings: Settings) -> str:
    from pdc.store.database import sqlite_driver
    from pdc.store.engines.sqlite import trouble

    said = trouble(settings.url)
    return f"WARNING: {said}" if said else sqlite_driver().sqlite_version


def _device(settings: Settings) -> str:
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return f"{settings.device} -> {gpu or f'CPU, {os.cpu_count()} cores'}; quantization {settings.quantization}"


def _database(settings: Settings) -> str:
    from pdc.compose import open_store

    store = open_store(settings)
    return f"{settings.url.split('@')[-1]}; {store.count_images()} images, {store.count_usable()} usable reviews"


def _sort_images(settings: Settings) -> None:
    from pdc.blobs.folder import FolderBlobs
    from pdc.compose import images_of

    if isinstance(blobs := images_of(settings).blobs, FolderBlobs) and (moved := blobs.sort()):
        print(f"{'images':24} {moved} files were sorted into folders of their own")


def _images(settings: Settings) -> str:
    from pdc.blobs.folder import FolderBlobs
    from pdc.compose import images_of

    blobs = images_of(settings).blobs
    if not isinstance(blobs, FolderBlobs):
        blobs.has("0" * 64 + ".png")
        return f"{settings.images_at} answers; up to {settings.image_cache_mb} MB of copies in {settings.home / 'cache'}"
    flat = len(blobs.flat())
    again = f"; {flat} lie where older versions put them, `pdc doctor --fix` sorts them while nobody works" if flat else ""
    return f"in {blobs.folder}{again}"


def _record(settings: Settings) -> str:
    from pdc.cli.record.commands import told
    from pdc.compose import open_store, record_place_of

    checked = open_store(settings).check_record()
    if checked.fault:
        raise StoreUnavailable(f"{checked.fault} Keep the file as it is, and compare it with a backup.")
    anchor = record_place_of(settings).anchor
    return told(checked) + ("" if anchor and anchor.exists() else f" There is no anchor {anchor}: a cut end would not be missed.")


def _model(settings: Settings) -> str:
    from pdc.compose import adapters_of, open_store, predictor_of, routing_of

    store = open_store(settings)
    predictor = predictor_of(settings, store, wanted := routing_of(settings, store))
    for adapter in wanted().adapters:
        if unusable := adapter.missing or adapter.outdated:
            adapters_of(settings, store).verify(unusable)
    started = time.monotonic()
    predictor.load()
    seconds = time.monotonic() - started
    named = f"adapter {predictor.adapter or 'none'}{_weights(predictor.lora_layers)}"
    beside = "".join(f"; beside it {a.named}" for a in wanted().able[1:])
    return f"{settings.server_url or settings.model}; {named}{beside}; ready in {seconds:.1f} s"


def _experts(settings: Settings) -> str:
    from pdc.compose import experts_of

    experts = experts_of(settings)
    experts.load()
    if trouble := experts.trouble():
        raise BadModel(trouble)
    said = [f"{m.name} for {', '.join(m.labels)}, {m.mode} the model" for m in experts.manifests]
    return "; ".join(said) or ("none in the model's folder" if settings.experts else "switched off by PDC_EXPERTS")


def _adapters(settings: Settings) -> str:
    from pdc.compose import adapters_of, open_store

    adapters = adapters_of(settings, open_store(settings))
    old = ", ".join(a.name for a in adapters.outdated())
    route = adapters.route()
    shares = [(a.named, ", ".join(sorted(route.share(a.named or "") or ())) or "everything else") for a in route.able]
    serve = "".join(f"; {name} serves: {labels}" for name, labels in shares)
    again = f"; trained on other weights: {old}. `python -m finetune retrain` trains them anew from their reviews" if old else ""
    return f"{len(adapters.usable())} can serve{serve}{again}"


def _weights(layers: int | None) -> str:
    return f" ({layers} LoRA layers, all loaded)" if layers else ""


def _other_users(settings: Settings) -> str:
    found = len(files.open_to_others(settings.home))
    if found:
        return f"{found} files and folders in PDC_HOME may be read by others on this computer; `pdc doctor --fix` closes them"
    return "nobody else on this computer may read PDC_HOME"


def _disk(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 1e9
    if free < 1:
        raise BadSetting(f"only {free:.2f} GB are free in {settings.home}; make room, or set PDC_HOME to another disk.")
    return f"{free:.0f} GB free in {settings.home.resolve()}"


def _open_files(settings: Settings) -> str:
    from pdc.web.limits.connections import most_connections
    from pdc.web.limits.open_files import raised

    most = raised()
    return f"{most:,} at once, {most_connections(most):,} of them connections"
