"""A label the model was never taught is not answered with the marks of another: it is not asked, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import LABELS, Desk, watch

from pdc.domain.errors import BadQuestion
from pdc.domain.values import Question, Task
from pdc.review.requests import Priority
from pdc.web.ui.screen import status_line

BOTH = Question(Task.COUNT_AND_BOX, (*LABELS, "dog"))
DOG = Question(Task.COUNT_AND_BOX, ("dog",))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.model.untaught = lambda question: tuple(n for n in question.labels if n == "dog")
    return desk


def test_only_the_labels_that_the_model_was_taught_are_asked_and_stored_as_asked(desk: Desk):
    sha = desk.image("a.png")
    draft = desk.service.predict(desk.service.open(sha, BOTH, "ada"))
    assert [q.labels for _, q in desk.model.asked] == [tuple(LABELS)]
    assert draft.question == BOTH and draft.prediction.question.labels == tuple(LABELS)
    assert "does not know dog; it was not asked about that" in draft.note and "asked for dog" not in status_line(draft)
    assert desk.store.newest_prediction(sha, BOTH) is None


def test_its_stored_answer_is_found_again_under_the_wider_question(desk: Desk):
    sha = desk.image("a.png")
    desk.service.predict(desk.service.open(sha, BOTH, "ada"))
    again = desk.service.open(sha, BOTH, "ben")
    assert again.prediction is not None and again.findings.marks and len(desk.model.asked) == 1


def test_nothing_is_asked_where_nothing_was_taught_and_the_page_says_so_before(desk: Desk):
    sha = desk.image("a.png")
    draft = desk.service.open(sha, DOG, "ada")
    assert draft.prediction is None and "The model does not know dog" in draft.note
    with pytest.raises(BadQuestion, match="does not know dog"):
        desk.service.ask(draft)
    value = desk.tab.value_of(draft)
    assert all("marks" not in shown for shown, _ in watch(desk.tab.ask_if_new(draft, value))) and desk.model.asked == []


def test_looking_ahead_passes_such_an_image_over_without_a_word(desk: Desk):
    image = desk.store.image(desk.image("a.png"))
    desk.prefetcher.follow("ada", [(image, DOG), (image, BOTH)])
    assert desk.prefetcher.wait(20) and desk.prefetcher.now.error is None
    assert [q.labels for _, q in desk.model.asked] == [tuple(LABELS)]
    desk.prefetcher.stop()


def test_an_answer_of_a_part_is_not_an_answer_of_none_about_the_rest(desk: Desk):
    image = desk.store.image(desk.image("a.png"))
    prediction = desk.service.answer(image, BOTH, Priority.SCREEN)
    assert "dog" not in desk.store.prediction_digests([prediction.id])[prediction.id].asked
