"""`finetune sets` and `card`: a set is added, measured, looked at once a release, and shown on the adapter's card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from named_sets import smears

from finetune.__main__ import main
from finetune.cli.sets.measuring import SetMeasuring
from finetune.evaluate.compare import Comparison
from pdc.compose import adapters_of, open_store
from pdc.formats.importing import import_coco
from pdc.images.intake import ImageFiles
from pdc.inference.adapter_ref import AdapterRef
from pdc.settings import EMBEDDED_MODEL, Settings

SHIPPED = next((EMBEDDED_MODEL / "adapters").glob("*/pdc.json"))
NAME = SHIPPED.parent.name
LABELS = tuple(json.loads(SHIPPED.read_text())["serves"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"PDC_HOME": str(tmp_path / "home"), "PDC_DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "home"


def renamed(path: Path) -> Path:
    """The same images as if they showed what the shipped adapter answers about."""
    value = json.loads(path.read_text())
    value["categories"] = [{**c, "name": LABELS[0]} for c in value["categories"][:1]]
    value["annotations"] = [{**a, "category_id": 1} for a in value["annotations"]]
    path.write_text(json.dumps(value))
    return path


def test_sets_are_added_listed_and_retired_in_words(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = smears(tmp_path / "files", (1, 2))
    assert main(["sets", "list"]) == 0 and "sets add" in capsys.readouterr().out
    assert main(["sets", "add", "clinic-b", str(path), "--labels", "platelet", "red blood cell", "--locked"]) == 0
    assert "clinic-b: 2 images with" in capsys.readouterr().out
    assert main(["sets", "remove", "clinic-b", "--reason", "old"]) == 0
    capsys.readouterr()
    assert main(["sets", "list"]) == 0 and "clinic-b" not in capsys.readouterr().out
    assert main(["sets", "list", "--all"]) == 0 and "old" in capsys.readouterr().out
    assert main(["sets", "add", "clinic-b", str(path)]) == 1
    assert "another name" in capsys.readouterr().err


def test_a_set_that_training_is_shown_or_that_asks_for_other_labels_measures_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    settings = Settings.from_env()
    shown, other = renamed(smears(tmp_path / "a", (1, 2))), smears(tmp_path / "b", (3, 4))
    store = open_store(settings)
    import_coco(store, ImageFiles(settings.images), shown, "maria")
    store.close()
    assert main(["sets", "add", "shown", str(shown)]) == 0
    assert "nothing can be measured on it" in capsys.readouterr().out
    assert main(["sets", "add", "other", str(other)]) == 0
    assert main(["sets", "measure", NAME]) == 1
    said = capsys.readouterr().out
    assert "2 of its 2 images" in said and "no label in common" in said
    assert main(["card", NAME]) == 0
    card = (home / "cards" / NAME / "card.md").read_text()
    assert "## Test set shown" in card and "Not measured: 2 of its 2 images" in card


def test_a_look_at_a_locked_set_needs_a_reason(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["sets", "add", "final", str(renamed(smears(tmp_path / "a", (1, 2)))), "--locked"])
    capsys.readouterr()
    assert main(["sets", "measure", NAME]) == 1 and "no test set to measure on" in capsys.readouterr().err
    assert main(["sets", "measure", NAME, "--set", "final"]) == 1 and "--reason" in capsys.readouterr().err
    assert main(["sets", "looks"]) == 0 and "No locked set" in capsys.readouterr().out


def test_a_set_that_cannot_be_read_or_measured_is_said_and_takes_nothing_else_with_it(home: Path, tmp_path: Path):
    def fails(*_: object, **__: object) -> Comparison:
        raise RuntimeError("the disk is on fire")

    settings, said = Settings.from_env(), list[str]()
    main(["sets", "add", "clinic-b", str(smears(tmp_path / "a", (1, 2)))])
    store = open_store(settings)
    measuring = SetMeasuring(settings, store, adapters_of(settings, store), settings, fails, said.append)
    found = measuring.on_open_sets(AdapterRef())
    assert "the disk is on fire" in found["clinic-b"]["not_measured"] and "the disk is on fire" in said[-1]
    (measuring.sets.folder("clinic-b") / "set.json").write_text("{")
    assert measuring.on_open_sets(AdapterRef()) == {} and "is damaged" in said[-1]


@pytest.mark.slow
def test_a_locked_set_is_measured_once_a_release_and_what_was_found_is_on_the_card_and_in_the_gate(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    main(["sets", "add", "final", str(renamed(smears(tmp_path / "a", (1, 2)))), "--locked"])
    look = ["sets", "measure", NAME, "--set", "final", "--limit", "2"]
    assert main([*look, "--reason", "before the release"]) == 0
    assert "final, 2 of 2 images" in capsys.readouterr().out
    assert main([*look, "--reason", "once more"]) == 1
    assert "looked at in release" in capsys.readouterr().err
    assert main([*look, "--reason", "once more", "--force", "--perturb", "1"]) == 0
    main(["sets", "looks"])
    assert "before the release" in (said := capsys.readouterr().out) and "once more" in said
    assert main(["card", NAME, "--out", str(tmp_path / "card.md")]) == 0
    card = (tmp_path / "card.md").read_text()
    assert "locked: it is looked at once a release" in card and "Without the image" in card and "seen otherwise" in card
    metrics = open_store(Settings.from_env()).adapter(NAME).metrics["sets"]["final"]
    assert metrics["n"] == 2 and metrics["set"]["locked"] and metrics["strict"].keys() == {"base", "active", "candidate"}
