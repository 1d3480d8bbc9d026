"""What the commands of `python -m pdc` do; each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import getpass
import importlib.metadata
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from pdc.cli.answer_lines import answer_row, in_words, untaught_notes
from pdc.cli.bulk import BulkRun
from pdc.cli.bulk import run as run_bulk
from pdc.compose import adapters_of, local_predictor, open_store, routing_of
from pdc.compose import predictor_of as predictor_of
from pdc.domain.errors import BadImage, BadSetting, PdcError
from pdc.domain.prompts import task_from
from pdc.domain.values import Question
from pdc.formats.contents import counted
from pdc.inference.predictors.base import Predictor
from pdc.inference.predictors.zoom import zoom_answer
from pdc.settings import Settings
from pdc.store.records import StoredUser
from pdc.web.auth import hash_password

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
)


def serve(_arguments: argparse.Namespace) -> int:
    """The review app, until it is stopped."""
    from pdc.compose import serve as serve_app

    serve_app(Settings.from_env())
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """One question per image, or per image of a folder; a bad file is reported and the others go on. 1 when any failed."""
    from pdc.inference.qwen import labels_of
    from pdc.review.examples import KNOWN_LABELS, taught

    settings = Settings.from_env()
    question = Question(task_from(arguments.task), tuple(arguments.label or taught(labels_of(settings.model)) or KNOWN_LABELS))
    wanted = routing_of(settings, store := open_store(settings))
    predictor = predictor_of(settings, store, wanted)
    if trouble := wanted.trouble():
        print(f"pdc: {trouble}", file=sys.stderr)
    folders = [p for p in arguments.images if p.is_dir()]
    if not folders:
        return _predict_files(arguments, settings, question, predictor)
    if len(arguments.images) > 1:
        raise BadSetting("Name one folder, or any number of files; a folder's answers go into one file.")
    out = arguments.out or Path(f"{folders[0].resolve().name}.jsonl")
    bulk = BulkRun(folders[0], out, question, arguments.closer, max(1, arguments.batch), settings.max_megapixels)
    return 1 if run_bulk(bulk, predictor) else 0


def _predict_files(arguments: argparse.Namespace, settings: Settings, question: Question, predictor: Predictor) -> int:
    from PIL import Image

    from pdc.images.intake import accept

    failures = 0
    for path in arguments.images:
        try:
            accepted = accept(_read(path), path.name, max_megapixels=settings.max_megapixels)
            image = Image.open(BytesIO(accepted.png))
            answer = zoom_answer(predictor, image, question, predictor.predict(image, question), arguments.closer)
        except PdcError as error:
            print(f"pdc: {path}: {error}", file=sys.stderr)
            failures += 1
            continue
        for note in (*accepted.notes, *answer.notes, *untaught_notes(answer, predictor.untaught(question))):
            print(f"pdc: {path}: {note}", file=sys.stderr)
        row = answer_row(path.name, (accepted.width, accepted.height), question, answer)
        print(json.dumps(row, ensure_ascii=False) if arguments.json else in_words(row), flush=True)
    return 1 if failures else 0


def serve_model(arguments: argparse.Namespace) -> int:
    """Answer other front ends over HTTP, with the model and the adapters of these settings."""
    import uvicorn

    from pdc.inference.openai.server import ModelServer

    settings = Settings.from_env()
    if arguments.host not in ("127.0.0.1", "localhost", "::1") and not settings.server_key:
        raise BadSetting("Set PDC_SERVER_KEY before serving other machines; they send it with every question.")
    store = open_store(settings)
    predictor, adapters = local_predictor(settings, store, routing_of(settings, store)), adapters_of(settings, store)
    predictor.load()
    server = ModelServer(
        predictor,
        settings.base,
        lambda: {a.name: a.path for a in adapters.there()},
        key=settings.server_key,
        max_bytes=settings.max_upload_mb * 2**20 * 3 // 2,
        max_megapixels=settings.max_megapixels,
    )
    print(f"{settings.base} answers at http://{arguments.host}:{arguments.port}/v1", file=sys.stderr, flush=True)
    uvicorn.run(server.app(), host=arguments.host, port=arguments.port, log_level="warning")
    return 0


def export(arguments: argparse.Namespace) -> int:
    from pdc.formats.exporting import export as write
    from pdc.images.intake import ImageFiles

    settings = Settings.from_env()
    written = write(open_store(settings), ImageFiles(settings.images), arguments.folder, arguments.format)
    said = f"Wrote {counted(written.reviews, 'review')} of {counted(written.images, 'image')}"
    print(f"{said} to {arguments.folder} as {arguments.format}.{_not_written(written.left_out)}")
    return 0


def _not_written(answers: int) -> str:
    if not answers:
        return ""
    return (
        f" Left out {counted(answers, 'answer')}: this format holds one per label and image "
        "(boxes before points before counts, then the newest); --format csv holds all."
    )


def import_(arguments: argparse.Namespace) -> int:
    from pdc.formats.importing import import_file
    from pdc.images.intake import ImageFiles

    settings = Settings.from_env()
    imported = import_file(
        open_store(settings),
        ImageFiles(settings.images),
        arguments.file,
        arguments.author,
        format=arguments.format,
        task=arguments.task and task_from(arguments.task),
        labels=arguments.label,
        complete=arguments.complete,
        max_megapixels=settings.max_megapixels,
    )
    print(imported.told())
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
    store = open_store(settings)
    predictor = predictor_of(settings, store, wanted := routing_of(settings, store))
    if missing := wanted().missing:
        adapters_of(settings, store).verify(missing)
    started = datetime.now(UTC)
    predictor.load()
    seconds = (datetime.now(UTC) - started).total_seconds()
    return f"{settings.server_url or settings.model}; adapter {predictor.adapter or 'none'}; ready in {seconds:.1f} s"


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
