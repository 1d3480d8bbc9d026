"""P(count): the formula against a count of all cases, and what a reader is told of it."""

from __future__ import annotations

from itertools import product
from math import exp, prod

import pytest

from pdc.domain.certainty import logistic
from pdc.domain.certainty.counts import (
    CountModel,
    Worth,
    all_right,
    chances_now,
    count_chances,
    expected,
    span,
    total,
    worth,
    worth_of_all,
)
from pdc.domain.values import Box, Mark, Status

MODEL = CountModel(slope=1.0, offset=0.0, unlisted=1.0, missed=0.0)


def mark(score: float | None, label: str = "polyp", status: Status = Status.OPEN) -> Mark:
    return Mark(f"m{score}", Box(0, 0, 9, 9), label, status=status, score=score)


def test_the_distribution_is_that_of_all_cases_of_right_and_wrong_marks_and_of_what_was_missed():
    right, mean = (0.9, 0.4, 0.2), 0.3
    of = MODEL.distribution(right, mean)  # slope 1 and offset 0: a score is its probability
    for n in range(4):
        by_hand = sum(
            prod(p if there else 1 - p for p, there in zip(right, case, strict=True)) * poisson(n - sum(case), mean)
            for case in product((0, 1), repeat=3)
        )
        assert of[n] == pytest.approx(by_hand, abs=1e-4)
    assert sum(of.values()) == pytest.approx(1, abs=0.003) and expected(of) == pytest.approx(1.8, abs=0.02)


def poisson(n: int, mean: float) -> float:
    return exp(-mean) * mean**n / prod(range(1, n + 1)) if n >= 0 else 0.0


def test_spread_widens_what_was_missed_and_keeps_its_mean():
    narrow, wide = (CountModel(1.0, 0.0, 4.0, 0.0, spread).distribution((), 1.0) for spread in (0.0, 0.5))
    assert expected(narrow) == pytest.approx(4, abs=0.02) and expected(wide) == pytest.approx(4, abs=0.05)
    assert sum((n - 4) ** 2 * p for n, p in wide.items()) == pytest.approx(4 + 0.5 * 16, rel=0.1)


def test_doubtful_marks_are_in_the_distribution_so_that_hiding_them_changes_no_probability():
    shown, hidden = (
        count_chances([mark(0.3, status=s)], {"polyp": 0.0}, {"polyp": MODEL}) for s in (Status.OPEN, Status.DOUBTFUL)
    )
    assert shown == hidden == {"polyp": {0: 0.7, 1: 0.3}}
    assert worth(hidden["polyp"], 0) == Worth(0, 0.7, 0, 1) and worth(shown["polyp"], 1) == Worth(1, 0.3, 0, 1)


def test_nothing_is_known_without_a_model_without_the_lists_word_or_without_scores():
    assert count_chances([mark(0.3)], {"polyp": 0.0}, {}) == {}
    assert count_chances([mark(0.3)], {}, {"polyp": MODEL}) == {}
    assert count_chances([mark(None)], {"polyp": 0.0}, {"polyp": MODEL}) == {}
    assert all_right({}, {"polyp": {0: 0.9}}, ("polyp", "nucleus")) is None and all_right({}, {}, ()) is None
    assert worth_of_all({"polyp": {0: 0.9}}, {}, ("polyp", "nucleus")) is None


def test_many_marks_take_no_time_and_little_room():
    of = CountModel(2.0, 2.0, 1.0, 0.1, 0.2).distribution([0.6] * 1000, 0.5)
    assert len(of) < 500 and sum(of.values()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("said", "expected"), [(7, (6, 8)), (9, (6, 9)), (0, (0, 8))])
def test_the_range_is_the_narrowest_that_holds_the_said_count_and_ninety_percent(said, expected):
    assert span({5: 0.04, 6: 0.2, 7: 0.5, 8: 0.2, 9: 0.06}, said) == expected


def test_of_several_labels_the_sum_is_told_and_the_chance_that_each_is_right():
    chances = {"a": {2: 0.5, 3: 0.5}, "b": {0: 0.8, 1: 0.2}}
    assert total(chances.values()) == {2: 0.4, 3: 0.5, 4: 0.1}
    assert worth_of_all(chances, {"a": 3}, ("a", "b")) == Worth(3, 0.4, 2, 3)
    assert chances_now(chances, {"b": "a"}) == {"a": {2: 0.4, 3: 0.5, 4: 0.1}}
    assert chances_now(chances, {"b": "c"}) == {"a": chances["a"], "c": chances["b"]}


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (Worth(0, 0.93, 0, 0), ("93 % sure", "The model is 93 % sure of that.")),
        (Worth(0, 0.62, 0, 1), ("unsure, 62 %", "The model is not sure of that (62 %).")),
        (Worth(0, 0.9999, 0, 0), ("99 % sure", "The model is 99 % sure of that.")),
        (Worth(7, 0.3, 5, 9), ("5 to 9", "The model is not sure of that (30 %).")),
        (Worth(7, 0.95, 7, 7), ("95 % sure", "The model is 95 % sure of that.")),
    ],
)
def test_words_call_nothing_sure_below_ninety_percent(of: Worth, said: tuple[str, str]):
    assert (of.words, of.sentence) == said


@pytest.mark.parametrize("numbers", [(-1, 0, 0, 0), (1, 0, -1, 0), (1, float("nan"), 0, 0), (1, "0", 0, 0), (1, 0, 0, 0, -1)])
def test_a_model_of_impossible_numbers_is_refused(numbers):
    with pytest.raises(ValueError, match="finite numbers"):
        CountModel(*numbers)


def test_the_logistic_curve_is_found_again_and_never_falls():
    true = logistic.Logistic(1.5, -0.5)
    grid = [i / 50 for i in range(1, 50)]
    scored = [(s, k < round(200 * true.right(s))) for s in grid for k in range(200)]
    found = logistic.fit(scored)
    assert (found.slope, found.offset) == pytest.approx((1.5, -0.5), abs=0.05)
    falling = logistic.fit([(0.2, True)] * 50 + [(0.8, False)] * 50)
    assert falling.slope == 0 and falling.right(0.1) == falling.right(0.9)
