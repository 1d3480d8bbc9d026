"""What the composition root decides itself: what a first visit asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdc.adapters.routing import AdapterRouting
from pdc.compose import first_question_of, unhurried_looks, versions_of
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.named import NamedPredictor
from pdc.review.examples import KNOWN_LABELS
from pdc.settings import Settings
from pdc.store import Store


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
