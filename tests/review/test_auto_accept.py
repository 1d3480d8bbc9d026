"""Answers without doubt are accepted unseen: which, what is told of the others, how they are taken back and confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import ASK, FOUND, Desk
from sure_answers import DOUBTED, ONE_EACH, SURE, an_answer, answered

from pdc.domain.errors import Forbidden
from pdc.domain.values import Findings, Question, Task, Verdict
from pdc.domain.view import View
from pdc.review import auto_accept
from pdc.review.auto_accept import DARK, DOUBTFUL, IN_WORK, NOT_WHOLE, STRANGE, UNANSWERED, UNSURE, AutoAccept, doubt_about
from pdc.review.listing.entries import Stage, WorklistFilter

DOUBTFUL_COUNTS = {"red blood cell": {0: 0.5, 1: 0.5}, "platelet": {0: 0.5, 1: 0.5}}
NONE = {"red blood cell": {0: 0.98, 1: 0.02}, "platelet": {0: 0.97, 1: 0.03}}


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def accepted(desk: Desk, *shas: str, reader: str = "ada") -> list[str]:
    return AutoAccept(desk.images).accept(shas, reader)


def stages(desk: Desk, reader: str = "ada") -> list[Stage]:
    return [e.stage for e in desk.listed(reader)]


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        (None, {}),
        (None, {"counts": {}}),  # where nothing is known of the numbers, the marks decide
        (None, {"findings": Findings(), "counts": NONE}),
        (None, {"counts": {**ONE_EACH, "platelet": {1: 0.6, 2: 0.4}}}),  # marks without doubt are enough
        (UNSURE, {"findings": Findings(), "counts": {}}),
        (UNSURE, {"findings": Findings(), "counts": {**NONE, "platelet": {0: 0.7, 1: 0.3}}}),
        (UNSURE, {"findings": Findings(), "counts": {"platelet": NONE["platelet"]}}),
        (DOUBTFUL, {"findings": DOUBTED}),
        (DOUBTFUL, {"findings": FOUND, "counts": {}}),  # 0.31 of a label of which not even a threshold may be known
        (DOUBTFUL, {"findings": Findings(tuple(replace(m, score=None) for m in SURE.marks))}),
        (STRANGE, {"likeness": {"red blood cell": 0.01, "platelet": 0.7}}),
        (NOT_WHOLE, {"findings": None}),
        (NOT_WHOLE, {"cut": True}),
        (NOT_WHOLE, {"findings": replace(SURE, complete=False)}),
        (NOT_WHOLE, {"question": Question(Task.COUNT_AND_BOX, ("platelet",))}),
    ],
)
def test_an_answer_is_without_doubt_only_by_all_of_its_own_numbers(why, changes):
    assert doubt_about(an_answer(**changes), ASK) == why


def test_the_offer_says_how_many_of_how_many_and_why_the_others_are_left(desk: Desk):
    sure = [answered(desk, f"{n}.png") for n in "ab"]
    answered(desk, "c.png", findings=DOUBTED)
    answered(desk, "d.png", findings=DOUBTED)
    answered(desk, "e.png", view=View(looks="black"))
    desk.image("f.png")
    edited = answered(desk, "g.png")
    desk.service.edit(desk.service.open(edited, ASK, "ben"), Findings(SURE.marks[:1]))
    back, done = answered(desk, "h.png"), answered(desk, "i.png")
    desk.images.send_back(back, "ben", "blurred")
    desk.service.save(desk.service.open(done, ASK, "ben"))
    offer = AutoAccept(desk.images).offer("ada", WorklistFilter())
    assert sorted(offer.images) == sorted(sure) and offer.total == 8 and not offer.more
    assert offer.left == {DOUBTFUL: 2, DARK: 1, UNANSWERED: 1, IN_WORK: 2}
    assert str(offer.reasons[0]) == "2 with doubtful marks"
    assert AutoAccept(desk.images).offer("ada", WorklistFilter(name="b.")).total == 1


def test_of_very_many_images_those_with_the_least_doubt_are_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auto_accept, "LOOKED", 2)
    for n in "ab":
        answered(desk, f"{n}.png", findings=DOUBTED, counts=DOUBTFUL_COUNTS)
    sure = [answered(desk, f"{n}.png") for n in "cd"]
    desk.image("e.png")
    offer = AutoAccept(desk.images).offer("ada", WorklistFilter())
    assert sorted(offer.images) == sorted(sure) and (offer.left, offer.more) == ({}, True)


def test_what_was_accepted_unseen_is_no_review_until_a_reader_saves_it(desk: Desk):
    sha, doubtful = answered(desk, "a.png"), answered(desk, "b.png", findings=DOUBTED)
    assert accepted(desk, sha, doubtful) == [sha]
    (kept,) = desk.store.reviews(unseen=True)
    assert (kept.verdict, kept.author, kept.findings.marks) == (Verdict.AUTO_ACCEPTED, "ada", SURE.marks)
    progress = desk.images.progress("ada", WorklistFilter())
    assert (progress.done, progress.total, progress.auto_accepted) == (0, 2, 1)
    assert stages(desk) == [Stage.AUTO_ACCEPTED, Stage.PREDICTED]
    assert desk.images.next("ada", WorklistFilter(), None).sha256 == doubtful

    draft = desk.service.open(sha, ASK, "ben")
    assert "nobody has looked at it" in str(draft.note) and draft.findings.marks == SURE.marks
    _, confirmed = desk.service.save(draft)
    assert (confirmed.verdict, confirmed.author, confirmed.revision) == (Verdict.ACCEPTED, "ben", 2)
    assert stages(desk)[0] is Stage.DONE and desk.store.usable_reviews() == [confirmed]
    assert AutoAccept(desk.images).take_back([sha], "ada") == [] and stages(desk)[0] is Stage.DONE


def test_taken_back_an_image_is_as_it_was_and_may_be_accepted_again(desk: Desk):
    sha = answered(desk, "a.png")
    before = desk.service.open(sha, ASK, "ben")
    accepted(desk, sha)
    assert AutoAccept(desk.images).take_back([sha], "ben") == [sha] and stages(desk) == [Stage.PREDICTED]
    again = desk.service.open(sha, ASK, "ben")
    assert (again.findings, again.note, again.prediction) == (before.findings, before.note, before.prediction)
    assert AutoAccept(desk.images).take_back([sha], "ben") == []
    assert accepted(desk, sha) == [sha] and stages(desk) == [Stage.AUTO_ACCEPTED]
    verdicts = [r.verdict for r in desk.store.reviews(sha, unseen=True)]
    assert verdicts == [Verdict.AUTO_ACCEPTED, Verdict.TAKEN_BACK, Verdict.AUTO_ACCEPTED]  # nothing is erased


def test_a_reader_who_had_it_open_saves_over_what_was_accepted_unseen_meanwhile(desk: Desk):
    sha = answered(desk, "a.png")
    open_before = desk.service.open(sha, ASK, "ben")
    accepted(desk, sha)
    _, saved = desk.service.save(replace(open_before, findings=Findings(SURE.marks[:1])))
    assert (saved.verdict, saved.revision) == (Verdict.CORRECTED, 2)
    _, other = desk.service.save(replace(desk.service.open(sha, ASK, "ada"), findings=Findings()))
    assert other.revision == 3 and desk.service.conflict(replace(open_before, findings=Findings())) is not None


def test_reads_that_are_blind_or_beside_others_are_never_accepted_unseen(desk: Desk, tmp_path):
    sha = answered(desk, "a.png")
    desk.service.reads.assign([sha], ASK, ["ada", "ben"], "eve")
    assert AutoAccept(desk.images).offer("ada", WorklistFilter()).left == {IN_WORK: 1}
    assert accepted(desk, sha) == accepted(desk, sha, reader="eve") == []
    (tmp_path / "blind").mkdir()
    with pytest.raises(Forbidden, match="blind"):
        AutoAccept(Desk(tmp_path / "blind", blind=True).images).offer("ada", WorklistFilter())


def test_what_one_reader_accepts_unseen_is_no_blind_read_of_theirs(desk: Desk):
    sha = answered(desk, "a.png")
    accepted(desk, sha)
    desk.service.blind = True
    assert desk.service.hides(sha, ASK, "ada") and not desk.service.open(sha, ASK, "ada").findings.marks
