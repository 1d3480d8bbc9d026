"""The whole fold: imported reviews -> a process that trains -> measured candidate -> promoted -> rolled back."""

from __future__ import annotations

import json
import time

import pytest
from named_sets import smears
from reviewed_rows import make_row

from finetune.__main__ import main
from finetune.data.dataset import thin_out
from pdc.adapters.registry import Adapters
from pdc.domain.values import AdapterStatus, RunStatus
from pdc.formats.importing import import_coco
from pdc.images.intake import ImageFiles
from pdc.settings import Settings
from pdc.store import Store
from pdc.training.process import ProcessTrainer
from pdc.training.run_folder import Run

LABEL = "red blood cell"


@pytest.fixture
def coco(tmp_path):
    """Ten images with one to three cells each, as a COCO file."""
    images, annotations = [], []
    for i in range(10):
        boxes = [(10 + 30 * k, 5 + 6 * i, 30 + 30 * k, 25 + 6 * i, LABEL) for k in range(1 + i % 3)]
        make_row(tmp_path / f"{i}.png", boxes)
        images.append({"id": i, "file_name": f"{i}.png", "width": 120, "height": 90})
        annotations += [
            {"id": 10 * i + k, "image_id": i, "category_id": 1, "bbox": [b[0], b[1], 20, 20]} for k, b in enumerate(boxes)
        ]
    path = tmp_path / "coco.json"
    categories = [{"id": 1, "name": LABEL}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


@pytest.fixture
def settings(tmp_path, model_folder, monkeypatch) -> Settings:
    values = {"PDC_HOME": str(tmp_path / "home"), "PDC_MODEL": str(model_folder), "PDC_DEVICE": "cpu"}
    for name, value in {**values, "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    return Settings.from_env()


@pytest.fixture
def store(settings, coco):
    settings.home.mkdir()
    store = Store.open(settings.url)
    assert import_coco(store, ImageFiles(settings.images), coco, "maria") == 10
    yield store
    store.close()


def test_reviews_become_an_adapter_that_serves_and_can_be_taken_back(settings, store, coco, capsys):
    elsewhere = str(smears(settings.home.parent / "elsewhere", (1, 2)))
    assert main(["sets", "add", "elsewhere", elsewhere, "--labels", LABEL]) == 0
    assert main(["sets", "add", "final", elsewhere, "--labels", LABEL, "--locked"]) == 0
    trainer = ProcessTrainer(settings)
    name = trainer.start(epochs=2, rank=8, max_seconds=60)
    while trainer.running():
        time.sleep(0.3)
    run = Run.open(settings.runs.resolve(), name)
    assert trainer.progress(name).status is RunStatus.COMPLETE, run.output.read_text()
    assert run.is_complete() and store.runs()[0].status is RunStatus.COMPLETE

    metrics = run.metrics()
    assert metrics["n"] >= 2 and {"base", "active", "candidate"} <= set(metrics)
    assert metrics["candidate"]["adapter"] == name and metrics["candidate"]["overall"]["unreadable"]["value"] == 0
    assert 0 < metrics["training"]["steps"] == trainer.progress(name).step <= metrics["training"]["planned"]
    assert {"base", "candidate", "scratch", "changes"} <= set(metrics["edits"])
    assert metrics["sets"].keys() == {"elsewhere"} and metrics["sets"]["elsewhere"]["n"] == 2
    assert metrics["sets"]["elsewhere"]["candidate"]["adapter"] == name
    assert "planned steps are done" in run.output.read_text()
    assert run.suspicions()["reviews"] == 10 and metrics["suspicions"] == run.suspicions()  # compared before the training
    assert "10 reviews by 1 reader(s) were compared" in run.output.read_text()
    manifest = json.loads((run.data / "manifest.json").read_text())
    assert manifest["held_out"]["images"] == metrics["n"]
    assert json.loads((run.adapter / "pdc.json").read_text())["data"] == manifest["digest"]

    adapters = Adapters(store, settings.model, settings.home)
    assert store.adapter(name).status is AdapterStatus.EVALUATED
    assert main(["promote", name, "--reason", "test", "--force"]) == 0
    assert adapters.active().name == name and adapters.history()[-1].reason.startswith("test")

    assert main(["train", "--epochs", "1", "--name", "second"]) == 0  # goes on from what serves
    assert store.adapter("second").parent == name
    assert store.adapter("second").metrics["active"]["adapter"] == name
    capsys.readouterr()

    assert main(["evaluate", "--adapter", "second", "--data", str(coco), "--limit", "2", "--looks", "4", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["second"]
    assert (measured["n"], measured["looks"]) == (2, 4)
    assert main(["evaluate", "--adapter", name]) == 0
    table = capsys.readouterr().out
    assert LABEL in table and "95 % interval" in table
    assert store.adapter(name).metrics["sets"] == metrics["sets"]  # what is not measured again stays

    assert main(["rollback"]) == 0
    assert adapters.active() is None
    assert main(["rollback"]) == 1
    assert "nothing to roll back" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["promote", "nobody"], "no adapter named 'nobody'"),
        (["evaluate", "--adapter", "nobody"], "neither registered"),
        (["evaluate", "--looks", "3"], "--looks is 3; use 1 or 4"),
        (["evaluate", "--looks", "4", "--perturb"], "--looks goes with neither"),
        (["train", "--parent", "nobody"], "no adapter named 'nobody'"),
        (["train", "--lr", "-1"], "lr is -1.0"),
        (["train", "--name", "../up"], "A run's name"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(settings, store, capsys, words, sentence):
    assert main(words) == 1
    assert sentence in capsys.readouterr().err
    assert store.adapters() == []


def test_held_out_questions_are_spread_when_there_are_many():
    assert thin_out([1, 2, 3], 3) == [1, 2, 3]
    assert thin_out(list(range(10)), 4) == [0, 2, 5, 7]


@pytest.mark.parametrize(
    "command", [[], ["train"], ["evaluate"], ["study"], ["simulate"], ["promote"], ["rollback"], ["retrain"]]
)
def test_help_reads(capsys, command):
    assert main([*command, "--help"]) == 0
    assert "Usage: python -m finetune" in capsys.readouterr().out
