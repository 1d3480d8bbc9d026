"""`predict` understands other words for a label it was taught, and says what it was not asked about. With the real model."""

from __future__ import annotations

import json

import pytest
from command_line import Pdc

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smear(tmp_path_factory, smears) -> str:
    path = tmp_path_factory.mktemp("images") / "smear.png"
    smears[0][0].crop((0, 0, 320, 240)).save(path)
    return str(path)


def predicted(pdc: Pdc, smear: str, *labels: str) -> tuple[dict, str]:
    named = [word for label in labels for word in ("--label", label)]
    done = pdc("predict", smear, *named, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_other_words_for_a_label_give_the_answer_about_that_label(smear: str, pdc: Pdc):
    usual, silent = predicted(pdc, smear, "red blood cell", "platelet")
    other, said = predicted(pdc, smear, "Erythrozyten", "PLT")
    assert usual["marks"] and other["marks"] == usual["marks"] and other["labels"] == ["red blood cell", "platelet"]
    assert "Erythrozyten is asked as red blood cell." in said and "asked as" not in silent


def test_a_label_it_was_never_taught_is_left_out_with_a_word_and_alone_it_is_refused(smear: str, pdc: Pdc):
    found, said = predicted(pdc, smear, "polyp", "dog", "pol")
    assert found["labels"] == ["polyp"] and "The model does not know dog; it was not asked about that." in said
    assert "Did you mean polyp?" in said
    refused = pdc("predict", smear, "--label", "none")
    assert refused.returncode == 1 and "does not know none" in refused.stderr and "It knows" in refused.stderr


def test_labels_are_listed_and_managed_from_the_command_line(pdc: Pdc):
    said = [
        pdc("labels", *words, "--author", "ada").stdout
        for words in (("add", "ring form"), ("merge", "ring form", "Zellkern"), ("rename", "nuclei", "Kern"))
    ]
    assert "ring form is a label now." in said[0] and "ring form counts as nucleus now." in said[1] and "Kern now" in said[2]
    listed, history = (pdc("labels", words).stdout for words in ("list", "history"))
    assert "Kern" in listed and "ring form," not in listed.split("Kern")[0] and "ada renamed nucleus to Kern." in history
    refused = pdc("labels", "add", "0")
    assert refused.returncode == 1 and "no kind of object" in refused.stderr
