"""What the commands of `python -m pdc` do; each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import getpass
import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pdc.access import hash_password
from pdc.domain import Box, Mark, Question
from pdc.errors import BadImage, BadSetting, PdcError
from pdc.parts import local_predictor, open_store
from pdc.predictors.base import Answer
from pdc.settings import Settings
from pdc.store.records import StoredUser
from pdc.tasks import task_from

PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "xgrammar", "gradio", "sqlalchemy", "pillow", "opencv-python-headless",
    "pandas",
)


def predict(arguments: argparse.Namespace) -> int:
    """One question per image; a bad file is reported and the others go on. Exit code 1 when any failed."""
    from PIL import Image

    from pdc.images import accept
    from pdc.starters import KNOWN_LABELS

    settings = Settings.from_env()
    question = Question(task_from(arguments.task), tuple(arguments.label or KNOWN_LABELS))
    predictor = local_predictor(settings, open_store(settings))
    failures = 0
    for path in arguments.images:
        try:
            accepted = accept(_read(path), path.name, max_megapixels=settings.max_megapixels)
            answer = predictor.predict(Image.open(BytesIO(accepted.png)), question)
        except PdcError as error:
            print(f"pdc: {path}: {error}", file=sys.stderr)
            failures += 1
            continue
        for note in (*accepted.notes, *untaught_notes(answer, predictor.untaught(question))):
            print(f"pdc: {path}: {note}", file=sys.stderr)
        row = answer_row(path.name, (accepted.width, accepted.height), question, answer)
        print(json.dumps(row, ensure_ascii=False) if arguments.json else _human(row), flush=True)
    return 1 if failures else 0


def untaught_notes(answer: Answer, labels: Sequence[str]) -> list[str]:
    who = answer.model if answer.adapter is None else f"{answer.model} with adapter {answer.adapter}"
    return [f"{who} was never taught {label!r}: what it says about it means nothing." for label in labels]


def answer_row(name: str, wh: tuple[int, int], question: Question, answer: Answer) -> dict[str, Any]:
    """An answer as `--json` prints it; coordinates in pixels of the upright image."""
    findings = answer.findings
    return {
        "image": name, "width": wh[0], "height": wh[1], "task": question.task.value, "labels": list(question.labels),
        "marks": [_mark_row(m) for m in findings.marks] if findings else [],
        "count": findings.count(question.task) if findings else None, "readable": findings is not None,
        "model": answer.model, "adapter": answer.adapter, "seconds": answer.seconds,
    }


def _mark_row(mark: Mark) -> dict[str, Any]:
    if isinstance(mark.shape, Box):
        return {"box": [round(v, 2) for v in mark.shape.xyxy], "label": mark.label, "score": mark.score}
    return {"point": [round(mark.shape.x, 2), round(mark.shape.y, 2)], "label": mark.label, "score": mark.score}


def _human(row: dict[str, Any]) -> str:
    if not row["readable"]:
        return f"{row['image']}: the answer could not be read"
    found = f"{row['count']} found" if row["count"] else "no finding reported by the model"
    who = f"{row['model']}, adapter {row['adapter'] or 'none'}"
    return f"{row['image']}: {found} ({', '.join(row['labels'])}; {row['seconds']} s; {who})"


def export(arguments: argparse.Namespace) -> int:
    from pdc.exports import export as write
    from pdc.images import ImageFiles

    settings = Settings.from_env()
    written = write(open_store(settings), ImageFiles(settings.images), arguments.folder, arguments.format)
    print(f"Wrote {written.reviews} reviews of {written.images} images to {arguments.folder} as {arguments.format}.")
    return 0


def import_(arguments: argparse.Namespace) -> int:
    from pdc.exports import import_annotations
    from pdc.images import ImageFiles

    settings = Settings.from_env()
    added = import_annotations(
        open_store(settings), ImageFiles(settings.images), arguments.file, arguments.author, format=arguments.format,
        task=arguments.task and task_from(arguments.task), labels=arguments.label, max_megapixels=settings.max_megapixels,
    )
    print(f"Added {added} reviews from {arguments.file}.")
    return 0


def add_user(arguments: argparse.Namespace) -> int:
    store = open_store(Settings.from_env())
    if store.user(arguments.name) is not None:
        raise BadSetting(f"There is already a user {arguments.name!r}; choose another name.")
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    store.add_user(arguments.name, hash_password(password))
    print(f"{arguments.name} may log in now.")
    return 0


def list_users(_arguments: argparse.Namespace) -> int:
    users: list[StoredUser] = open_store(Settings.from_env()).users()
    print("\n".join(u.name for u in users) or "There are no users; add one with `python -m pdc users add NAME`.")
    return 0


def doctor(_arguments: argparse.Namespace) -> int:
    """Print versions, settings and the state of every part; exit code 1 when something would stop the app."""
    settings = Settings.from_env()
    for package in PACKAGES:
        print(f"{package:24} {_version(package)}")
    checks = {"device": _device, "database": _database, "model": _model, "disk": _disk}
    failed = 0
    for name, check in checks.items():
        try:
            print(f"{name:24} {check(settings)}")
        except PdcError as error:
            print(f"{name:24} PROBLEM: {error}")
            failed += 1
    return 1 if failed else 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed: run pip install -r requirements.txt"


def _device(settings: Settings) -> str:
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return f"{settings.device} -> {gpu or f'CPU, {os.cpu_count()} cores'}; quantization {settings.quantization}"


def _database(settings: Settings) -> str:
    store = open_store(settings)
    return f"{settings.url.split('@')[-1]}; {len(store.images())} images, {len(store.current_reviews())} current reviews"


def _model(settings: Settings) -> str:
    predictor = local_predictor(settings, open_store(settings))
    started = datetime.now(UTC)
    predictor.load()
    seconds = (datetime.now(UTC) - started).total_seconds()
    return f"{settings.model}; adapter {predictor.adapter or 'none'}; loaded in {seconds:.1f} s"


def _disk(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 1e9
    if free < 1:
        raise BadSetting(f"only {free:.2f} GB are free in {settings.home}; make room, or set PDC_HOME to another disk.")
    return f"{free:.0f} GB free in {settings.home.resolve()}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}.") from error
