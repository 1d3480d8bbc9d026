"""An image asked four ways beside a reader: the first look at once, the vote at last, and what the reader did stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from colour_finder import ColourFinder, painted
from desk import Desk, watch
from old_stores import put_back
from pictures import encoded
from store_values import url_of

from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Prediction, Question, Review, Status, Task, Verdict
from pdc.inference.predictors.base import Answer
from pdc.review.calibration import scored_marks
from pdc.review.history import _of_prediction
from pdc.review.prefetch import Prefetcher
from pdc.review.requests import Priority
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.settings import Settings
from pdc.store import Store
from pdc.web.ui.review_tab import ReviewTab

ASK = Question(Task.COUNT_AND_BOX, ("red", "blue"))
PICTURE = painted({"red": (4, 6, 14, 20), "blue": (40, 22, 52, 30)})


class Held(ColourFinder):
    """Waits before its second look until `go` says so."""

    def __init__(self, *changes) -> None:
        super().__init__(*changes)
        self.go = threading.Event()
        self.go.set()

    def predict(self, image, question) -> Answer:
        if self.asked:
            assert self.go.wait(60)
        return super().predict(image, question)


def a_desk(folder: Path, *changes, looks: int = 1) -> Desk:
    desk = Desk(folder)
    desk.model = Held(*changes)
    desk.service = ReviewService(desk.store, desk.service.files, desk.model, looks=looks)
    desk.tab = ReviewTab(desk.service, Worklist(desk.service), Prefetcher(desk.service), lambda: ASK)
    return desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return a_desk(tmp_path)


def opened(desk: Desk) -> tuple[Any, Any]:
    sha = desk.service.add_image(encoded(PICTURE), "a.png")[0].sha256
    draft = desk.service.open(sha, ASK, "ada")
    return draft, desk.tab.value_of(draft)


def four_ways(desk: Desk, draft: Any, value: Any) -> Iterator[Any]:
    bar = {"task": str(draft.question.task), "labels": list(draft.question.labels)}
    return watch(desk.tab.ask_looks(bar, draft, value))


def test_an_answer_of_four_looks_says_so_where_it_is_shown_and_stored(desk: Desk):
    draft, value = opened(desk)
    *_, (_, shown, _, said) = four_ways(desk, draft, value)
    assert "Voted from 4 looks." in said and [m["votes"] for m in shown["marks"]] == [[4, 4], [4, 4]]
    (stored,) = desk.store.predictions()
    assert (stored.looks, stored.lost_looks, stored.seconds) == (4, 0, 2.0)
    assert [m.votes for m in stored.findings.marks] == [(4, 4)] * 2
    assert "4 looks" in _of_prediction(stored, ASK, False).title
    desk.tab.save(draft, shown, {})
    (review,) = desk.store.reviews()
    assert review.verdict is Verdict.ACCEPTED and review.findings.marks[0].votes == (4, 4)


def test_a_look_without_a_vote_is_told(tmp_path: Path):
    desk = a_desk(tmp_path, None, lambda a: replace(a, findings=None))
    draft, value = opened(desk)
    *_, (_, shown, _, said) = four_ways(desk, draft, value)
    assert "1 of 4 looks could not be read to their end and had no vote." in said
    assert [m["votes"] for m in shown["marks"]] == [[3, 3], [3, 3]]
    assert desk.store.predictions()[0].lost_looks == 1


def test_the_first_look_is_on_the_screen_while_the_others_are_taken(tmp_path: Path):
    def off(a: Answer) -> Answer:
        return replace(a, findings=Findings((replace(a.findings.marks[0], shape=Box(5, 6, 15, 20)), *a.findings.marks[1:])))

    desk = a_desk(tmp_path, off)
    desk.model.go.clear()
    draft, value = opened(desk)
    steps = four_ways(desk, draft, value)
    next(steps)
    while len((step := next(steps))[1]["marks"]) < 2:
        pass
    shown, said = step[1], step[3]
    assert said == "The model takes look 2 of 4; Esc stops it."
    assert shown["answering"] and shown["marks"][0]["box"] == [5, 6, 15, 20] and "votes" not in shown["marks"][0]
    desk.model.go.set()
    *_, (_, shown, _, _) = steps
    assert (shown["merge"], shown["answering"]) == (True, False)
    assert shown["marks"][0]["id"] == "m1" and shown["marks"][0]["box"] == [4, 6, 14, 20]


def test_what_the_reader_judged_stays_when_the_image_is_asked_again_with_four_looks(desk: Desk):
    draft, value = opened(desk)
    *_, (shown, _) = watch(desk.tab.ask(draft, value))
    kept = {**shown["marks"][1], "status": "rejected"}
    mine = {**shown, "marks": [shown["marks"][0], kept], "edits": 1}
    *_, (_, shown, _, _) = four_ways(desk, draft, mine)
    by_label = {m["label"]: m for m in shown["marks"]}
    assert len(shown["marks"]) == 2 and by_label["blue"] == kept
    assert by_label["red"]["votes"] == [4, 4] and [p.looks for p in desk.store.predictions()] == [1, 4]


def test_a_stored_answer_of_four_looks_is_shown_before_one_of_one_look_whichever_is_newer(desk: Desk):
    draft, _ = opened(desk)
    image = draft.image
    four = desk.service.answer(image, ASK, Priority.PREFETCH, looks=4)
    one = desk.service.request(image, ASK, again=True).result()
    assert (four.looks, one.looks, desk.model.asked) == (4, 1, 5)
    assert desk.service.known(image.sha256, ASK) == one  # whoever gave it, the newest
    desk.service.serving = lambda question: ("finder", None, ())
    assert desk.service.known(image.sha256, ASK) == four == desk.service.open(image.sha256, ASK, "ben").prediction
    assert desk.service.answer(image, ASK, looks=4) == four and desk.model.asked == 5


def test_what_was_answered_ahead_with_one_look_is_asked_again_where_the_screen_is_to_have_four(tmp_path: Path):
    desk = a_desk(tmp_path, looks=4)
    draft, _ = opened(desk)
    desk.service.answer(draft.image, ASK, Priority.PREFETCH)
    draft = desk.service.open(draft.image.sha256, ASK, "ada")
    *_, (shown, _) = watch(desk.tab.ask_if_new(draft, desk.tab.value_of(draft)))
    assert [m["votes"] for m in shown["marks"]] == [[4, 4]] * 2 and [p.looks for p in desk.store.predictions()] == [1, 4]
    answered = desk.service.open(draft.image.sha256, ASK, "ada")
    assert [*watch(desk.tab.ask_if_new(answered, None))] == [(gr.skip(), gr.skip())]


def test_an_image_is_asked_with_one_look_unless_the_settings_say_four(desk: Desk):
    draft, value = opened(desk)
    assert [*watch(desk.tab.ask_if_new(draft, value))] and desk.store.predictions()[0].looks == 1
    assert Settings.from_env({}).looks == 1 and Settings.from_env({"PDC_LOOKS": "4"}).looks == 4
    with pytest.raises(BadSetting, match="PDC_LOOKS is 3; use 1 or 4"):
        Settings.from_env({"PDC_LOOKS": "3"})


def test_scores_of_four_looks_are_calibrated_apart_from_those_of_one(desk: Desk):
    draft, _ = opened(desk)
    image = draft.image
    answers = [desk.service.answer(image, ASK, looks=n) for n in (1, 4)]
    pairs = [(a, reviewed(a)) for a in answers]
    assert set(scored_marks(pairs)) == {(ASK.task, None, looks, label) for looks in (1, 4) for label in ASK.labels}
    words = desk.tab.sureness
    words._fits = {}
    assert words.words(ASK, None, 4) == {}


def reviewed(answer: Prediction) -> Review:
    assert answer.findings
    marks = tuple(replace(m, status=Status.ACCEPTED) for m in answer.findings.marks)
    return Review("r", answer.image_sha256, ASK, answer.id, Verdict.ACCEPTED, Findings(marks, {}), "ada", 1, answer.created_at)


def test_an_answer_from_before_looks_were_counted_is_of_one_look(tmp_path: Path):
    desk = a_desk(tmp_path)
    draft, _ = opened(desk)
    before = desk.service.answer(draft.image, ASK)
    desk.store.close()
    put_back(tmp_path / "pdc.sqlite3", "0016")
    assert Store.open(url_of(tmp_path)).prediction(before.id) == before
