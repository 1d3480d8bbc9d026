"""Nothing is stored of a program's review that it did not say: no none, no count, no place, and nothing in the model's name."""

from __future__ import annotations

import pytest
from script_user import ASKED, Office, Script

from pdc.domain.values import Findings

BOX = {"label": "platelet", "box": [1, 1, 9, 9]}
COUNT = {"task": "counting", "labels": ["red blood cell", "platelet"]}


def saved(script: Script, sha: str, status: int = 201, **sent) -> dict:
    return script.post(f"/images/{sha}/reviews", {**ASKED, "base_revision": 0, **sent}, status)


@pytest.fixture
def knows(place: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model was taught two labels alone."""
    monkeypatch.setattr(place.desk.model, "labels", frozenset(ASKED["labels"]))
    untaught = lambda q: tuple(label for label in q.labels if label not in ASKED["labels"])  # noqa: E731
    monkeypatch.setattr(place.desk.model, "untaught", untaught)


def test_a_label_that_the_model_was_not_asked_for_is_told_and_not_accepted_as_none(ada: Script, knows: None):
    sha, labels = ada.bring(), ["platelet", "unicorn"]
    answer = ada.post("/predictions", {"image": sha, "task": "count_and_box", "labels": labels})
    assert answer["unasked"] == ["unicorn"] and "unicorn" not in answer["labels"]
    said = {"labels": labels, "prediction": answer["id"]}
    assert "not asked for unicorn" in saved(ada, sha, 400, **said)["error"]
    marked = {**said, "marks": answer["marks"][1:]}
    assert "Nothing is marked as unicorn" in saved(ada, sha, 400, **marked)["error"]
    assert ada.get(f"/images/{sha}/reviews")["reviews"] == []
    partly = saved(ada, sha, **said, complete=False)
    assert partly["complete"] is False
    assert saved(ada, sha, **marked, none=["unicorn"], base_revision=1)["complete"] is True


def test_an_answer_to_another_question_is_not_accepted_as_none(ada: Script, monkeypatch: pytest.MonkeyPatch):
    sha, more = ada.bring(), [*ASKED["labels"], "nucleus"]
    answer = ada.post("/predictions", {"image": sha, **ASKED})
    assert "not asked for nucleus" in saved(ada, sha, 400, labels=more, prediction=answer["id"])["error"]
    monkeypatch.setattr("desk.FOUND", Findings((), {"red blood cell": 21, "platelet": 0}))
    counted = ada.post("/predictions", {"image": sha, **COUNT})
    assert "red blood cell, platelet" in saved(ada, sha, 400, prediction=counted["id"])["error"]


def test_what_is_named_in_none_is_a_label_of_the_question_without_marks(ada: Script):
    sha = ada.bring()
    assert "not part of this question" in saved(ada, sha, 400, marks=[BOX], none=["worm"])["error"]
    assert "is named in none" in saved(ada, sha, 400, marks=[BOX], none=["platelet"])["error"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"stated": {"platelet": 12, "red blood cell": 0}}, "Send marks in place of stated"),
        ({"stated": {"platelet": 1}, "marks": [BOX]}, "Send marks in place of stated"),
        ({**COUNT, "marks": [BOX]}, "Send stated in place of marks"),
        ({**COUNT, "stated": {"platelet": 12}}, "lack red blood cell"),
        ({**COUNT, "stated": {"platelet": 1, "RBC": 2, "red blood cell": 3}}, "red blood cell has two counts"),
        ({"marks": [BOX, {**BOX, "box": [1e6, 1e6, 2e6, 2e6]}]}, "Mark 1 of the list, counted from 0, lies outside its image"),
        ({"marks": [{**BOX, "box": [1, 1, 1, 9]}]}, "Mark 0 of the list, counted from 0, is a box without a size"),
        ({"marks": [{**BOX, "id": "a"}, BOX, {**BOX, "id": "a"}]}, "marks 0 and 2"),
        ({"marks": [], "base_revision": 7}, "no revision 7"),
    ],
)
def test_what_would_be_stored_otherwise_than_it_was_sent_is_refused(ada: Script, sent: dict, words: str):
    sha = ada.bring()
    assert words in saved(ada, sha, 400, **sent)["error"]
    assert ada.get(f"/images/{sha}/review", task=sent.get("task", "count_and_box"), label=ASKED["labels"])["review"] is None


def test_a_mark_a_rounding_outside_is_cut_at_the_border(ada: Script):
    found = saved(ada, ada.bring(), marks=[{**BOX, "box": [-0.5, 0, 40.9, 30]}])
    assert found["marks"][0]["box"] == [0, 0, 40, 30]


def test_counts_and_marks_take_other_words_for_labels(ada: Script):
    found = saved(ada, ada.bring(), marks=[{**BOX, "label": "RBC"}])
    assert found["counts"] == {"red blood cell": 1}
    assert saved(ada, ada.bring(), **COUNT, stated={"RBC": 3, "platelet": 0})["counts"]["red blood cell"] == 3


def test_a_name_of_a_save_that_is_used_for_other_content_is_refused(ada: Script):
    sha = ada.bring()
    first = saved(ada, sha, marks=[BOX, BOX], request="run-1")
    assert saved(ada, sha, marks=[BOX, BOX], request="run-1") == first
    assert "run-1" in saved(ada, sha, 400, marks=[], request="run-1")["error"]
    assert "run-1" in saved(ada, sha, 400, skip=True, marks=[BOX, BOX], request="run-1")["error"]
    assert ada.get(f"/images/{sha}/reviews")["reviews"] == [first]


def test_what_the_model_said_of_a_mark_is_the_models_to_say(ada: Script):
    sha = ada.bring()
    claimed = {**BOX, "origin": "model", "score": 0.99, "expert": "nobody"}
    mark = saved(ada, sha, marks=[claimed])["marks"][0]
    assert (mark["origin"], mark["score"], mark["expert"]) == ("human", None, None)
    answer = ada.post("/predictions", {"image": sha, **ASKED})
    kept, moved = answer["marks"]
    sent = [{**kept, "score": 0.1}, {**moved, "box": [20, 6, 30, 16]}]
    marks = saved(ada, sha, marks=sent, prediction=answer["id"], base_revision=1)["marks"]
    assert marks[0] == kept and (marks[1]["origin"], marks[1]["score"]) == ("edited", moved["score"])
    assert saved(ada, sha, marks=marks, base_revision=2)["marks"] == marks


@pytest.mark.parametrize(
    ("sent", "field"), [({"complet": False, "marks": []}, "complet"), ({"marks": [{**BOX, "staus": "rejected"}]}, "staus")]
)
def test_a_misspelt_field_is_named(ada: Script, sent: dict, field: str):
    assert field in saved(ada, ada.bring(), 422, **sent)["error"]
