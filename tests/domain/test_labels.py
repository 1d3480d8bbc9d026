"""The label dictionary, without a store: what a spelling means, and how labels are renamed, merged and retired."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pdc.domain.errors import BadQuestion
from pdc.domain.label_changes import LabelChange, LabelEvent, check_change, check_new_label, findings_now, fold, question_now
from pdc.domain.labels import LabelDictionary
from pdc.domain.values import Aside, Box, Findings, Mark, Question, Task
from pdc.store.label_queries import vocabulary

TAUGHT = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
SPELLINGS = {
    "red blood cell": "RBC, rbcs, Red Blood Cells, red_blood_cell, red-blood-cells, RedBloodCell, red cells, erythrocyte, "
    "Erythrocytes, Erythrozyt, Erythrozyten, rote Blutkörperchen, rote Blutkoerperchen, rotes Blutkorperchen",
    "white blood cell": "WBC, WBCs, White Blood Cell, white_blood_cells, white cells, leukocyte, Leucocytes, Leukozyt, "
    "Leukozyten, weiße Blutkörperchen, weisse Blutkörperchen, WEISSE BLUTKOERPERCHEN",
    "platelet": "Platelet, platelets, PLATELETS, PLT, plt., blood-platelets, thrombocyte, thrombocytes, Thrombozyt, "
    "Thrombozyten, Blutplättchen, Blutplaettchen",
    "nucleus": "Nucleus, NUCLEUS, nuclei, Nuclei, nucleuses, cell nucleus, cell_nuclei, Zellkern, Zellkerne, Kern, Kerne",
    "polyp": "Polyp, POLYP, polyps, Polyps, Polypen, polypus, polypi, colon polyps, colorectal-polyp, Darmpolyp, Darmpolypen",
}
TABLE = [(typed, name) for name, typed_ones in SPELLINGS.items() for typed in typed_ones.split(", ")]


def shipped(*more: str) -> LabelDictionary:
    return fold((*TAUGHT, *more), (), vocabulary())


def after(*changes: tuple[str, str] | tuple[str, str, str], names: tuple[str, ...] = TAUGHT) -> LabelDictionary:
    """The dictionary after (change, label, other) one after the other."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    events = [LabelEvent(c[1], LabelChange(c[0]), c[2] if len(c) > 2 else None, "ada", at) for c in changes]
    return fold(names, events, vocabulary())


@pytest.mark.parametrize(("typed", "name"), TABLE)
def test_every_spelling_finds_the_label_that_the_model_was_taught(typed: str, name: str):
    assert shipped().find(typed).name == name


def test_the_table_holds_ten_spellings_or_more_of_each_label():
    assert all(len(typed.split(", ")) >= 10 for typed in SPELLINGS.values())


def test_two_spellings_of_one_label_are_one_question():
    asked = shipped().resolved(Question(Task.COUNT_AND_BOX, ("RBC", "platelets", "Erythrozyten")))
    assert asked == Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet"))


@pytest.mark.parametrize("typed", ["cell", "cells", "Zellen", "blood cell", "Blutkörperchen"])
def test_a_word_for_several_labels_is_asked_back(typed: str):
    found = shipped().find(typed)
    assert found.name is None and {"red blood cell", "white blood cell"} <= set(found.candidates)


@pytest.mark.parametrize(
    ("typed", "meant"), [("pol", "polyp"), ("nucleii", "nucleus"), ("plattelet", "platelet"), ("thromb", "platelet")]
)
def test_what_is_begun_or_mistyped_is_offered_and_never_taken(typed: str, meant: str):
    found = shipped().find(typed)
    assert found.name is None and found.candidates[0] == meant


@pytest.mark.parametrize("typed", ["dog", "none", "0", "", "nucleolus", "bacterium", "lymphocyte"])
def test_another_word_is_none_of_the_labels(typed: str):
    assert shipped().find(typed).name is None


def test_a_label_of_ones_own_goes_before_what_its_name_is_a_word_for():
    assert shipped("cell").find("cell").name == "cell"
    assert shipped("RBC").find("RBC").name == "RBC"
    assert set(shipped("RBC").find("erythrocyte").candidates) == {"RBC", "red blood cell"}


def test_signs_that_tell_two_kinds_apart_are_kept():
    found = shipped("CD4+ T cell", "CD4- T cell")
    assert found.find("CD4+ t cells").name == "CD4+ T cell" and found.find("cd4- T-cell").name == "CD4- T cell"


def test_a_label_in_another_script_is_found_by_itself_alone():
    assert shipped("赤血球", "血小板").find("赤血球").name == "赤血球"


def test_a_renamed_label_is_found_by_both_names_and_by_the_words_for_it():
    now = after(("renamed", "red blood cell", "Erythrozyt"))
    assert {now.find(t).name for t in ("red blood cell", "Erythrozyt", "erythrozyten", "RBC")} == {"Erythrozyt"}
    assert "red blood cell" not in now.names


def test_a_name_that_is_taken_back_is_the_name_again():
    now = after(("renamed", "polyp", "lesion"), ("renamed", "lesion", "polyp"))
    assert "polyp" in now.names and now.find("lesion").name == "polyp"


def test_what_was_merged_twice_ends_in_the_last():
    now = after(("merged", "a", "b"), ("merged", "b", "c"), names=("a", "b", "c"))
    assert now.names == ["c"] and now.moved == {"a": "c", "b": "c"}


def test_a_merge_is_parted_again_by_bringing_the_label_back():
    assert after(("merged", "a", "b"), ("restored", "a"), names=("a", "b")).names == ["a", "b"]


def test_a_retired_label_is_named_and_not_offered():
    now = after(("retired", "polyp"))
    assert (
        now.find("Polypen").name is None and now.find("Polypen").retired == "polyp" and "polyp" not in now.find("pol").candidates
    )


def test_a_synonym_finds_its_label_until_it_is_taken_away():
    assert after(("synonym", "polyp", "Knubbel")).find("knubbel").name == "polyp"
    assert after(("synonym", "polyp", "Knubbel"), ("no synonym", "polyp", "Knubbel")).find("Knubbel").name is None


def test_old_rows_are_read_under_todays_names_and_no_mark_is_dropped():
    moved = after(("merged", "RBC", "red blood cell"), names=(*TAUGHT, "RBC")).moved
    question = Question(Task.BOUNDING, ("RBC", "platelet", "red blood cell"))
    marks = tuple(Mark(f"m{i}", Box(0, 0, 9, 9), n) for i, n in enumerate(("RBC", "red blood cell", "RBC", "platelet")))
    kept = Aside((Mark("a", Box(0, 0, 9, 9), "RBC"),), {"RBC": 4})
    read = findings_now(Findings(marks, {"RBC": 2, "red blood cell": 3}, kept), moved)
    assert read.aside == Aside((Mark("a", Box(0, 0, 9, 9), "red blood cell"),), {"red blood cell": 4})
    assert question_now(question, moved).labels == ("red blood cell", "platelet")
    assert [m.label for m in read.marks] == ["red blood cell"] * 3 + ["platelet"] and read.stated == {"red blood cell": 5}


@pytest.mark.parametrize(
    "name", ["none", "None", "NONE", "0", "12", "-1", "n/a", "nothing", "no finding", "kein Befund", "Nichts", "?"]
)
def test_none_and_numbers_are_no_names_of_labels(name: str):
    with pytest.raises(BadQuestion, match="no kind of object"):
        check_new_label(name)


@pytest.mark.parametrize("name", ["stage 2", "noneedle", "zero-mode guide", "Nichtzelle", "0 % hatched egg", "normal"])
def test_a_name_with_such_a_word_in_it_is_a_name(name: str):
    assert check_new_label(name) == name


@pytest.mark.parametrize(
    ("change", "label", "to", "said"),
    [
        ("renamed", "dog", "cat", "no label 'dog'"),
        ("renamed", "polyp", "Nucleus", "a spelling of nucleus"),
        ("renamed", "polyp", "none", "no kind of object"),
        ("merged", "polyp", "polyp", "into itself"),
        ("merged", "polyp", "dog", "no label 'dog'"),
        ("synonym", "polyp", "nucleus", "a spelling of nucleus"),
        ("no synonym", "polyp", "Polypen", "no synonym"),
        ("added", "Polyp", None, "a spelling of polyp"),
        ("retired", "dog", None, "no label 'dog'"),
    ],
)
def test_a_change_that_would_mix_up_labels_is_refused_with_the_reason(change: str, label: str, to: str | None, said: str):
    with pytest.raises(BadQuestion, match=said):
        check_change(shipped(), LabelChange(change), label, to)
