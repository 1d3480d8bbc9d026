"""New weights of the base: the old adapters are named and refused, and one command trains each anew from its reviews."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from reviewed_rows import make_row

from finetune.__main__ import main
from finetune.cli.fold import fold
from pdc.adapters.lineage import retrained_name
from pdc.compose import adapters_of, open_store, routing_of
from pdc.domain.errors import BadModel
from pdc.domain.progress import unseen
from pdc.domain.values import AdapterStatus
from pdc.files import write_json
from pdc.formats.importing import import_coco
from pdc.images.intake import ImageFiles
from pdc.inference.adapter_folder import AdapterManifest
from pdc.inference.fingerprints import fingerprint
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

LABEL = "spot"
pytestmark = [pytest.mark.slow, pytest.mark.nightly]  # adapters are trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a model, and a home with five reviewed images and the adapter `first` that was trained on four of them."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(EMBEDDED_MODEL, folder / "pdc-tiny", ignore=shutil.ignore_patterns("adapters"))
    images, annotations = [], []
    for i in range(5):
        make_row(folder / f"{i}.png", [(x, 5 + 6 * i, x + 20, 25 + 6 * i, LABEL) for x in (10, 40)])
        images.append({"id": i, "file_name": f"{i}.png", "width": 120, "height": 90})
        annotations += [{"id": 99 * i + x, "image_id": i, "category_id": 1, "bbox": [x, 5 + 6 * i, 20, 20]} for x in (10, 40)]
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": LABEL}]}
    (folder / "coco.json").write_text(json.dumps(coco))
    settings = settings_in(folder)
    with closing(open_store(settings)) as store:
        import_coco(store, ImageFiles(settings.images), folder / "coco.json", "maria")
    train(settings, "first")
    return folder


@pytest.fixture
def settings(trained, tmp_path, monkeypatch) -> Settings:
    """A copy of it, used by the command line too; one thread."""
    import torch

    for name in ("home", "pdc-tiny"):
        shutil.copytree(trained / name, tmp_path / name)
    settings = settings_in(tmp_path)
    values = {"PDC_HOME": settings.home, "PDC_MODEL": settings.model, "PDC_DEVICE": "cpu", "PDC_QUANTIZATION": "none"}
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield settings
    torch.set_num_threads(threads)


@pytest.fixture
def store(settings) -> Iterator[Store]:
    with closing(open_store(settings)) as store:
        yield store


def settings_in(folder: Path) -> Settings:
    return Settings(home=folder / "home", model=str(folder / "pdc-tiny"), quantization="none", device="cpu")


def train(settings: Settings, name: str, parent: str | None = None) -> None:
    config = TrainConfig(settings.model, "none", "cpu", parent=parent, rank=4, epochs=1)
    fold(settings, lambda: config, name, None, unseen)


def get_new_weights(settings: Settings) -> None:
    """The base in the same folder, with other numbers in it."""
    from safetensors.torch import load_file, save_file

    path = Path(settings.model) / "model.safetensors"
    save_file({name: weights * 1.01 for name, weights in load_file(path).items()}, path, metadata={"format": "pt"})


def anew(name: str, settings: Settings) -> str:
    return retrained_name(name, Path(settings.model).name, fingerprint(settings.model))


def test_adapters_of_old_weights_are_named_refused_and_trained_anew_with_their_parents_first(settings, store, capsys):
    train(settings, "second", "first")
    adapters, wanted = adapters_of(settings, store), routing_of(settings, store)
    adapters.promote("second", by="maria", reason="test", force=True)
    assert wanted().name == "second"
    get_new_weights(settings)
    assert [a.name for a in adapters.outdated()] == ["first", "second"]
    assert adapters.usable() == [] and adapters.serving() is None
    assert wanted().name is None and wanted().outdated == "second" and "finetune retrain" in wanted.trouble()
    with pytest.raises(BadModel, match=r"another version of pdc-tiny; `python -m finetune retrain`"):
        adapters.verify("second")

    capsys.readouterr()
    assert main(["retrain", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.index("first ") < told.index("second ") and told.count("in its run folder") == 2
    assert len(adapters.every()) == 2

    assert main(["retrain", "second"]) == 0
    told = capsys.readouterr().out.splitlines()[-2:]
    again = {name: store.adapter(anew(name, settings)) for name in ("first", "second")}
    assert again["first"].parent is None and again["second"].parent == again["first"].name
    assert "the old one did not serve" in told[0]
    serves = again["second"].status is AdapterStatus.ACTIVE
    assert serves == told[1].endswith("as the old one did.") and serves != ("It does not serve: " in told[1])
    for name, adapter in again.items():
        old, new = (Run.open(settings.runs, n) for n in (name, adapter.name))
        assert (new.data / "train.jsonl").read_bytes() == (old.data / "train.jsonl").read_bytes()
        assert new.config.epochs == 1 and new.config.rank == 4 and new.is_complete() and new.metrics()["n"] == 1
    assert adapters.outdated() == []

    made = {a.name: a.created_at for a in adapters.every()}
    assert main(["retrain", "second"]) == 0  # what is done is not done again
    assert {a.name: a.created_at for a in adapters.every()} == made


def test_what_cannot_be_trained_anew_stops_nothing_and_reviews_without_a_run_and_a_cut_training_are_taken_up(
    settings, store, capsys
):
    adapters = adapters_of(settings, store)
    for name, changes in (("gone", {"trained_on": {}}), ("noted", {})):
        folder = settings.runs / name
        shutil.copytree(settings.runs / "first", folder, ignore=shutil.ignore_patterns("data"))
        written = replace(AdapterManifest.read(folder / "adapter"), name=name, **changes)
        write_json(folder / "adapter" / "pdc.json", written.to_json())
        (run := Run(folder)).mark_complete()
        adapters.register(run)
    get_new_weights(settings)
    config = replace(Run.open(settings.runs, "first").config, model=settings.model)
    cut = Run.create(settings.runs, config, anew("first", settings))
    cut.mark_failed("The machine was switched off.")
    assert main(["retrain"]) == 1
    first, gone, noted = capsys.readouterr().out.splitlines()[-3:]
    assert "Failed: The reviews that gone was made of are neither" in gone
    assert "in its run folder" in first and "in the database" in noted
    assert {a.name for a in adapters.usable()} == {anew("first", settings), anew("noted", settings)}
    rows = [(Run(settings.runs / n).data / "train.jsonl").read_bytes() for n in (anew("noted", settings), "first")]
    assert rows[0] == rows[1] and cut.is_complete() and store.adapter(cut.name).metrics["n"] == 1


def test_nothing_is_trained_where_every_adapter_fits(settings, store, capsys):
    assert main(["retrain"]) == 0
    assert "nothing is to be trained anew" in capsys.readouterr().out
    assert main(["retrain", "nobody"]) == 1
    assert "no adapter named nobody" in capsys.readouterr().err
