"""The labels as a reader meets them: looked up as they are typed, made new on request, managed by whoever may."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from desk import Desk, a_mark
from store_values import url_of

from pdc.domain.errors import BadQuestion, Forbidden
from pdc.domain.users.roles import Role, demand
from pdc.domain.values import Findings, Question, Task
from pdc.review.labels import Labels
from pdc.store import Store

pytestmark = pytest.mark.both_databases("nightly")

KNOWN = frozenset({"red blood cell", "white blood cell", "platelet", "nucleus", "polyp", "bacterium"})


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    return Labels(Store.open(url_of(tmp_path)), lambda: KNOWN)


def test_what_is_typed_is_looked_up_first_and_made_new_only_on_request(labels: Labels):
    assert labels.find("Zellkern").name == "nucleus" and labels.find("ring form").name is None
    assert "ring form" not in labels.store.labels()
    assert labels.add(" ring form ", "ada") == "ring form" and labels.find("Ring forms").name == "ring form"
    assert [(e.label, e.by) for e in labels.history()][-1] == ("ring form", "ada")


def test_adding_a_spelling_of_a_label_gives_that_label(labels: Labels):
    before = labels.store.labels()
    assert labels.add("RBC", "ada") == "red blood cell" and labels.store.labels() == before


@pytest.mark.parametrize("name", ["none", "0", "42", "kein Befund"])
def test_none_and_numbers_cannot_be_added(labels: Labels, name: str):
    with pytest.raises(BadQuestion, match="no kind of object"):
        labels.add(name, "ada")


def test_labels_that_only_the_model_knows_are_found_and_can_be_changed(labels: Labels):
    assert labels.find("Bakterien").name == "bacterium" and "bacterium" not in labels.store.labels()
    labels.add_synonym("bacterium", "Stäbchen", "ada")
    assert labels.find("staebchen").name == "bacterium"


def test_the_list_says_what_the_model_knows_and_how_often_a_label_was_used(tmp_path: Path):
    desk = Desk(tmp_path)
    sha = desk.image("a.png")
    draft = desk.service.open(sha, Question(Task.COUNT_AND_BOX, ("platelet", "ring form")), "ada")
    desk.service.save(desk.service.edit(draft, Findings((a_mark("h1", 1),))))
    desk.store.add_label("ring form", "ada")
    lines = {line.name: line for line in Labels(desk.store, lambda: KNOWN).lines()}
    assert (lines["platelet"].known, lines["platelet"].used) == (True, 1)
    assert (lines["ring form"].known, lines["ring form"].used) == (False, 1)
    assert lines["pinhead"].retired and "Zellkern" in lines["nucleus"].words and list(lines)[-1] == "pinhead"
    assert {line.known for line in Labels(desk.store).lines()} == {None}


def test_a_label_the_model_was_not_taught_is_named_before_it_is_asked(labels: Labels):
    question = Question(Task.COUNT_AND_BOX, ("polyp", "dog", "ring form"))
    assert labels.unknown(question) == ("dog", "ring form")
    assert Labels(labels.store).unknown(question) == ()


def test_visitors_make_labels_for_themselves_only_and_manage_none(tmp_path: Path):
    visitor = partial(demand, Role.READER, space=True)
    labels = Labels(Store.open(url_of(tmp_path)), lambda: KNOWN, private=True, allowed=lambda user, action: visitor(action))
    before = labels.history()
    assert labels.add("ring form", "guest") == "ring form"
    for change in (labels.retire, labels.restore):
        with pytest.raises(Forbidden):
            change("polyp", "guest")
    with pytest.raises(Forbidden):
        labels.rename("polyp", "lesion", "guest")
    assert labels.history() == before


def test_renaming_merging_and_retiring_change_what_is_found(labels: Labels):
    labels.add("RBC of mine", "ada")
    labels.merge("RBC of mine", "red blood cell", "ada")
    labels.rename("nucleus", "Kern", "ada")
    labels.retire("polyp", "ada")
    found = [labels.find(t) for t in ("RBC of mine", "nuclei", "polyps")]
    assert [f.name for f in found] == ["red blood cell", "Kern", None] and found[2].retired == "polyp"
    labels.restore("polyp", "ada")
    assert labels.find("polyps").name == "polyp"
