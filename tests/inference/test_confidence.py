"""Signals of certainty, from made-up tokens whose probabilities are known."""

from __future__ import annotations

import pytest

from pdc.domain.prompts import COMPACT, PAPER, parse
from pdc.domain.values import Question, Task
from pdc.inference.decoding import Decoded, TokenStep
from pdc.inference.decoding.confidence import chance_of_more, mark_signals, partial_findings, with_scores
from pdc.inference.types import Proposal

POINTS, BOXES = Question(Task.POINTING, ("a",)), Question(Task.BOUNDING, ("a", "b"))


def said(*pieces: tuple[str, float], more: dict[int, float] | None = None, opinion=None) -> Decoded:
    """pieces: (text, probability); more: index of a piece -> mass of going on."""
    steps = tuple(TokenStep(text, p, 1.0, (more or {}).get(i, 0.0)) for i, (text, p) in enumerate(pieces))
    return Decoded("".join(t for t, _ in pieces), steps, True, second_opinion=opinion)


ONE_POINT = (('[{"label":"a","point_2d":[', 1.0), ("[", 0.8), ("12", 0.5), (",", 1.0), ("30", 0.5), ("]]}]", 1.0))


def test_a_score_is_existence_times_the_mean_of_its_coordinates():
    signals = mark_signals(POINTS, said(*ONE_POINT), COMPACT)
    assert [(s.exists, s.coordinates, s.agreement) for s in signals] == [(0.8, 0.5, None)]
    assert signals[0].score == pytest.approx(0.4)


def test_the_dense_heads_opinion_raises_or_lowers_a_score():
    def score(*opinion: Proposal) -> float:
        per_label = {label: tuple(p for p in opinion if p.label == label) for label in ("a", "b")}
        return mark_signals(POINTS, said(*ONE_POINT, opinion=per_label), COMPACT)[0].score

    agrees, far, other = Proposal("a", (12, 31), 0.9), Proposal("a", (90, 90), 0.9), Proposal("b", (12, 30), 0.9)
    assert score(agrees) > 0.5 > score(far) == score(other) == score() > 0


def test_the_dense_head_has_no_say_about_a_label_it_does_not_know():
    seen = {"b": (Proposal("b", (12, 30), 0.9),)}
    assert mark_signals(POINTS, said(*ONE_POINT, opinion=seen), COMPACT)[0].score == pytest.approx(0.4)


def test_scores_go_to_the_marks_of_the_whole_answer_and_of_a_half_written_one():
    pieces = (
        ('[{"label":"a","bbox_2d":[[', 0.9),
        ("1", 1.0),
        (",2,30,40", 1.0),
        ("],[", 0.6),
        ("5,6,70,80", 1.0),
        ("]]},", 1.0),
        ('{"label":"b","bbox_2d":[]}]', 1.0),
    )
    whole = with_scores(parse(BOXES, "".join(t for t, _ in pieces)), BOXES, said(*pieces), COMPACT)
    half = partial_findings(BOXES, said(*pieces[:4]), COMPACT)
    assert [m.score for m in whole.marks] == [0.9, 0.6]
    assert [(m.label, m.shape.xyxy, m.score) for m in half.marks] == [("a", (1, 2, 30, 40), 0.9)]


def test_a_label_that_looks_like_a_shape_gets_no_score():
    question = Question(Task.POINTING, ("a [1,2]",))
    decoded = said(('[{"label":"a [1,2]","point_2d":[', 1.0), ("[", 0.7), ("12", 1.0), (",30]", 1.0), ("]}]", 1.0))
    assert [s.exists for s in mark_signals(question, decoded, COMPACT)] == [0.7]


def test_the_chance_of_more_is_that_of_the_branch_behind_the_last_mark_or_of_the_empty_list():
    pieces = (
        ('[{"label":"a","bbox_2d":', 1.0),
        ("[[", 0.9),
        ("1,2,30,40", 1.0),
        ("],[", 0.5),
        ("5,6,70,80", 1.0),
        ("]]},", 0.8),
        ('{"label":"b","bbox_2d":', 1.0),
        ("[]", 0.9),
        ("}]", 1.0),
    )
    decoded = said(*pieces, more={1: 0.9, 3: 0.5, 5: 0.2, 7: 0.1})
    assert chance_of_more(BOXES, decoded, COMPACT) == pytest.approx({"a": 0.2, "b": 0.1})


def test_where_no_list_tells_it_the_chance_of_more_is_unknown():
    counting = Question(Task.COUNTING, ("a",))
    assert chance_of_more(counting, said(('[{"label":"a","counts":3}]', 1.0)), COMPACT) == {}
    flat = said(('```json\n[{"point_2d": [1, 2], "label": "a"}]\n```', 1.0))
    assert chance_of_more(POINTS, flat, PAPER) == {}


def test_in_the_papers_flat_list_the_branch_and_the_label_both_count():
    pieces = (
        ("```json\n[", 1.0),
        ('{"', 0.9),
        ('point_2d": ', 1.0),
        ("[", 1.0),
        ("1", 0.7),
        (", 2", 1.0),
        ("],", 1.0),
        (' "label": "', 1.0),
        ("a", 0.8),
        ('"', 1.0),
        ("}, {", 0.6),
        ('"point_2d": [', 1.0),
        ("5", 1.0),
        (", 6", 1.0),
        ('], "label": "', 1.0),
        ("a", 0.5),
        ('"', 1.0),
        ("}]\n```", 1.0),
    )
    assert [s.exists for s in mark_signals(POINTS, said(*pieces), PAPER)] == pytest.approx([0.72, 0.3])


def test_the_embedded_models_scores_and_chances_of_more_are_probabilities(embedded, smears):
    answer = embedded.predict(smears[0][0], Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet")))
    assert all(0 <= m.score <= 1 for m in answer.findings.marks) and len({m.score for m in answer.findings.marks}) > 1
    assert set(answer.more) == {"red blood cell", "platelet"} and all(0 <= p <= 1 for p in answer.more.values())
