"""Marks of several readers become objects, and objects a proposed consensus."""

from __future__ import annotations

from random import Random

from several_readers import ASK, careless, found

from pdc.domain.agreement.consensus import Standing, propose
from pdc.domain.agreement.objects import group_marks
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Question, Status, Task
from pdc.review.blind_reading import find_faults

BOXES = Question(Task.COUNT_AND_BOX, ("cell", "platelet"))
POINTS = Question(Task.CNT_AND_POINT, ("cell", "platelet"))


def box(x: float, label: str = "cell", side: float = 20, id: str = "h1", **changes) -> Mark:
    return Mark(id, Box(x, 10, x + side, 10 + side), label, Origin.HUMAN, **changes)


def point(x: float, label: str = "cell", id: str = "h1") -> Mark:
    return Mark(id, Point(x, 10), label, Origin.HUMAN)


def read(*marks: Mark, **more) -> Findings:
    return Findings(tuple(Mark(f"h{i}", m.shape, m.label, m.origin, m.status) for i, m in enumerate(marks)), **more)


def test_marks_of_one_place_are_one_object_whatever_their_labels():
    groups = group_marks({"ada": read(box(0), box(100)), "bob": read(box(2, "platelet")), "eve": read(box(1))})
    assert [sorted(g.marks) for g in groups] == [["ada", "bob", "eve"], ["ada"]]
    assert groups[0].votes == {"cell": 2, "platelet": 1}


def test_a_reader_has_one_mark_in_a_group_and_the_nearest_is_it():
    groups = group_marks({"ada": read(point(10)), "bob": read(point(15), point(11))})
    assert [{r: m.shape for r, m in g.marks.items()} for g in groups] == [
        {"ada": Point(10, 10), "bob": Point(11, 10)},
        {"bob": Point(15, 10)},
    ]


def test_the_same_label_is_matched_before_a_nearer_mark_of_another():
    groups = group_marks({"ada": read(point(10)), "bob": read(point(11, "platelet"), point(15))})
    assert [sorted(m.label for m in g.marks.values()) for g in groups] == [["cell", "cell"], ["platelet"]]


def test_rejected_and_doubtful_marks_are_nobodys():
    groups = group_marks({"ada": read(box(0, status=Status.REJECTED)), "bob": read(box(0, status=Status.DOUBTFUL))})
    assert groups == ()


def test_every_counted_mark_is_in_one_group_whatever_the_order_of_the_readers():
    random = Random(5)
    reads = {name: read(*(box(random.uniform(0, 400), side=random.uniform(3, 60)) for _ in range(60))) for name in "abcd"}
    groups = group_marks(reads)
    assert sum(len(g.marks) for g in groups) == 240
    forms = [
        {frozenset((r, m.id) for r, m in g.marks.items()) for g in group_marks({n: reads[n] for n in o})} for o in ("ab", "ba")
    ]
    assert forms[0] == forms[1]


def test_what_most_readers_marked_is_proposed_at_the_median_place_with_most_readers_label():
    proposal = propose({"ada": read(box(0)), "bob": read(box(4, "platelet")), "eve": read(box(2))}, BOXES)
    (only,) = proposal.objects
    assert only.mark.shape == Box(2, 10, 22, 30)
    assert (only.mark.label, only.mark.status, only.standing) == ("cell", Status.OPEN, Standing.MAJORITY)


def test_what_everybody_marked_with_one_label_is_agreed():
    proposal = propose({"ada": read(point(10)), "bob": read(point(12))}, POINTS)
    assert [(o.standing, o.mark.shape) for o in proposal.objects] == [(Standing.AGREED, Point(11, 10))]


def test_what_one_of_three_marked_is_proposed_not_to_count():
    proposal = propose({"ada": read(box(0)), "bob": read(), "eve": read()}, BOXES)
    assert [(o.standing, o.mark.status) for o in proposal.objects] == [(Standing.MINORITY, Status.REJECTED)]
    assert proposal.findings.count(BOXES.task) == 0


def test_ties_stay_open_for_the_adjudicator():
    half = propose({"ada": read(box(0)), "bob": read()}, BOXES)
    labels = propose({"ada": read(box(0)), "bob": read(box(0, "platelet"))}, BOXES)
    assert [o.standing for o in (*half.objects, *labels.objects)] == [Standing.TIED] * 2
    assert {m.status for m in (*half.findings.marks, *labels.findings.marks)} == {Status.DOUBTFUL}


def test_an_incomplete_read_has_no_say_in_what_it_does_not_mark():
    reads = {"ada": read(box(0)), "bob": read(box(0)), "eve": read(complete=False), "kim": read(complete=False)}
    proposal = propose(reads, BOXES)
    assert [o.standing for o in proposal.objects] == [Standing.AGREED]
    assert not proposal.findings.complete


def test_of_numbers_the_one_of_more_than_half_is_proposed_else_the_median():
    question = Question(Task.COUNTING, ("cell", "platelet"))
    said = [{"cell": 5, "platelet": 1}, {"cell": 5, "platelet": 4}, {"cell": 9, "platelet": 2}]
    proposal = propose({f"r{i}": Findings(stated=s) for i, s in enumerate(said)}, question)
    assert proposal.findings.stated == {"cell": 5, "platelet": 2}


def test_the_consensus_of_three_careless_readers_has_fewer_faults_than_any_of_them():
    faults: dict[str, int] = {}
    for image in range(20):
        truth = found(*((30 * i, ASK.labels[(i + image) % 2]) for i in range(20)))
        reads = {name: careless(truth, 3 * image + i) for i, name in enumerate(("ada", "bob", "eve"))}
        consensus = propose(reads, ASK).findings
        for name, findings in {**reads, "consensus": consensus}.items():
            seen = find_faults(Findings(tuple(m for m in findings.marks if m.counts)), truth, ASK.task)
            faults[name] = faults.get(name, 0) + len(seen.missed) + len(seen.extra)
    assert faults.pop("consensus") < 0.8 * min(faults.values())  # ties count as faults until somebody decides them
