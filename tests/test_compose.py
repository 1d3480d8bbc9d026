"""What the composition root decides itself: what a first visit asks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_values import a_review, an_image

from pdc.adapters.routing import AdapterRouting
from pdc.compose import (
    first_question_of,
    jobs_of,
    limits_of,
    open_store,
    pool_of,
    predictor_of,
    reviews_to_train_on,
    role_of,
    routing_of,
    tabs_of,
    unhurried_looks,
    versions_of,
)
from pdc.domain.errors import Forbidden, QuotaReached
from pdc.domain.label_changes import LabelChange
from pdc.domain.users.roles import Action, Role, demand
from pdc.domain.values import Question, Task
from pdc.files import write_json
from pdc.images.intake import ImageFiles
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.named import NamedPredictor
from pdc.review.examples import KNOWN_LABELS
from pdc.review.prefetch import Prefetcher
from pdc.review.service import ReviewService
from pdc.settings import Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run


def adapter(folder: Path, serves: list[str], labels: list[str]) -> AdapterRef:
    folder.mkdir()
    (folder / "pdc.json").write_text(json.dumps({"serves": serves, "labels": labels}))
    return AdapterRef(folder.name, str(folder))


@pytest.mark.parametrize(
    ("serves", "more"), [(["bacterium"], ()), (["platelet", "bacterium"], ("bacterium",)), ([], ("bacterium",))]
)
def test_a_first_visit_asks_what_whoever_answers_knows_and_brings_no_other_adapter_in(tmp_path: Path, serves, more):
    settings = Settings.from_env({"PDC_HOME": str(tmp_path)})
    wanted = adapter(tmp_path / "mine", serves, [*KNOWN_LABELS, "bacterium"])
    store = Store.open("sqlite://")
    assert first_question_of(settings, AdapterRouting("pdc-tiny", lambda: wanted), store).labels == (*KNOWN_LABELS, *more)
    assert first_question_of(settings, AdapterRouting("pdc-tiny", AdapterRef), store).labels == KNOWN_LABELS


def test_a_first_visit_asks_under_todays_names_and_not_for_what_is_offered_no_more(tmp_path: Path):
    settings, store = Settings.from_env({"PDC_HOME": str(tmp_path)}), Store.open("sqlite://")
    store.change_label("nucleus", LabelChange.RENAMED, "Zellkern", by="ada")
    store.change_label("polyp", LabelChange.RETIRED, by="ada")
    asked = first_question_of(settings, AdapterRouting("pdc-tiny", AdapterRef), store)
    assert asked.labels == ("red blood cell", "white blood cell", "platelet", "Zellkern")


def test_answers_will_do_of_the_present_weights_alone_and_of_others_where_that_was_never_noted(tmp_path: Path):
    tiny = versions_of(Settings(home=tmp_path))
    assert [len(v or "") for v in tiny] == [12]
    for name in ("large", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(name)
    large, other = (versions_of(Settings(home=tmp_path, model=str(tmp_path / name))) for name in ("large", "other"))
    assert large[1:] == other[1:] == (None,) and len({tiny[0], large[0], other[0]}) == 3
    assert versions_of(Settings(home=tmp_path, model="Qwen/Qwen2.5-VL-7B-Instruct")) == ()
    assert versions_of(Settings(home=tmp_path, server_url="http://127.0.0.1:1")) == ()


def looks_for(settings: Settings, *labels: str) -> int:
    never = LocalPredictor(lambda: pytest.fail("no model is loaded for that"), folder=settings.model)
    model = NamedPredictor(never, Store.open("sqlite://").dictionary)
    return unhurried_looks(settings, model, Question(Task.COUNT_AND_BOX, labels))


def test_four_looks_vote_while_nobody_waits_where_the_model_says_that_a_label_gains_by_it(tmp_path: Path):
    (tmp_path / "pdc.json").write_text(json.dumps({"labels": ["platelet", "polyp"], "looks": ["platelet"]}))
    settings = Settings.from_env({"PDC_MODEL": str(tmp_path)})
    assert looks_for(settings, "platelet") == looks_for(settings, "polyp", "thrombocyte") == 4
    assert looks_for(settings, "polyp") == looks_for(settings, "cyst") == 1
    assert looks_for(Settings.from_env({"PDC_MODEL": str(tmp_path), "PDC_LOOKS": "4"}), "polyp") == 4
    (tmp_path / "pdc.json").write_text(json.dumps({"labels": ["platelet"]}))
    assert looks_for(settings, "platelet") == 1


def reviewed(store: Store, n: int) -> None:
    for i in range(len(store.every_image()), len(store.every_image()) + n):
        sha256 = f"{i:064x}"
        store.add_image(an_image(sha256))
        store.save_review(a_review(f"r{i}", image_sha256=sha256), key=f"k{i}", base_revision=0)


def test_a_training_is_offered_after_so_many_new_reviews_to_whoever_may_train(tmp_path: Path):
    settings = Settings(home=tmp_path, host="0.0.0.0", offer_training=3)
    store = open_store(settings)
    service = ReviewService(store, ImageFiles(tmp_path / "images"), LocalPredictor(lambda: None, AdapterRef))
    store.add_user("maria", "hash", Role.TRAINER)
    store.add_user("anna", "hash", Role.READER)
    reviewed(store, 2)
    assert reviews_to_train_on(settings, service, "maria") == 0
    reviewed(store, 2)
    assert [reviews_to_train_on(settings, service, name) for name in ("maria", "anna", "stranger")] == [4, 0, 0]
    assert reviews_to_train_on(replace(settings, offer_training=0), service, "maria") == 0
    run = Run.create(settings.runs, TrainConfig.for_model("base"))
    write_json(run.data / "manifest.json", {"created_at": datetime.now(UTC).isoformat()})
    run.mark_complete()
    assert reviews_to_train_on(settings, service, "maria") == 0


@pytest.mark.parametrize("blind", [False, True])
def test_the_reading_study_has_a_page_only_where_reads_are_blind(tmp_path: Path, blind: bool):
    settings = Settings(home=tmp_path, blind=blind, server_url="http://127.0.0.1:9")
    store = open_store(settings)
    routing = routing_of(settings, store)
    model = predictor_of(settings, store, routing)
    service = ReviewService(store, ImageFiles(tmp_path / "images"), model, blind=blind)
    tabs = tabs_of(settings, service, Prefetcher(service), model, routing, None, jobs_of(settings, service, routing)[0])
    assert ("Reading study" in tabs) is blind and "Training" in tabs


@pytest.mark.parametrize("changes", [{"answer_pool": False}, {}])
def test_images_are_answered_in_the_background_unless_that_is_switched_off_or_visitors_bring_their_own(tmp_path: Path, changes):
    settings = Settings(home=tmp_path, server_url="http://127.0.0.1:9", **changes)
    store = open_store(settings)
    routing = routing_of(settings, store)
    model = predictor_of(settings, store, routing)
    for private in (False, True):
        service = ReviewService(store, ImageFiles(tmp_path / "images"), model, private=private)
        assert (pool_of(settings, service, model, routing) is None) is (private or not settings.answer_pool)


def test_a_space_keeps_everything_on_its_lasting_disk_where_it_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pdc.settings.LASTING", tmp_path / "data")
    monkeypatch.setenv("SPACE_ID", "somebody/pdc")
    space = {"SPACE_ID": "somebody/pdc"}
    fleeting = Settings.from_env(space)
    assert fleeting.home == Path("pdc-data") and not fleeting.lasts
    (tmp_path / "data").mkdir()
    lasting = Settings.from_env(space)
    assert lasting.home == tmp_path / "data" / "pdc" and lasting.lasts and lasting.host == "0.0.0.0"
    assert Settings.from_env({**space, "PDC_HOME": str(tmp_path / "mine")}).home == tmp_path / "mine"
    assert Settings.from_env({}).home == Path("pdc-data")


def test_a_visitor_of_a_space_has_no_role_and_a_share_and_its_owner_has_every_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings, store = Settings.from_env({"PDC_HOME": str(tmp_path), "PDC_VISITOR_QUESTIONS": "0"}), Store.open("sqlite://")
    assert role_of(settings, store, "reader") is Role.ADMIN and limits_of(settings, store, ImageFiles(tmp_path)).quotas is None
    monkeypatch.setenv("SPACE_ID", "somebody/pdc")
    store.add_user("ada", "huggingface:1", Role.ADMIN)
    assert role_of(settings, store, "visitor-00") is Role.READER and role_of(settings, store, "ada") is Role.ADMIN
    with pytest.raises(Forbidden, match=r"only its owner, who may log in, can train an adapter"):
        demand(role_of(settings, store, "visitor-00"), Action.TRAIN, space=settings.space)
    limits = limits_of(settings, store, ImageFiles(tmp_path))
    limits.ask("ada")
    with pytest.raises(QuotaReached):
        limits.ask("visitor-00")
    assert not replace(settings, login=True).space  # a Space for one group only
