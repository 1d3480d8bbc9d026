"""Four looks at one image vote: what enough of them see stands, where most of them see it, and the others are no news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from colour_finder import ColourFinder, painted

from pdc.domain.certainty.counts import CountModel
from pdc.domain.doubt import Thresholds
from pdc.domain.geometry import map_findings
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Status, Task
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.vote import MIRRORS, MOST_LOOKS, USUAL, VotePredictor, stands, voted_score
from pdc.settings import LOOKS

BOXES = Question(Task.COUNT_AND_BOX, ("red", "blue"))
PICTURE = {"red": (4, 6, 14, 20), "blue": (40, 22, 52, 30)}
IMAGE = painted(PICTURE)
ALL = voted_score(0.8, 1)  # what all four looks see, each with a score of 0.8
Change = Callable[[Answer], Answer]


def voted(*changes: Change | None, question: Question = BOXES) -> Answer:
    return VotePredictor(ColourFinder(*changes)).predict(IMAGE, question)


def blind_to(label: str) -> Change:
    """A look that does not see the label."""
    return lambda a: replace(a, findings=Findings(tuple(m for m in a.findings.marks if m.label != label), a.findings.stated))


def moved(by: float) -> Change:
    """A look that sees everything further to the right, in its own picture."""

    def shifted(s: Shape) -> Shape:
        return Point(s.x + by, s.y) if isinstance(s, Point) else Box(s.x1 + by, s.y1, s.x2 + by, s.y2)

    return lambda a: replace(a, findings=map_findings(a.findings, shifted))


def scored(score: float) -> Change:
    return lambda a: replace(a, findings=Findings(tuple(replace(m, score=score) for m in a.findings.marks), a.findings.stated))


def unreadable(answer: Answer) -> Answer:
    return replace(answer, findings=None)


def cut(answer: Answer) -> Answer:
    return replace(answer, findings=replace(answer.findings, complete=False), cut=True)


def places(answer: Answer) -> dict[str, tuple[float, ...]]:
    return {m.label: m.shape.xyxy for m in answer.findings.marks}


@pytest.mark.parametrize("mirror", MIRRORS, ids=[m.name for m in MIRRORS])
@pytest.mark.parametrize("task", [Task.COUNT_AND_BOX, Task.POINTING])
def test_what_is_found_in_a_mirror_image_is_put_where_it_is_in_the_image(mirror, task):
    question = Question(task, BOXES.labels)
    plain, turned = (ColourFinder().predict(image, question).findings for image in (IMAGE, mirror.image(IMAGE)))
    assert mirror.back(turned, IMAGE.size) == plain
    assert (turned == plain) is (mirror is MIRRORS[0])


def test_an_outline_comes_back_with_its_mark():
    outline = (((4.0, 6.0), (14.0, 6.0), (14.0, 20.0)),)
    mark = Mark("m1", Box(4, 6, 14, 20), "red", outline=outline)
    there = MIRRORS[3].back(Findings((mark,)), IMAGE.size)
    assert there.marks[0].outline == (((56.0, 34.0), (46.0, 34.0), (46.0, 20.0)),)
    assert MIRRORS[3].back(there, IMAGE.size).marks[0] == mark


def test_looks_that_agree_give_one_mark_of_each_object_with_all_votes():
    answer = voted()
    assert places(answer) == PICTURE
    assert [(m.id, m.votes, m.score) for m in answer.findings.marks] == [("m1", (4, 4), ALL), ("m2", (4, 4), ALL)]
    assert answer.findings.stated == {"red": 1, "blue": 1}
    assert (answer.looks, answer.lost_looks, answer.notes, answer.seconds) == (4, 0, (), 2.0)


@pytest.mark.parametrize(("blind", "sees"), [(1, True), (2, True), (3, False), (4, False)])
def test_what_two_of_four_looks_see_stands_and_what_one_sees_does_not(blind, sees):
    answer = voted(*[blind_to("blue")] * blind)
    assert [m.label for m in answer.findings.marks] == (["red", "blue"] if sees else ["red"])
    assert answer.findings.stated == {"red": 1, "blue": int(sees)}
    assert all(m.votes == (4 - blind, 4) for m in answer.findings.marks if m.label == "blue")


def test_the_score_is_that_of_the_looks_more_where_all_agree_and_less_where_few_do():
    assert [voted_score(0.5, share) for share in (1, 0.75, 0.5)] == [0.5744, 0.4502, 0.3318]
    assert voted_score(0.5, USUAL) == 0.5 and 0 < voted_score(0.0, 0.5) < voted_score(1.0, 1.0) < 1
    answer = voted(blind_to("blue"), scored(0.4))
    assert {m.label: m.score for m in answer.findings.marks} == {"red": voted_score(0.7, 1), "blue": voted_score(2 / 3, 0.75)}


def test_the_place_is_the_median_of_the_looks():
    assert places(voted(moved(3), None, None, moved(-1)))["red"] == (4.5, 6, 14.5, 20)
    assert places(voted(moved(4)))["red"] == (4, 6, 14, 20)


def test_two_objects_that_different_looks_call_by_one_id_stay_two():
    renamed: Change = lambda a: replace(a, findings=Findings(tuple(replace(m, id="m1") for m in a.findings.marks[1:])))  # noqa: E731
    ids = [m.id for m in voted(blind_to("blue"), None, renamed).findings.marks]
    assert len(set(ids)) == len(ids) == 2


@pytest.mark.parametrize("lost", [unreadable, cut])
def test_a_look_that_cannot_be_read_to_its_end_has_no_vote_and_that_is_said(lost):
    answer = voted(blind_to("blue"), lost)
    assert [m.votes for m in answer.findings.marks] == [(3, 3), (2, 3)]
    assert (answer.looks, answer.lost_looks, answer.cut) == (4, 1, False) and answer.findings.complete
    assert answer.notes == ("1 of 4 looks could not be read to their end and had no vote.",)


def test_one_look_that_has_a_vote_stands_alone():
    answer = voted(unreadable, cut, None, unreadable)
    assert places(answer) == PICTURE and not answer.cut and answer.lost_looks == 3
    assert [m.votes for m in answer.findings.marks] == [None, None]


def test_looks_of_which_none_is_whole_leave_what_there_is_of_one():
    answer = voted(unreadable, cut, unreadable, cut)
    assert places(answer) == PICTURE and answer.cut and not answer.findings.complete and answer.lost_looks == 4
    assert voted(*[unreadable] * 4).findings is None


def test_points_of_objects_with_an_extent_are_one_where_those_agree():
    found = voted(moved(6), question=Question(Task.CNT_AND_POINT, BOXES.labels)).findings
    assert [(m.shape, m.extent) for m in found.marks] == [(Point(9, 13), Box(4, 6, 14, 20)), (Point(46, 26), Box(40, 22, 52, 30))]
    assert found.stated == {"red": 1, "blue": 1}


def bare(answer: Answer) -> Answer:
    return replace(answer, findings=Findings(tuple(replace(m, extent=None) for m in answer.findings.marks)))


def test_points_of_which_no_more_is_known_are_one_where_they_are_near():
    near, far = ([lambda a, d=d: moved(d)(bare(a)), bare, bare, bare] for d in (8, 30))
    question = Question(Task.POINTING, ("red",))
    assert [m.votes for m in voted(*near, question=question).findings.marks] == [(4, 4)]
    assert [m.votes for m in voted(*far, question=question).findings.marks] == [(3, 4)]


def test_of_numbers_the_median_stands_the_lower_of_two():
    def stating(n: int) -> Change:
        return lambda a: replace(a, findings=Findings(stated={"red": n, "blue": 0}))

    answer = voted(*map(stating, (9, 4, 5, 7)), question=Question(Task.COUNTING, BOXES.labels))
    assert answer.findings == Findings(stated={"red": 5, "blue": 0})


@pytest.mark.parametrize(("threshold", "status"), [(0.76, Status.OPEN), (0.77, Status.DOUBTFUL)])
def test_a_mark_is_doubtful_by_the_score_that_the_looks_give_it(threshold, status):
    thresholds: Thresholds = {"blue": threshold}
    told: Change = lambda a: replace(a, thresholds=thresholds)  # noqa: E731
    answer = voted(lambda a: told(blind_to("blue")(a)), *[told] * 3)
    mark = answer.findings.marks[1]
    assert (mark.score, mark.status) == (voted_score(0.8, 0.75), status)
    assert answer.findings.stated == {"red": 1, "blue": int(status is Status.OPEN)}


def test_a_mark_that_one_look_doubts_votes_all_the_same():
    def doubting(a: Answer) -> Answer:
        marks = tuple(replace(m, status=Status.DOUBTFUL, score=0.1) for m in a.findings.marks)
        return replace(a, findings=Findings(marks), thresholds={"red": 0.3})

    first, *_ = voted(doubting).findings.marks
    assert (first.status, first.votes, first.score) == (Status.OPEN, (4, 4), voted_score(0.625, 1))


def test_the_chances_of_a_count_follow_from_the_voted_marks_and_the_mean_of_what_the_looks_may_have_left_out():
    model = CountModel(1.0, 0.0, 2.0, 0.0)

    def more(p: float) -> Change:
        return lambda a: replace(a, more={"red": p}, count_models={"red": model}, counts={"red": {7: 1.0}})

    answer = voted(*map(more, (0.1, 0.1, 0.1, 0.5)))
    assert answer.more == {"red": 0.2}
    assert answer.counts == {"red": model.distribution([answer.findings.marks[0].score], 0.2)}
    assert voted(more(0.1)).counts == {}  # the other looks do not say


def test_the_chances_of_a_number_without_marks_are_the_mean_of_the_looks():
    def counting(of: dict[int, float]) -> Change:
        return lambda a: replace(a, counts={"red": of})

    answer = voted(*[counting({1: 1.0})] * 3, counting({1: 0.2, 2: 0.8}), question=Question(Task.COUNTING, ("red",)))
    assert answer.counts == {"red": {1: 0.8, 2: 0.2}}


def test_what_each_look_said_is_kept_under_its_name():
    assert voted().raw.split("\n") == [f"{m.name}: said" for m in MIRRORS]


def test_one_look_is_the_predictor_itself():
    finder = ColourFinder()
    assert VotePredictor(finder, 1).predict(IMAGE, BOXES) == finder.predict(IMAGE, BOXES)
    assert [*VotePredictor(finder, 1).stream(IMAGE, BOXES)][-1] == finder.predict(IMAGE, BOXES)
    assert not any(m.votes for m in finder.predict(IMAGE, BOXES).findings.marks)


def test_the_settings_offer_one_look_and_all():
    assert LOOKS == (1, MOST_LOOKS) == (1, len(MIRRORS))


def test_the_rule_is_two_and_half_of_those_that_vote():
    assert [[n for n in range(1, of + 1) if stands(n, of)] for of in (2, 3, 4)] == [[2], [2, 3], [2, 3, 4]]


def test_of_several_images_each_is_looked_at_in_turn():
    other = painted({"red": (30, 2, 50, 12)})
    first, second = VotePredictor(ColourFinder()).predict_many([(IMAGE, BOXES), (other, BOXES)])
    assert places(first) == PICTURE and places(second) == {"red": (30, 2, 50, 12)}
    assert VotePredictor(ColourFinder()).predict_many([]) == []


def test_the_first_look_is_seen_at_once_and_the_vote_at_last():
    finder = ColourFinder(blind_to("blue"))
    *parts, answer = VotePredictor(finder).stream(IMAGE, BOXES)
    assert [[m.label for m in p.findings.marks] for p in parts if isinstance(p, SoFar)] == [["red"]] * 4
    assert [p.look for p in parts if isinstance(p, SoFar)] == [(n, 4) for n in (1, 2, 3, 4)]
    assert isinstance(answer, Answer) and places(answer) == PICTURE and finder.asked == 4


def test_nothing_more_is_asked_once_it_is_cancelled():
    finder = ColourFinder()
    parts = [*VotePredictor(finder).stream(IMAGE, BOXES, cancelled=lambda: finder.asked >= 2)]
    assert finder.asked == 2 and not any(isinstance(p, Answer) for p in parts)


@pytest.mark.slow
def test_the_embedded_model_is_asked_four_times_and_finds_what_it_finds_in_one_look(embedded, smears):
    image, question = smears[0][0], Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet"))
    alone, answer = embedded.predict(image, question), VotePredictor(embedded).predict(image, question)
    assert answer.looks == 4 and answer.findings and alone.findings
    assert all(m.votes and 2 <= m.votes[0] <= 4 and 0 < m.score <= 1 for m in answer.findings.marks)
    n, m = (len(a.findings.marks) for a in (alone, answer))
    assert n and abs(n - m) <= max(3, n // 3)
    assert set(answer.counts) == set(alone.counts) and answer.thresholds == alone.thresholds
