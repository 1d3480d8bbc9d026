"""A draft whose question changes: its marks stay, on disk too, and nothing is saved that nobody said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import ASK, FOUND, LABELS, Desk, a_mark, drawn

from pdc.domain.errors import StaleSave
from pdc.domain.values import Aside, Box, Findings, Mark, Origin, Point, Question, Review, Status, Task, Verdict
from pdc.review.calibration import scored_marks
from pdc.review.drafts import Draft, carry, kept_aside, unsaid_nones
from pdc.review.edit_counts import count_first_edits
from pdc.review.questions import says_none
from pdc.store.mapping import dump_findings, load_findings
from pdc.training.dataset_export import _answerable, _row
from pdc.web.ui.screen import status_line
from pdc.web.ui.worklist import detail

pytestmark = pytest.mark.both_databases("nightly")

RED, PLATELET = LABELS
JUST_RED, WIDER = replace(ASK, labels=(RED,)), replace(ASK, labels=(*LABELS, "cyst"))
POINTS = Question(Task.CNT_AND_POINT, ASK.labels)


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def draft(desk: Desk) -> Draft:
    """FOUND as the model's answer, and a platelet that the reader drew."""
    answered = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    return desk.service.edit(answered, replace(answered.findings, marks=(*FOUND.marks, a_mark("h1", 30))))


def test_the_question_of_a_draft_changes_and_its_marks_do_not(draft: Draft):
    wider = carry(draft, WIDER)
    assert (wider.question, wider.findings, wider.prediction) == (WIDER, draft.findings, draft.prediction)
    assert wider.rev == draft.rev + 1


def test_what_is_not_asked_for_is_named(draft: Draft):
    narrow = carry(draft, JUST_RED)
    assert kept_aside(narrow) == "Kept aside, and not saved as found or absent: 2 of platelet."
    assert kept_aside(narrow) in status_line(narrow) and kept_aside(draft) == ""


def test_labels_in_another_order_are_the_question_that_was_there_before(draft: Draft):
    back = carry(carry(draft, JUST_RED), Question(ASK.task, (PLATELET, RED)))
    assert back.question == ASK and set(back.findings.marks) == set(draft.findings.marks)


def test_a_changed_question_is_kept_on_disk_and_leaves_no_second_draft(desk: Desk, draft: Draft):
    desk.service.change_question(draft, JUST_RED)
    kept = desk.store.draft("ada", draft.image.sha256, JUST_RED)
    assert kept and kept.question == JUST_RED and {m.id for m in kept.findings.aside.marks} == {"m2", "h1"}
    assert desk.store.drafts(draft.image.sha256, ASK) == []
    again = desk.service.open(draft.image.sha256, JUST_RED, "ada")
    assert set(desk.service.change_question(again, ASK).findings.marks) == set(draft.findings.marks)


def test_what_is_saved_is_what_the_question_shows(desk: Desk, draft: Draft):
    narrow, review = desk.service.save(desk.service.change_question(draft, JUST_RED))
    assert review.question == JUST_RED and review.findings.marks == FOUND.marks[:1] and review.verdict is Verdict.ACCEPTED
    back = desk.service.change_question(narrow, ASK)
    assert set(back.findings.marks) == set(draft.findings.marks)  # what was aside is back after a save too
    reopened = desk.service.open(draft.image.sha256, JUST_RED, "ben")
    assert {m.id for m in reopened.findings.aside.marks} == {"m2", "h1"}


def test_only_asking_asks_the_model_and_it_answers_the_new_question(desk: Desk, draft: Draft):
    turned = desk.service.change_question(draft, WIDER)
    assert len(desk.model.asked) == 1
    asked = desk.service.predict(turned)
    assert [q for _, q in desk.model.asked] == [ASK, WIDER]
    assert asked.prediction and asked.prediction.question == WIDER and a_mark("h1", 30) in asked.findings.marks


def test_an_empty_image_opens_with_what_is_known_about_the_other_question(desk: Desk):
    sha = desk.image("a.png")
    theirs = desk.service.open(sha, JUST_RED, "ben")
    desk.service.save(replace(theirs, findings=Findings((a_mark("h1", 3, RED),))))
    turned = desk.service.change_question(desk.service.open(sha, ASK, "ada"), JUST_RED)
    assert turned.findings.marks and turned.base_revision == 1


def test_a_review_that_nobody_looked_at_is_not_replaced_in_silence(desk: Desk, draft: Draft):
    theirs = desk.service.open(draft.image.sha256, JUST_RED, "ben")
    desk.service.save(replace(theirs, findings=Findings((a_mark("h1", 3, RED), a_mark("h2", 14, RED)))))
    turned = desk.service.change_question(draft, JUST_RED)
    with pytest.raises(StaleSave):
        desk.service.save(turned)
    conflict = desk.service.conflict(turned)
    assert conflict and conflict.theirs.author == "ben"


def test_there_and_back_goes_on_from_the_review_that_was_open(desk: Desk, draft: Draft):
    saved, _ = desk.service.save(draft)
    back = desk.service.change_question(desk.service.change_question(saved, JUST_RED), ASK)
    _, review = desk.service.save(replace(back, findings=replace(back.findings, marks=FOUND.marks)))
    assert review.revision == 2


def test_none_of_a_label_that_the_model_was_not_asked_for_is_saved_only_when_it_is_meant(desk: Desk, draft: Draft):
    turned = desk.service.change_question(draft, WIDER)
    assert unsaid_nones(turned) == ("cyst",)
    asked = desk.tab.questions.doubted(turned)
    assert asked and "nothing is marked as cyst, and the model has not looked for it" in asked.note
    assert desk.tab.questions.doubted(asked) is None  # saved again, it is meant
    marked = replace(turned, findings=replace(turned.findings, marks=(*turned.findings.marks, a_mark("h2", 3, "cyst"))))
    assert unsaid_nones(marked) == () == unsaid_nones(draft)
    more = replace(turned, findings=replace(turned.findings, complete=False))
    assert unsaid_nones(more) == ()  # an incomplete review says none of nothing


def test_a_number_that_was_typed_is_not_saved_as_none_when_marks_are_asked_for(desk: Desk):
    counting = Question(Task.COUNTING, (RED,))
    counted = desk.service.open(desk.image("a.png"), counting, "ada")
    turned = desk.service.change_question(replace(counted, findings=Findings((), {RED: 5})), JUST_RED)
    assert turned.findings.count(JUST_RED.task) == 0 and unsaid_nones(turned) == (RED,)


def test_the_page_is_sent_the_same_marks_as_a_document_that_goes_on(desk: Desk):
    sha = desk.image("a.png")
    draft, value, *_ = desk.choose(sha)
    marked = {**value, "marks": [drawn()], "edits": 1}
    turned, shown, *_ = desk.tab._change(draft, marked, POINTS)
    assert shown["turned"] == value["case"] != shown["case"] and shown["edits"] == 1
    assert [(m["point"], m["extent"]) for m in shown["marks"]] == [([5, 5], [1, 1, 9, 9])]
    assert desk.store.draft("ada", sha, turned.question).findings == turned.findings


def test_blind_readers_are_shown_nothing_of_the_model_by_another_question(tmp_path):
    desk = Desk(tmp_path, blind=True)
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    own = replace(draft, findings=Findings((a_mark("h1", 3),)))
    turned = desk.service.change_question(own, WIDER)
    assert turned.blind and turned.findings.marks == own.findings.marks
    saved, _ = desk.service.save(own)
    shown = desk.service.predict(saved)
    assert any(m.origin is Origin.MODEL for m in shown.findings.marks)
    unread = desk.service.change_question(shown, POINTS)
    assert unread.blind and unread.prediction is None and not unread.findings.marks


def test_what_readers_correct_is_counted_of_labels_that_the_model_was_asked_for(desk: Desk, draft: Draft):
    turned = desk.service.change_question(replace(draft, findings=FOUND), replace(ASK, labels=(RED, "cyst")))
    cyst = replace(turned.findings, marks=(*turned.findings.marks, a_mark("h5", 3, "cyst")))
    _, review = desk.service.save(replace(turned, findings=cyst))
    answer = desk.store.prediction(review.prediction_id or "")
    assert [edits for _, edits, _ in count_first_edits([review], [answer])] == [0]
    assert list(scored_marks([(answer, review)]).values()) == [[(0.9, True)]]  # nothing is said of the platelet put aside
    assert "predicted" not in _row(draft.image, review, answer)


def test_points_of_the_models_boxes_are_kept_by_their_readers(desk: Desk, draft: Draft):
    _, review = desk.service.save(desk.service.change_question(replace(draft, findings=FOUND), POINTS))
    answer = desk.store.prediction(review.prediction_id or "")
    assert review.verdict is Verdict.ACCEPTED
    assert sorted(scored_marks([(answer, review)]).values()) == [[(0.31415, True)], [(0.9, True)]]


def test_a_point_among_boxes_is_trained_on_as_points(desk: Desk, draft: Draft):
    mixed = replace(FOUND, marks=(*FOUND.marks, Mark("h1", Point(3, 4), RED, Origin.HUMAN, Status.ACCEPTED)))
    _, review = desk.service.save(replace(draft, findings=mixed))
    taught = _answerable(review)
    assert taught.question == POINTS and [m.shape for m in taught.findings.marks] == [Point(7, 7), Point(25, 10), Point(3, 4)]
    boxes = replace(review, findings=FOUND)
    assert _answerable(boxes) == boxes and isinstance(boxes.findings.marks[0].shape, Box)


def test_an_image_that_may_show_more_is_stored_so_and_every_place_says_at_least(desk: Desk, draft: Draft):
    more = replace(draft, findings=replace(draft.findings, complete=False))
    desk.service.edit(more, more.findings)
    kept = desk.store.draft("ada", draft.image.sha256, ASK)
    assert kept and not kept.findings.complete
    _, review = desk.service.save(more)
    assert not review.complete and not desk.store.reviews()[0].complete
    assert [detail(e) for e in desk.listed("ada")] == ["at least 3 · model 2"]
    assert _row(draft.image, review, None)["complete"] is False and "complete" not in _row(draft.image, _whole(review), None)


def _whole(review: Review) -> Review:
    return replace(review, findings=replace(review.findings, complete=True))


def test_an_image_that_may_show_more_says_none_of_nothing(desk: Desk):
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    assert says_none(Findings(), ASK) and not says_none(Findings(complete=False), ASK)
    desk.service.save(replace(draft, findings=Findings(complete=False)))
    assert [detail(e) for e in desk.listed("ada")] == ["at least 0"]


def test_what_was_stored_before_is_complete_and_has_nothing_aside():
    assert load_findings('{"marks":[],"stated":{"platelet":2}}') == Findings((), {PLATELET: 2})
    full = Findings(FOUND.marks, {}, Aside((Mark("a", Point(1, 2), "x", extent=Box(0, 0, 2, 4)),), {"y": 3}), False)
    assert load_findings(dump_findings(full)) == full
    assert dump_findings(FOUND) == dump_findings(load_findings(dump_findings(FOUND))) and "aside" not in dump_findings(FOUND)


def test_what_is_hidden_by_its_score_is_saved_as_not_found(desk: Desk):
    """The editor sends it as doubtful: the numbers on the screen, in the list and in the store are one."""
    draft, value, *_ = desk.choose(desk.image("a.png"))
    answered, shown, _ = desk.ask(draft, value)
    low = {**shown, "marks": [{**m, "status": "doubtful"} if m["id"] == "m2" else m for m in shown["marks"]], "edits": 1}
    desk.tab.save(answered, low, {})
    (review,) = desk.store.reviews()
    assert review.findings.count(ASK.task) == 1 and review.findings.marks[1].status is Status.DOUBTFUL
    assert detail(desk.listed("ada")[0]).startswith("1 · ")
    assert list(scored_marks([(answered.prediction, review)]).values()) == [[(0.9, True)]]
    assert shown["found"] == ["m1", "m2"]
