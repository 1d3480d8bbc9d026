"""Which question belongs to an image: the page, the list and what is asked ahead all go by the same answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import ASK, FOUND, Desk, a_mark

from pdc.domain.values import Findings, Question, Task
from pdc.review.listing.entries import Stage
from pdc.review.questions import Questions, said_about


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def about(*labels: str) -> Question:
    return Question(Task.COUNT_AND_BOX, labels)


def save(desk: Desk, sha: str, question: Question, reader: str) -> None:
    desk.service.save(replace(desk.service.open(sha, question, reader), findings=Findings(FOUND.marks)))


def work(desk: Desk, sha: str, question: Question, reader: str) -> None:
    desk.service.edit(desk.service.open(sha, question, reader), Findings((a_mark("h1", 1, question.labels[0]),)))


def test_a_draft_goes_before_a_review_and_that_before_an_answer_and_that_before_a_pin(desk: Desk):
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    pinned = about("pinned")
    assert questions.of(sha, "ada") == ASK and questions.of(sha, "ada", pinned) == pinned
    desk.service.answer(desk.store.image(sha), about("asked"))
    assert questions.of(sha, "ada", pinned) == about("asked")
    questions.suits[sha] = about("example")
    assert questions.of(sha, "ada", pinned) == about("example")
    save(desk, sha, about("ben"), "ben")
    assert questions.of(sha, "ada", pinned) == about("ben")
    save(desk, sha, about("ada"), "ada")
    save(desk, sha, about("ben again"), "ben")
    assert questions.of(sha, "ada", pinned) == about("ada")
    work(desk, sha, about("draft"), "ada")
    assert questions.of(sha, "ada", pinned) == about("draft")
    assert questions.of(sha, "ben", pinned) == about("ben again")


def test_work_that_was_left_before_a_later_save_does_not_bring_its_question_back(desk: Desk):
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    work(desk, sha, about("left"), "ada")
    save(desk, sha, about("saved"), "ada")
    assert questions.of(sha, "ada") == about("saved")
    assert desk.service.open(sha, about("left"), "ada").findings.marks  # and nothing of it is lost


def test_a_changed_question_is_the_images_own_from_then_on_and_no_model_is_asked(desk: Desk):
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    changed = questions.change(questions.open(sha, "ada"), about("cyst"))
    assert questions.of(sha, "ada") == questions.open(sha, "ada", changed).question == about("cyst")
    assert not questions.open(sha, "ada").carried and desk.model.asked == []


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_question_that_was_changed_and_changed_back_leaves_the_image_as_it_was(desk: Desk, reviewed: bool):
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    if reviewed:
        save(desk, sha, ASK, "ada")
    stage = [e.stage for e in desk.listed("ada")]
    changed = questions.change(questions.open(sha, "ada"), about("cyst"))
    assert [e.stage for e in desk.listed("ada")] == [Stage.IN_REVIEW]
    back = questions.change(questions.open(sha, "ada", changed), ASK)
    assert [e.stage for e in desk.listed("ada")] == stage and desk.store.draft_lines() == []
    assert questions.of(sha, "ada") == back.question == ASK


def test_the_numbers_of_a_question_are_those_of_what_the_model_was_asked_of_it(desk: Desk, monkeypatch):
    sha, both = desk.image("a.png"), about("platelet", "cyst")
    monkeypatch.setattr(desk.model, "untaught", lambda question: tuple(n for n in question.labels if n == "cyst"))
    answer = desk.service.answer(desk.store.image(sha), both)
    work(desk, sha, both, "ada")
    said = said_about(desk.service, "ada")
    assert (answer.question, said.own(sha).question) == (about("platelet"), both) and said.answer(sha) == answer.id


def test_where_readers_are_apart_only_their_own_work_decides(tmp_path):
    desk = Desk(tmp_path, blind=True)
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    desk.service.answer(desk.store.image(sha), about("asked"))
    save(desk, sha, about("ben"), "ben")
    assert questions.of(sha, "ada") == ASK and questions.of(sha, "ben") == about("ben")


def test_a_label_that_another_visitor_made_is_not_told(desk: Desk):
    desk.service.private = True
    sha, questions = desk.image("a.png"), Questions(desk.service, lambda: ASK)
    desk.store.add_label("polyp")
    desk.service.answer(desk.store.image(sha), about("polyp"))
    desk.service.answer(desk.store.image(sha), about("polyp", "my patient"))
    assert questions.of(sha, "ada") == about("polyp")
    assert desk.store.prediction(said_about(desk.service, "ada").answer(sha) or "").question == about("polyp")
