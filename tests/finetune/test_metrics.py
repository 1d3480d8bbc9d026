from __future__ import annotations

import json

import numpy as np
import pytest

from finetune.evaluate.bootstrap import ratio, totals
from finetune.evaluate.metrics import Evaluation, ScoredAnswer, change, evaluate
from finetune.evaluate.tables import table
from pdc.domain.values import Box, Findings, Mark, Point, Question, Status, Task

CELLS = Question(Task.COUNT_AND_BOX, ("cell", "nucleus"))
DOTS = Question(Task.POINTING, ("dot",))
NUMBER = Question(Task.COUNTING, ("cell",))


def boxes(*at: float, label: str = "cell", size: float = 10) -> list[Mark]:
    return [Mark(f"{label}{i}", Box(x, 0, x + size, size), label) for i, x in enumerate(at)]


def found(*marks: Mark, **stated: int) -> Findings:
    return Findings(tuple(marks), stated)


def run(*cases: ScoredAnswer, **options) -> Evaluation:
    return evaluate(cases, model="m", adapter=None, **options)


def test_counts_matches_once_each():
    true = found(*boxes(0, 100))
    predicted = found(*boxes(0, 1, 300))  # the second box overlaps the same cell: it must not be rewarded
    s = run(ScoredAnswer("a", CELLS, true, predicted)).overall
    assert (s.true_marks, s.predicted_marks) == (2, 3)
    assert (s.precision.value, s.recall.value, s.f1.value) == (pytest.approx(1 / 3), 0.5, pytest.approx(0.4))


def test_matches_only_within_a_label():
    s = run(ScoredAnswer("a", CELLS, found(*boxes(0)), found(*boxes(0, label="nucleus")))).overall
    assert s.f1.value == 0
    assert s.count_mae.value == 1  # one cell too few, one nucleus too many, over two labels
    assert s.count_bias.value == 0


@pytest.mark.parametrize(("dx", "f1"), [(3.3, 1.0), (3.4, 0.0)])  # IoU of two 10 px boxes dx apart: (10-dx)/(10+dx)
def test_boxes_match_from_an_iou_of_one_half(dx, f1):
    assert run(ScoredAnswer("a", CELLS, found(*boxes(0)), found(*boxes(dx)))).overall.f1.value == f1


@pytest.mark.parametrize(("dx", "f1"), [(10.0, 1.0), (10.1, 0.0)])
def test_points_match_within_the_stated_distance(dx, f1):
    true, predicted = found(Mark("1", Point(50, 5), "dot")), found(Mark("1", Point(50 + dx, 5), "dot"))
    assert run(ScoredAnswer("a", DOTS, true, predicted)).overall.f1.value == f1


def test_rejected_marks_are_not_true():
    gone = Mark("2", Box(100, 0, 110, 10), "cell", status=Status.REJECTED)
    s = run(ScoredAnswer("a", CELLS, found(*boxes(0), gone), found(*boxes(0)))).overall
    assert s.true_marks == 1 and s.f1.value == 1 and s.count_mae.value == 0


def test_an_unreadable_answer_costs_recall_and_count_and_is_shown():
    two = found(*boxes(0, 50))
    s = run(ScoredAnswer("a", CELLS, two, None), ScoredAnswer("b", CELLS, two, two)).overall
    assert s.unreadable.value == 0.5 and s.recall.value == 0.5 and s.precision.value == 1
    assert s.count_mae.value == 0.5  # 2 missing cells over 2 images x 2 labels


def test_nothing_there_and_nothing_found_is_not_a_score():
    s = run(ScoredAnswer("a", CELLS, found(), found())).overall
    assert s.f1 is None and s.precision is None and s.recall is None
    assert s.count_mae.value == 0 and s.within_1.value == 1


def test_counting_is_scored_by_counts_alone():
    cases = [ScoredAnswer(str(i), NUMBER, found(cell=5), found(cell=5 + error)) for i, error in enumerate((0, 1, -3))]
    e = run(*cases)
    assert e.overall.f1 is None
    assert e.overall.count_mae.value == pytest.approx(4 / 3) and e.overall.count_bias.value == pytest.approx(-2 / 3)
    assert (e.score, e.score_name) == (pytest.approx(2 / 3), "counts within 1")


def test_slices_by_label_and_task():
    e = run(
        ScoredAnswer("a", CELLS, found(*boxes(0), *boxes(0, label="nucleus")), found(*boxes(0))),
        ScoredAnswer("a", NUMBER, found(cell=1), found(cell=4)),
    )
    assert e.n == 1 and e.overall.answers == 2
    assert e.labels["cell"].f1.value == 1 and e.labels["nucleus"].recall.value == 0
    assert e.labels["cell"].count_mae.value == 1.5 and e.labels["nucleus"].count_mae.value == 1
    assert set(e.tasks) == {"count_and_box", "counting"} and e.tasks["counting"].f1 is None


def test_interval_covers_the_truth_about_95_percent_of_the_time():
    """Images whose recall is 0.6 on average: the interval from 25 of them should hold 0.6 in nearly all repeats."""
    rng, held, repeats = np.random.default_rng(7), 0, 200
    for repeat in range(repeats):
        images = np.stack([rng.binomial(8, 0.6, 25), np.full(25, 8)], 1).astype(float)
        recall = ratio(images, totals(images, 300, repeat), lambda s: s[..., 0], lambda s: s[..., 1])
        held += recall.low <= 0.6 <= recall.high
    assert 0.88 <= held / repeats <= 0.99


def test_interval_draws_images_not_marks():
    """Two images, all right and all wrong: every draw of two images is 0, 1/2 or 1, whatever the number of marks."""
    many = found(*boxes(*range(0, 4000, 100)))
    r = run(ScoredAnswer("a", CELLS, many, many), ScoredAnswer("b", CELLS, many, found())).overall.recall
    assert (r.value, r.low, r.high) == (0.5, 0, 1)


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    many = [ScoredAnswer(str(i), CELLS, found(*boxes(0, 50, 90)), found(*boxes(*[0, 50, 90][: i % 4]))) for i in range(23)]
    assert run(*many, seed=3) == run(*many, seed=3)
    assert run(*many, seed=3).overall.f1 != run(*many, seed=4).overall.f1


def test_json_round_trip():
    e = run(ScoredAnswer("a", CELLS, found(*boxes(0)), found(*boxes(0, 50))), ScoredAnswer("b", NUMBER, found(cell=1), None))
    assert Evaluation.from_json(json.loads(json.dumps(e.to_json()))) == e


def test_no_cases_is_zero_images_not_a_crash():
    e = run()
    assert e.n == 0 and e.overall.f1 is None and e.overall.unreadable is None


def test_table_names_n_and_interval_of_every_slice():
    text = table({"base": run(ScoredAnswer("a", CELLS, found(*boxes(0)), found(*boxes(0))))})
    header, every, cell, nucleus, small, few, scores = text.splitlines()
    assert header.split()[:5] == ["model", "slice", "images", "groups", "marks"]
    assert every.split()[:5] == ["base", "all", "1", "-", "1"] and "1.00 [1.00, 1.00]" in every
    assert cell.split()[1] == "cell" and " - " in nucleus
    assert small.split()[1] == "small" and "1 to 5 objects" in few and scores.startswith("base: mAP 1.00")


def test_slices_by_size_and_density():
    true = found(*boxes(0, size=10), *boxes(200, size=200))
    predicted = found(*boxes(0, size=9), *boxes(600, size=150))  # the small one is found, the large one is elsewhere
    e = run(ScoredAnswer("a", CELLS, true, predicted), ScoredAnswer("b", CELLS, found(*boxes(*range(0, 300, 30))), found()))
    assert set(e.sizes) == {"small", "large"} and e.sizes["small"].true_marks == 11
    assert e.sizes["small"].precision.value == 1 and e.sizes["large"].f1.value == 0
    assert {name: s.images for name, s in e.densities.items()} == {"1 to 5": 1, "6 to 20": 1}


def test_a_box_is_of_its_partners_size():
    e = run(ScoredAnswer("a", CELLS, found(*boxes(0, size=31)), found(*boxes(0, size=34))))  # 34 px square is medium by itself
    assert set(e.sizes) == {"small"} and e.sizes["small"].f1.value == 1


def test_zero_case_is_saying_nothing_where_there_is_something():
    one = found(*boxes(0))
    nothing = ScoredAnswer("d", CELLS, found(), found())
    e = run(
        ScoredAnswer("a", CELLS, one, found()), ScoredAnswer("b", CELLS, one, None), ScoredAnswer("c", CELLS, one, one), nothing
    )
    assert e.overall.zero_case.value == pytest.approx(2 / 3)
    assert run(ScoredAnswer("d", CELLS, found(), found())).overall.zero_case is None


def test_squared_error_of_counts():
    e = run(*[ScoredAnswer(str(i), NUMBER, found(cell=5), found(cell=5 + error)) for i, error in enumerate((0, 1, -3))])
    assert e.overall.count_mse.value == pytest.approx(10 / 3)


def scored(x: float, score: float) -> Mark:
    return Mark(f"s{x}", Box(x, 0, x + 10, 10), "cell", score=score)


def test_average_precision_goes_by_the_models_own_scores():
    true = found(*boxes(0, 100))
    sure = found(scored(0, 0.9), scored(100, 0.8), scored(300, 0.1))  # the wrong one comes last
    unsure = found(scored(0, 0.1), scored(100, 0.2), scored(300, 0.9))
    first, last = run(ScoredAnswer("a", CELLS, true, sure)), run(ScoredAnswer("a", CELLS, true, unsure))
    assert first.map.value == pytest.approx(1) and last.map_50.value == pytest.approx(2 / 3, abs=0.01)
    assert first.overall.f1 == last.overall.f1


def full_field(n: int) -> Findings:
    return found(*[scored(20.0 * i, 0.9) for i in range(n)])


def test_perfect_answers_about_a_full_field_get_a_precision_of_1_and_the_limit_is_shown():
    """COCO itself looks at 100 detections: at that limit 150 objects, all found, would get 2/3."""
    e = run(ScoredAnswer("a", CELLS, full_field(150), full_field(150)))
    assert e.map.value == pytest.approx(1) and e.map_50.value == pytest.approx(1)
    assert e.max_detections == e.to_json()["max_detections"] == 1000
    assert "mAP looks at the 1000 surest boxes of an image and label" in table({"m": e}).splitlines()[-1]


def test_the_limit_of_an_older_measurement_is_cocos():
    value = run(ScoredAnswer("a", CELLS, full_field(3), full_field(3))).to_json()
    del value["max_detections"], value["groups"], value["overall"]["groups"]
    older = Evaluation.from_json(value)
    assert older.max_detections == 100 and older.groups is None
    assert "mAP looks at the 100 surest boxes" in table({"m": older})


def test_calibration_error_is_how_far_scores_are_from_being_right():
    true = found(*boxes(0, 100))
    e = run(ScoredAnswer("a", CELLS, true, found(scored(0, 0.95), scored(300, 0.95), scored(100, 0.5))))
    assert e.calibration_error.value == pytest.approx((abs(1 - 1.9) + abs(1 - 0.5)) / 3)
    assert run(ScoredAnswer("a", CELLS, true, found(*boxes(0)))).calibration_error is None


def test_change_is_paired():
    """Two models that are both bad on the same images differ surely, though each one's own interval is wide."""
    cases = {k: [] for k in ("before", "after")}
    for i in range(30):
        true = found(*boxes(*range(0, 400, 40)))
        hits = 10 * (i % 2) * 40
        cases["before"].append(ScoredAnswer(str(i), CELLS, true, found(*boxes(*range(0, max(hits - 40, 0), 40)))))
        cases["after"].append(ScoredAnswer(str(i), CELLS, true, found(*boxes(*range(0, hits, 40)))))
    moved = change(cases["before"], cases["after"])
    assert 0 < moved.low < moved.value < moved.high < 0.1
    own = evaluate(cases["after"], model="m", adapter=None).overall.f1
    assert own.high - own.low > 5 * (moved.high - moved.low)
    assert change(cases["after"], cases["after"]) == type(moved)(0, 0, 0)
    assert change([], []) is None


def test_change_of_counts_where_nothing_has_marks():
    true, wrong = found(cell=5), found(cell=9)
    cases = [ScoredAnswer(str(i), NUMBER, true, true) for i in range(4)]
    assert change(cases, [ScoredAnswer(c.image, NUMBER, true, wrong) for c in cases]).value == -1


def test_what_was_kept_by_an_older_version_is_still_read():
    value = run(ScoredAnswer("a", CELLS, found(*boxes(0)), found(*boxes(0)))).to_json()
    for name in ("sizes", "densities", "map", "map_50", "calibration_error"):
        del value[name]
    del value["overall"]["count_mse"], value["overall"]["zero_case"]
    assert Evaluation.from_json(value).overall.f1.value == 1
