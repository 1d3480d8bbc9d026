"""The command line as a user types it, with the real model; where it matters as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Pdc
from PIL import Image

from pdc.cli.predict import PredictOptions, _question
from pdc.inference.adapter_folder import lora_layers
from pdc.inference.adapter_ref import AdapterRef, Route
from pdc.settings import EMBEDDED_MODEL, Settings

pytestmark = pytest.mark.slow  # some load the model, some are processes that load torch
ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "image",
    "width",
    "height",
    "task",
    "labels",
    "marks",
    "count",
    "worth",
    "count_chances",
    "readable",
    "complete",
    "cut",
    "likeness",
    "unlike",
    "thresholds",
    "model",
    "adapter",
    "experts",
    "max_pixels",
    "seconds",
    "looks",
    "lost_looks",
    "view",
    "notes",
}


def as_a_process(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command, environment = [sys.executable, "-m", "pdc", *words], {**os.environ, "PDC_HOME": str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, smears) -> Path:
    folder = tmp_path_factory.mktemp("images")
    smears[0][0].save(folder / "smear.png")
    turned = Image.new("RGB", (40, 20), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    (folder / "broken.png").write_bytes(b"not an image")
    return folder


def test_predict_prints_one_json_object_a_line_and_goes_on_after_a_bad_file(folder: Path, tmp_path: Path):
    paths = [str(folder / n) for n in ("smear.png", "broken.png", "turned.jpg")]
    done = as_a_process(tmp_path, "predict", *paths, "--task", "count_and_box", "--label", "red blood cell", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and "broken.png" in done.stderr and "Traceback" not in done.stderr
    assert [r["image"] for r in rows] == ["smear.png", "turned.jpg"]
    assert all(set(r) == KEYS and r["readable"] for r in rows)
    assert (rows[1]["width"], rows[1]["height"]) == (20, 40)
    smear = rows[0]
    assert smear["count"] == len(smear["marks"]) > 0 and smear["adapter"] is None  # cells: the base answers
    for mark in smear["marks"]:
        x1, y1, x2, y2 = mark["box"]
        assert 0 <= x1 <= x2 <= 640 and 0 <= y1 <= y2 <= 480 and mark["label"] == "red blood cell" and 0 <= mark["score"] <= 1


@pytest.mark.parametrize(
    ("words", "sentence"), [(("--task", "segmenting"), "use one of pointing"), (("--label", 'a"b'), "may not contain")]
)
def test_bad_questions_are_refused_with_a_sentence(folder: Path, pdc: Pdc, words: tuple[str, ...], sentence: str):
    done = pdc("predict", str(folder / "smear.png"), *words)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PDC_MODEL": "/nowhere/model"}, "no model folder"),
        ({"PDC_ADAPTER": "/nowhere/adapter"}, "adapter"),
        ({"PDC_PORT": "many"}, "PDC_PORT"),
        ({"PDC_QUANTIZATION": "int3"}, "nf4, none"),
        ({"PDC_SERVER_SECONDS": "0"}, "PDC_SERVER_SECONDS"),
        ({"PDC_SERVER_URL": "nonsense"}, "PDC_SERVER_URL"),
        ({"PDC_DATABASE_URL": "nonsense"}, "PDC_DATABASE_URL"),
        ({"PDC_HOME": "/dev/null/pdc"}, "could not be written"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(folder: Path, pdc: Pdc, env: dict[str, str], sentence: str):
    done = pdc("predict", str(folder / "smear.png"), **env)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_users_are_added_and_listed(pdc: Pdc):
    assert "ada" in pdc("users", "add", "ada", stdin="long enough password\n").stdout
    again = pdc("users", "add", "ada", stdin="long enough password\n")
    assert again.returncode == 1 and "already" in again.stderr
    assert pdc("users", "list").stdout.strip() == "ada (admin)"
    assert "log in again" in pdc("users", "password", "ada", stdin="another password\n").stdout
    assert "Their reviews stay" in pdc("users", "remove", "ada").stdout
    assert "no user named 'ada'" in pdc("users", "remove", "ada").stderr


def labels_asked(settings: Settings, adapter: Path | None = None, *labels: str) -> tuple[str, ...]:
    wanted = Route((AdapterRef("mine", str(adapter)),) if adapter else ())
    return _question(PredictOptions([], label=list(labels)), settings, wanted).labels


def test_without_a_label_each_model_is_asked_for_its_own(tmp_path: Path):
    for name, known in (("base", ["sperm", "debris"]), ("adapter", ["mite"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pdc.json").write_text(json.dumps({"labels": known}))
    own, foreign = Settings(model=str(tmp_path / "base")), Settings(model="Qwen/Qwen2.5-VL-7B-Instruct")
    assert labels_asked(Settings()) == ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
    assert labels_asked(own) == labels_asked(own, tmp_path / "adapter") == ("debris", "sperm")
    assert labels_asked(foreign, tmp_path / "adapter") == ("mite",)
    assert labels_asked(foreign, None, "polyp") == ("polyp",)


def test_a_model_that_names_no_labels_is_not_asked_for_those_of_another(folder: Path, pdc: Pdc):
    done = pdc("predict", str(folder / "smear.png"), PDC_MODEL="Qwen/Qwen2.5-VL-7B-Instruct")
    assert done.returncode == 1 and "--label polyp" in done.stderr and "Traceback" not in done.stderr


def test_doctor_names_versions_model_and_disk(tmp_path: Path):
    done = as_a_process(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("torch", "gradio", "pdc-tiny", "sqlite", "GB free"):
        assert word in done.stdout
    layers = lora_layers(next((EMBEDDED_MODEL / "adapters").iterdir()))
    assert layers > 40 and f"({layers} LoRA layers, all loaded)" in done.stdout


def test_a_model_is_not_served_to_others_without_a_key(pdc: Pdc):
    done = pdc("serve-model", "--host", "0.0.0.0")
    assert done.returncode == 1 and "PDC_SERVER_KEY" in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_told(folder: Path, pdc: Pdc):
    done = pdc("predict", str(folder / "smear.png"), PDC_SERVER_URL="http://127.0.0.1:9")
    assert done.returncode == 1 and "PDC_SERVER_URL" in done.stderr and "Traceback" not in done.stderr


def test_help_reads_well(pdc: Pdc):
    done = pdc("--help")
    assert done.returncode == 0 and "examples:" in done.stdout


def test_the_app_starts_by_a_verb_and_refuses_bad_settings_with_a_sentence(pdc: Pdc):
    done = pdc("serve", PDC_PORT="many")
    assert done.returncode == 1 and "PDC_PORT" in done.stderr and "Traceback" not in done.stderr


def test_training_and_its_kin_go_on_to_finetune_with_their_words_and_exit_codes(tmp_path: Path):
    shown = as_a_process(tmp_path, "train", "--help")
    assert shown.returncode == 0 and "--max-seconds" in shown.stdout
    refused = as_a_process(tmp_path, "promote", "nobody")
    assert refused.returncode == 1 and refused.stderr.startswith("finetune: ") and "nobody" in refused.stderr


def test_a_token_is_shown_once_listed_and_taken_away(pdc: Pdc):
    pdc("users", "add", "ada", stdin="long enough password\n")
    made = pdc("users", "token", "add", "ada", "nightly", "--days", "30")
    assert made.stdout.startswith("pdc_") and len(made.stdout.split()) == 1 and "shown this once" in made.stderr
    listed = pdc("users", "token", "list").stdout
    assert (
        listed.startswith("ada: nightly (reader), works until 20")
        and "never used" in listed
        and made.stdout.strip() not in listed
    )
    assert "These tokens of ada go on working: nightly" in pdc("users", "password", "ada", stdin="another password\n").stdout
    assert "opens nothing from now on" in pdc("users", "token", "revoke", "ada", "nightly").stdout
    assert "revoked 20" in pdc("users", "token", "list", "ada").stdout
    assert "no token named 'nightly'" in pdc("users", "token", "revoke", "ada", "nightly").stderr
    assert "There are no tokens" in pdc("users", "token", "list", "nobody").stdout
