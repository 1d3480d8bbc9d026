"""The program in another folder, or PDC_HOME moved: adapters are found, and where one is lost the base answers and says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from adapter_files import SHIPPED
from pictures import encoded

from pdc.adapters.registry import Adapters
from pdc.cli import doctor
from pdc.cli.predict import PredictOptions, predict
from pdc.compose import adapters_of, local_predictor, open_store, routing_of
from pdc.domain.errors import BadModel, BadQuestion
from pdc.domain.values import Question, Task
from pdc.files import write_json
from pdc.images.intake import ImageFiles
from pdc.inference.adapter_folder import AdapterManifest
from pdc.review.history import History
from pdc.review.service import ReviewService
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run
from pdc.web.ui.words import in_language

pytestmark = pytest.mark.slow  # a model is loaded

RODS, CELLS = (Question(Task.COUNT_AND_BOX, (label,)) for label in ("bacterium", "red blood cell"))


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Store, Adapters]]:
    store = open_store(settings)
    try:
        yield store, adapters_of(settings, store)
    finally:
        store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A program and a home, used once: the shipped adapter has served, and one of the reader's own after it."""
    model = tmp_path / "program" / "models" / "pdc-tiny"
    shutil.copytree(EMBEDDED_MODEL, model, copy_function=lambda source, target: Path(target).symlink_to(source))
    settings = Settings(home=tmp_path / "home", model=str(model), device="cpu")
    with opened(settings) as (store, adapters):
        assert routing_of(settings, store)().name == SHIPPED.name
        run = Run.create(settings.runs, TrainConfig(settings.model), "mine")
        shutil.copytree(SHIPPED, run.adapter)
        write_json(run.adapter / "pdc.json", replace(AdapterManifest.read(run.adapter), name="mine").to_json())
        run.mark_complete()
        adapters.register(run)
        adapters.promote("mine", by="ada", reason="test", force=True)
    return settings


def as_the_first_versions_stored_it(settings: Settings) -> None:
    paths = {"mine": settings.runs / "mine" / "adapter", SHIPPED.name: Path(settings.model) / "adapters" / SHIPPED.name}
    with opened(settings) as (store, _), store._engine.begin() as connection:
        for name, path in paths.items():
            connection.exec_driver_sql("UPDATE adapters SET path = ? WHERE name = ?", (str(path.resolve()), name))


def moved(settings: Settings, *what: str) -> Settings:
    root = settings.home.parent
    for name in what:
        (root / name).rename(root / f"{name} elsewhere")
    new = {name: root / (f"{name} elsewhere" if name in what else name) for name in ("home", "program")}
    return replace(settings, home=new["home"], model=str(new["program"] / "models" / "pdc-tiny"))


def test_the_store_holds_no_path_of_this_machine(settings: Settings):
    with opened(settings) as (store, adapters):
        assert {a.path for a in store.adapters()} == {f"adapters/{SHIPPED.name}", "runs/mine/adapter"}
        assert all(Path(a.path).is_absolute() and Path(a.path).is_dir() for a in adapters.all())


@pytest.mark.parametrize("before", [lambda _: None, as_the_first_versions_stored_it], ids=["today's rows", "older rows"])
@pytest.mark.parametrize("what", [("home",), ("program",), ("home", "program")], ids=" and ".join)
def test_what_was_moved_is_found_again(settings: Settings, before, what):
    before(settings)
    settings = moved(settings, *what)
    with opened(settings) as (store, adapters):
        wanted = routing_of(settings, store)
        assert wanted().name == "mine" and wanted.trouble() is None
        assert {a.name for a in adapters.usable()} == {"mine", SHIPPED.name}
        for name, root in (("mine", settings.home), (SHIPPED.name, settings.model)):
            assert Path(adapters.get(name).path).is_relative_to(root) and adapters.verify(name).name == name
        assert adapters.rollback(by="ada").name == SHIPPED.name and wanted().name == SHIPPED.name


@pytest.mark.slow
def test_every_question_is_answered_after_both_were_moved(settings: Settings, smears):
    as_the_first_versions_stored_it(settings)
    settings = moved(settings, "home", "program")
    with opened(settings) as (store, adapters):
        predictor, image = local_predictor(settings, store), smears[0][0].crop((0, 0, 160, 120))
        assert [predictor.predict(image, q).adapter for q in (RODS, CELLS)] == ["mine", None]
        adapters.rollback(by="ada")
        assert predictor.predict(image, RODS).adapter == SHIPPED.name


@pytest.fixture
def lost(settings: Settings) -> Settings:
    shutil.rmtree(settings.runs / "mine" / "adapter")
    return settings


def test_a_lost_adapter_leaves_every_question_to_the_base_and_the_reader_is_told(lost: Settings, smears):
    with opened(lost) as (store, adapters):
        wanted = routing_of(lost, store)
        service = ReviewService(
            store, ImageFiles(lost.images), local_predictor(lost, store, wanted), serving=wanted.now, trouble=wanted.trouble
        )
        image, _ = service.add_image(encoded(smears[0][0].crop((0, 0, 160, 120))), "a.png")
        fresh = service.predict(service.open(image.sha256, CELLS, "ada"))
        for draft in (service.open(image.sha256, RODS, "ada"), fresh, service.open(image.sha256, CELLS, "ben")):
            assert draft.note.startswith("The adapter mine is missing, so the base model answers;")
            assert in_language(draft.note, "de").startswith("Der Adapter mine fehlt, deshalb antwortet das Grundmodell;")
        assert "does not know bacterium" in service.open(image.sha256, RODS, "ada").note
        with pytest.raises(BadQuestion, match="does not know bacterium"):
            service.predict(service.open(image.sha256, RODS, "ada"))
        assert {p.adapter for p in store.predictions()} == {None}
        assert History(service, wanted, adapters.usable).unasked(draft) == []
        adapters.rollback(by="ada")
        assert "missing" not in service.predict(service.open(image.sha256, RODS, "ada")).note


def test_an_adapter_that_comes_back_serves_again(lost: Settings):
    with opened(lost) as (store, adapters):
        wanted = routing_of(lost, store)
        assert (wanted().name, wanted().missing, adapters.serving()) == (None, "mine", None)
        shutil.copytree(SHIPPED, folder := lost.runs / "mine" / "adapter")
        assert wanted().missing == "mine"  # it is another one's
        (folder / "pdc.json").write_text(json.dumps({"name": "mine"}))
        assert (wanted().name, wanted().missing) == ("mine", None)


def test_the_command_line_and_the_doctor_name_a_lost_adapter(lost: Settings, smears, tmp_path, monkeypatch, capsys):
    for name, value in {"PDC_HOME": lost.home, "PDC_MODEL": lost.model, "PDC_DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, str(value))
    smears[0][0].crop((0, 0, 160, 120)).save(tmp_path / "a.png")
    asked = PredictOptions([tmp_path / "a.png"], task="counting", label=["bacterium"], json=True)
    with pytest.raises(BadQuestion, match="does not know bacterium"):
        predict(asked)
    assert "The adapter mine is missing" in capsys.readouterr().err
    assert predict(replace(asked, label=["platelet"])) == 0
    said = capsys.readouterr()
    assert "The adapter mine is missing" in said.err and json.loads(said.out)["adapter"] is None
    with pytest.raises(BadModel, match=r"no adapter folder .*mine"):
        doctor._model(lost)


def test_training_starts_afresh_when_what_served_is_lost(lost: Settings):
    from finetune.cli.fold import parent_of

    said: list[str] = []
    with opened(lost) as (_, adapters):
        assert parent_of(TrainConfig(lost.model), adapters, said.append) is None
        assert said == ["The folder of mine is missing, so a fresh adapter is trained."]
