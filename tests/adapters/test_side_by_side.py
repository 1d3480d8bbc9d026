"""Adapters side by side: who answers about a label after any order of promotions and roll-backs, and what the registry says."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from adapter_files import labelled
from old_stores import put_back

from finetune.cli.fold import parent_of
from pdc.adapters.registry import Adapters
from pdc.adapters.routing import AdapterRouting
from pdc.domain.errors import NotFound
from pdc.domain.values import AdapterStatus, Question, Task
from pdc.inference.adapter_ref import BASE, AdapterRef, Route, names_in, routed
from pdc.settings import EMBEDDED_MODEL
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

SERVES = {"rods": ("bacterium",), "cells": ("platelet", "sperm"), "both": ("bacterium", "sperm"), "more": ("sperm", "egg")}
LABELS = ("bacterium", "platelet", "sperm", "egg", "polyp")


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    """The registry of the embedded model, with one adapter for each entry of SERVES."""
    store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    adapters = Adapters(store, str(EMBEDDED_MODEL), tmp_path)
    for name, labels in SERVES.items():
        register(adapters, name, *labels)
    yield adapters
    store.close()


def register(adapters: Adapters, name: str, *labels: str) -> None:
    run = Run.create(adapters.home / "runs", TrainConfig(str(EMBEDDED_MODEL)), name)
    labelled(run.adapter, *labels, name=name)
    run.mark_complete()
    adapters.register(run)


def promote(adapters: Adapters, *names: str) -> None:
    for name in names:
        adapters.promote(name, by="ada", reason="test", force=True)


def answering(adapters: Adapters) -> dict[str, str | None]:
    return {label: adapters.route().who(label).name for label in LABELS}


def test_promoting_one_keeps_the_others_and_what_it_does_not_cover_stays_with_whoever_has_it(adapters: Adapters):
    promote(adapters, "rods", "cells")
    assert answering(adapters) == {"bacterium": "rods", "platelet": "cells", "sperm": "cells", "egg": None, "polyp": None}
    promote(adapters, "both")
    assert answering(adapters) == {"bacterium": "both", "platelet": "cells", "sperm": "both", "egg": None, "polyp": None}
    assert {a.name: a.status for a in adapters.all()} == {
        "rods": AdapterStatus.RETIRED,
        "cells": AdapterStatus.ACTIVE,
        "both": AdapterStatus.ACTIVE,
        "more": AdapterStatus.CANDIDATE,
    }


def test_a_promotion_says_what_it_takes_over_and_from_whom(adapters: Adapters):
    promote(adapters, "rods", "cells", "both")
    assert adapters.takeovers("rods") == []
    taken = ["It takes over from cells: sperm. About platelet cells goes on answering.", "It takes over from rods: bacterium."]
    assert adapters.takeovers("both") == taken


def test_rolling_one_back_gives_its_labels_to_who_had_them_before(adapters: Adapters):
    promote(adapters, "rods", "cells", "both")
    undone = adapters.promotion("cells")
    adapters.rollback("cells", by="ada")
    assert answering(adapters) == {"bacterium": "both", "platelet": None, "sperm": "both", "egg": None, "polyp": None}
    assert adapters.handed_back(undone) == (
        "cells was rolled back. From the next question on both answers about platelet, sperm."
    )
    adapters.rollback(by="ada")
    assert answering(adapters) == {"bacterium": "rods", "platelet": None, "sperm": None, "egg": None, "polyp": None}
    with pytest.raises(NotFound, match="cells does not serve, so it cannot be rolled back"):
        adapters.rollback("cells", by="ada")


@pytest.mark.parametrize("seed", range(6))
def test_a_label_is_always_answered_by_the_last_promoted_adapter_that_covers_it_and_was_not_rolled_back(adapters, seed: int):
    choice, line = random.Random(seed), []
    for _ in range(14):
        if line and choice.random() < 0.4:
            name = choice.choice(line)
            adapters.rollback(name, by="ada")
            del line[len(line) - 1 - line[::-1].index(name)]
        else:
            name = choice.choice(list(SERVES))
            before = answering(adapters)
            promote(adapters, name)
            if any(before[label] != name for label in SERVES[name]):
                line.append(name)
        last = {label: next((n for n in line[::-1] if label in SERVES[n]), None) for label in LABELS}
        assert answering(adapters) == last, line
        assert {a.name for a in adapters.all() if a.status is AdapterStatus.ACTIVE} == {*last.values()} - {None}


def test_training_goes_on_from_the_adapter_that_answers_about_most_of_its_labels_or_starts_afresh(adapters: Adapters):
    promote(adapters, "cells", "rods")
    config, said = TrainConfig(str(EMBEDDED_MODEL), parent="active", vision=True), []
    found = [parent_of(config, adapters, said.append, frozenset(labels)) for labels in (("sperm", "egg"), ("egg", "polyp"), ())]
    assert [f and f[0] for f in found] == ["cells", None, "rods"]
    assert said == ["rods + cells answers about none of these labels, so a fresh adapter is trained, to serve beside."]


def test_to_promote_what_serves_already_notes_nothing(adapters: Adapters):
    promote(adapters, "rods", "cells", "rods")
    assert [a.adapter for a in adapters.history()] == ["rods", "cells"]


def test_two_who_roll_back_at_once_undo_one_promotion(adapters: Adapters):
    promote(adapters, "rods", "cells")
    undone = adapters.promotion("cells")
    for _ in range(2):
        adapters.store.roll_back(undone.seq, "rods", adapters.base, by="ada", reason="both pressed it")
    assert answering(adapters)["bacterium"] == "rods" and answering(adapters)["sperm"] is None


def test_while_some_promote_others_always_read_a_whole_route(adapters: Adapters):
    promote(adapters, "rods")
    with ThreadPoolExecutor(4) as pool:
        done = pool.submit(lambda: [promote(adapters, name) for name in ("cells", "both", "more") * 2])
        seen = [answering(adapters) for _ in range(20)]
        done.result()
    assert all(a["bacterium"] in ("rods", "both") and a["polyp"] is None for a in seen)


def test_a_lost_adapter_leaves_its_own_labels_to_the_base_and_the_others_as_they_are(adapters: Adapters):
    promote(adapters, "rods", "cells", "both")
    (Path(adapters.get("both").path) / "pdc.json").unlink()
    assert answering(adapters) == {"bacterium": None, "platelet": "cells", "sperm": None, "egg": None, "polyp": None}
    routing = AdapterRouting("pdc-tiny", adapters.route)
    assert routing.trouble().startswith("The adapter both is missing, so the base model answers;")
    assert routing().missing == "both" and routing().name == "cells"


def test_a_store_from_before_answers_as_it_did_and_new_adapters_come_beside(adapters: Adapters, tmp_path: Path):
    promote(adapters, "rods", "cells")
    adapters.store.close()
    as_the_first_versions_stored_it(tmp_path / "pdc.sqlite3", active="cells")
    adapters.store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    assert answering(adapters) == {"bacterium": None, "platelet": "cells", "sperm": "cells", "egg": None, "polyp": None}
    assert [a.name for a in adapters.all() if a.status is AdapterStatus.ACTIVE] == ["cells"]
    promote(adapters, "rods")
    assert answering(adapters) == {"bacterium": "rods", "platelet": "cells", "sperm": "cells", "egg": None, "polyp": None}
    assert adapters.rollback(by="ada").name == "cells" and adapters.rollback(by="ada").name == "rods"
    assert answering(adapters)["sperm"] is None and answering(adapters)["bacterium"] == "rods"


def as_the_first_versions_stored_it(path: Path, active: str) -> None:
    """The schema of revision 0015: one active adapter a base, and lines without labels."""
    put_back(path, "0015")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE adapters SET status = 'active' WHERE name = ?", (active,))
        database.execute("CREATE UNIQUE INDEX uq_adapters_active ON adapters (base) WHERE status = 'active'")
    database.close()


def test_a_question_is_split_by_label_and_named_after_all_who_answer(tmp_path: Path):
    rods, cells = (labelled(tmp_path / name, *SERVES[name]) for name in ("rods", "cells"))
    route = Route.of((cells, rods))
    ask = Question(Task.BOUNDING, ("polyp", "bacterium", "nucleus", "sperm"))
    parts = {BASE: ("polyp", "nucleus"), rods: ("bacterium",), cells: ("sperm",)}
    assert {who: q.labels for who, q in route.split(ask).items()} == parts
    assert AdapterRouting("pdc-tiny", lambda: route).now(ask) == ("pdc-tiny", "cells + rods", ())
    assert names_in("cells + rods") == ("cells", "rods") and names_in(None) == ()
    assert route.names(("polyp",)) is None and route.share("rods") == {"bacterium"} and route.share("other") is None


def test_an_adapter_that_does_not_say_what_it_is_about_answers_everything_that_no_later_one_does(tmp_path: Path):
    rods, older = labelled(tmp_path / "rods", "bacterium"), labelled(tmp_path / "older")
    forgotten = labelled(tmp_path / "cells", "platelet")
    route = Route.of((rods, older, forgotten))
    assert route.adapters == (rods, older) and [route.who(n) for n in ("bacterium", "platelet")] == [rods, older]
    assert routed(AdapterRef()) == Route() and routed(rods).beside(older).adapters == (older,)
