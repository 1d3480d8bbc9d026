"""What both command lines promise: exit codes, one line for a failure, help without heavy libraries, names that fit."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import typer
from PIL import Image

from finetune.cli import experiments, options
from finetune.cli.main import app as finetune_app
from finetune.cli.main import main as finetune
from finetune.cli.words import each_alone
from finetune.experiments.simulate import ORDERS
from finetune.experiments.studies import STUDIES
from pdc import __version__
from pdc.cli import entry, exchange, handed_on
from pdc.cli.listening import bound
from pdc.cli.main import app as pdc_app
from pdc.cli.main import main as pdc
from pdc.cli.options import spelled_out
from pdc.domain.errors import BadSetting
from pdc.formats.registry import FORMATS, READERS
from pdc.training.config import OPTIMIZERS, TrainConfig

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "gradio", "sqlalchemy", "alembic", "pandas", "PIL", "fastapi", "uvicorn", "matplotlib", "trl"}
Main = Callable[[Sequence[str]], int]


def names(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def test_every_command_of_finetune_is_a_verb_of_pdc_and_both_have_their_own_help():
    assert set(handed_on.COMMANDS) == names(finetune_app) and set(handed_on.COMMANDS) < names(pdc_app)
    own = {
        "serve",
        "predict",
        "serve-model",
        "import",
        "export",
        "images",
        "labels",
        "users",
        "doctor",
        "agreement",
        "experts",
        "similar",
        "sheet",
        "count",
        "backup",
        "restore",
        "archive",
        "record",
        "jobs",
        "work",
    }
    assert names(pdc_app) - names(finetune_app) == own


def test_choices_of_options_are_what_the_code_behind_them_takes():
    assert get_args(exchange.Readable) == tuple(READERS) and get_args(exchange.Writable) == (*FORMATS, "counts")
    assert get_args(options.Optimizer) == OPTIMIZERS and tuple(experiments.Order) == ORDERS
    assert set(get_args(experiments.Study)) == {*STUDIES, "gallery"}


def test_every_option_of_training_is_a_field_of_its_config():
    assert {f.name for f in fields(options.Training)} <= {f.name for f in fields(TrainConfig)}


@pytest.mark.parametrize(("module", "heavy"), [("pdc.cli.main", HEAVY | {"numpy"}), ("finetune.cli.main", HEAVY)])
def test_help_needs_no_heavy_library(module: str, heavy: set[str]):
    code = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("main", [pdc, finetune])
def test_the_version_is_told(main: Main, capsys):
    assert main(["--version"]) == 0 and capsys.readouterr().out == f"PDC {__version__}\n"


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (pdc, [], "pdc: Missing command. See `python -m pdc --help`."),
        (pdc, ["fly"], "pdc: No such command 'fly'. See `python -m pdc --help`."),
        (pdc, ["predict"], "pdc: Missing argument 'IMAGE'. See `python -m pdc predict --help`."),
        (pdc, ["predict", "a.png", "--batch", "many"], "--batch"),
        (pdc, ["export", "out", "--format", "zip"], "'zip' is not one of 'coco', 'yolo'"),
        (pdc, ["--log-level", "loud", "doctor"], "'loud' is not one of 'debug'"),
        (pdc, ["doctor", "--fast"], "No such option: --fast"),
        (finetune, ["study", "nothing", "--truth", "a.json"], "'nothing' is not one of 'base'"),
        (finetune, ["simulate"], "finetune: Missing option '--truth'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(main: Main, words: list[str], said: str, capsys):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and shown.out == ""


def test_a_refusal_is_one_line_and_exit_code_1(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PDC_HOME", str(tmp_path))
    assert pdc(["import", str(tmp_path / "nothing.json")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("pdc: ") and "is not there" in said and said.count("\n") == 1


def test_a_command_that_is_interrupted_ends_in_one_line_and_exit_code_130(capsys):
    app = entry.new_app("about", "examples")

    @app.command("wait")
    def wait() -> int:
        raise KeyboardInterrupt

    assert entry.run(app, ["wait"], "pdc") == 130
    assert capsys.readouterr().err == "pdc: Interrupted.\n"


def test_an_account_without_a_name_as_in_a_container_has_its_number(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 543_210, raising=False)
    assert entry.account_name() == "uid 543210"
    commands = (ROOT / "pdc" / "cli").rglob("*.py")
    assert [path.name for path in commands if "getuser" in path.read_text("utf-8")] == ["entry.py"]


def test_the_log_shows_what_was_asked_for_and_nothing_of_alembic_at_info():
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = root.level, alembic.level
    shows = {}
    try:
        for level in entry.LogLevel:
            entry.log_from(level)
            libraries = logging.getLogger("some.library"), logging.getLogger("alembic.runtime.migration")
            shows[entry.log_level()] = [library.isEnabledFor(logging.INFO) for library in libraries]
    finally:
        root.setLevel(before[0])
        alembic.setLevel(before[1])
    assert shows == {"debug": [True, True], "info": [True, False], "warning": [False, False], "error": [False, False]}


def test_words_of_training_are_handed_on_as_they_are_with_the_level_of_the_log(monkeypatch):
    seen: list[list[str]] = []
    monkeypatch.setattr(handed_on.runpy, "run_module", lambda *_, **__: seen.append(sys.argv[1:]))
    monkeypatch.setattr(sys, "argv", ["pdc"])
    assert pdc(["train", "--lr", "-1", "--help", "--version", "--order", "a", "b"]) == 0
    assert seen == [["--log-level", "warning", "train", "--lr", "-1", "--help", "--version", "--order", "a", "b"]]


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        ("simulate --order uncertainty random --seeds 3", "simulate --order uncertainty --order random --seeds 3"),
        ("tiny --stages see read join --data d", "tiny --stages see --stages read --stages join --data d"),
        ("train --preference", "train --preference 1.0"),
        ("train --preference --lr 1", "train --preference 1.0 --lr 1"),
        ("train --preference 0.2 --lr 1", "train --preference 0.2 --lr 1"),
        ("evaluate --label a --label b", "evaluate --label a --label b"),
    ],
)
def test_options_with_several_values_or_none_are_written_out(words: str, alone: str):
    assert each_alone(words.split()) == alone.split()


def test_options_arrive_in_their_dataclasses_with_their_types_and_defaults(tmp_path):
    app, seen = entry.new_app("about", "examples"), []

    def train(place: options.Place, training: experiments.SimulatedTraining) -> int:
        seen.append((place, training))
        return 0

    app.command("train")(spelled_out(train))
    words = ["train", "--home", str(tmp_path), "--no-vision", "--lr", "0.1", "--max-seconds", "9"]
    assert entry.run(app, words, "finetune") == 0
    place, training = seen[0]
    assert place == options.Place(home=tmp_path) and training.vision is False and training.augment is None
    assert (training.lr, training.max_seconds, training.seed) == (0.1, 9.0, 1)


def test_a_port_that_is_taken_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(BadSetting, match=rf"127\.0\.0\.1:{port} .*in use.*PDC_PORT"),
            bound("127.0.0.1", port, "set PDC_PORT"),
        ):
            pass


def started(home: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-m", "pdc", *words], subprocess.PIPE
    environment = {**os.environ, "PDC_HOME": str(home), "PDC_DEVICE": "cpu", **env}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.slow
def test_the_app_says_when_it_is_ready_and_when_its_model_is_and_stops_cleanly(tmp_path: Path):
    port = free_port()
    app = started(tmp_path, "--log-level", "info", "serve", PDC_PORT=str(port))
    assert app.stdout is not None
    lines: list[str] = []
    while not {f"PDC is ready at http://127.0.0.1:{port}"} & set(lines) or not any("is loaded" in line for line in lines):
        line = app.stdout.readline()
        assert line, app.communicate()[1]
        lines.append(line.strip())
        if "is ready" in line:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
                assert answer.status == 200
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/heartbeat/abc", timeout=30):  # a page that stays open
        app.send_signal(signal.SIGINT)
        rest, said = app.communicate(timeout=60)
    assert app.returncode == 130 and said.splitlines()[-1] == "pdc: Interrupted."
    assert rest == "" and "Traceback" not in said and "alembic" not in said
    assert lines[0] == "Loading the model, once." and re.fullmatch(r"The model is loaded, after \d+\.\d s\.", sorted(lines)[-1])


@pytest.mark.slow
def test_answers_for_a_folder_that_are_interrupted_end_in_one_line(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for i in range(400):
        Image.new("RGB", (64, 48), (i % 256, 90, 90)).save(tmp_path / "in" / f"{i}.png")
    out = tmp_path / "out.jsonl"
    run = started(tmp_path / "home", "predict", str(tmp_path / "in"), "--out", str(out), "--label", "polyp", PDC_ADAPTER="none")
    while run.poll() is None and not (out.exists() and out.stat().st_size):
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    told, said = run.communicate(timeout=120)
    assert run.returncode == 130 and told == "" and said.splitlines()[-1] == "pdc: Interrupted." and "Traceback" not in said


def test_app_py_refuses_an_option_that_it_does_not_have():
    said = subprocess.run([sys.executable, "app.py", "--port", "3"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 2 and "No such option: --port" in said.stderr
