"""A threshold that keeps what it promises on images to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finetune.evaluate.conformal import DELTA, SHARE, STEPS, Seen, best_of, choose, conformal_rank, conformal_threshold, row_at
from pdc.domain.values import Box, Mark


def polyp(score: float | None = None, x: float = 10.0) -> Mark:
    return Mark(f"{x}", Box(x, 10, x + 50, 60), "polyp", score=score)


def found_at(*scores: float | None) -> list[Seen]:
    return [Seen((polyp(),), (polyp(s),)) for s in scores]


def alarms_at(*scores: float | None) -> list[Seen]:
    return [Seen((), (polyp(s),)) for s in scores]


def threshold(seen: list[Seen], **more) -> float:
    return choose(seen, "polyp", **more)[0].threshold


@pytest.mark.parametrize("n", [20, 60, 189])
def test_the_promise_holds_whatever_images_it_was_chosen_on(n: int):
    rng = np.random.default_rng(n)
    kept = [1 - conformal_threshold(rng.random(n)) for _ in range(2000)]  # of uniform scores, the share above the threshold
    assert np.mean(np.array(kept) >= SHARE) >= 1 - DELTA - 0.02


def test_a_higher_rank_would_break_it_and_few_images_promise_nothing():
    rank = conformal_rank(189)
    rng = np.random.default_rng(5)
    kept = [1 - np.sort(rng.random(189))[rank] for _ in range(2000)]
    assert np.mean(np.array(kept) >= SHARE) < 1 - DELTA
    assert [conformal_rank(n) for n in (0, 14, 15, 20)] == [0, 0, 1, 1]
    assert conformal_threshold([0.9] * 14) is None and conformal_threshold([0.0, *[0.9] * 14]) is None


def test_the_threshold_drops_false_alarms_as_long_as_enough_images_keep_their_mark():
    seen = found_at(*[0.6] * 58, 0.32, 0.32) + alarms_at(*[0.28] * 60)
    best, rows = choose(seen, "polyp")
    assert (best.threshold, best.row.alarms, best.row.kept) == (0.29, 0.0, 1.0)
    assert rows[0].alarms == 1.0 and rows[0].count == 1.0 and best.row.count == 0.0
    assert (best.n, best.negatives) == (60, 60) and best.most == 0.6
    assert best.to_json()["alarms"] == 0.0 and best.to_json()["share"] == SHARE


def test_a_threshold_that_would_hide_too_many_is_not_taken():
    assert threshold(found_at(*[0.2] * 12, *[0.6] * 48) + alarms_at(*[0.4] * 500)) <= 0.2


def test_where_too_many_are_missed_anyway_a_threshold_may_still_hide_marks_that_are_no_images_last():
    missed = [Seen((polyp(),), ())] * 12
    doubled = [Seen((polyp(),), (polyp(0.7), polyp(0.2, x=90.0)))] * 48
    best, rows = choose(missed + doubled, "polyp")
    assert best.most is None and best.row.kept == rows[0].kept == 0.8
    assert best.threshold == 0.21 and best.row.f1 > rows[0].f1


def test_the_promise_is_kept_on_other_images_by_themselves():
    frames, pieces = found_at(*[0.6] * 60), found_at(*[0.3] * 60)
    assert threshold(frames + alarms_at(*[0.4] * 60)) == 0.41
    assert threshold(frames + alarms_at(*[0.4] * 60), apart=[pieces]) <= 0.3
    assert choose(frames, "polyp", apart=[pieces[:5]])[0].most is None  # too few to promise anything


@pytest.mark.parametrize("shown", [0, 1, 14])
def test_alarms_alone_choose_no_threshold_for_a_label_that_hardly_any_image_shows(shown: int):
    best, _ = choose(found_at(*[0.9] * shown) + alarms_at(*[0.54] * 60), "polyp")
    assert (best.threshold, best.most, best.n, best.negatives) == (0.0, None, shown, 60)


def test_where_scores_tell_nothing_there_is_no_threshold():
    assert threshold(found_at(*[0.6] * 30)) == 0.0
    assert threshold(found_at(*[None] * 30) + alarms_at(None)) == 0.0


def test_few_alarms_come_before_the_count():
    quiet, loud = (
        replace(row_at(found_at(0.6), "polyp", t), alarms=a, count=c) for t, a, c in ((0.3, 0.1, 0.3), (0.2, 0.3, 0.1))
    )
    free = replace(loud, threshold=0.0, alarms=0.9, count=0.9)
    assert best_of([free, loud, quiet], 0.5).threshold == 0.3
    assert best_of([free, loud, quiet], 0.25).threshold == 0.2  # where no threshold is quiet enough, the count decides


def test_a_row_that_loses_f1_or_breaks_the_promise_is_never_chosen():
    free, other = (row_at(found_at(0.6), "polyp", t) for t in (0.0, 0.3))
    better = replace(other, count=0.0)
    assert best_of([replace(free, count=1.0), better], 0.3).threshold == 0.3
    assert best_of([replace(free, count=1.0), replace(better, f1=0.4)], 0.3).threshold == 0.0
    assert best_of([replace(free, count=1.0), better], 0.29).threshold == 0.0


def test_points_are_matched_by_distance():
    from pdc.domain.values import Point

    seen = [Seen((Mark("t", Point(5, 5), "cell"),), (Mark("f", Point(8, 5), "cell", score=0.5),))]
    assert row_at(seen, "cell", 0.0, 10.0).f1 == 1.0 and row_at(seen, "cell", 0.0).f1 == 0.0
    assert STEPS[0] == 0.0
