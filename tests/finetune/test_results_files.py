"""Result files of the paper's kind: what each odd answer counts as, for the paper's metrics and for the honest ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from finetune.__main__ import main
from finetune.evaluate.coco_map import Boxes, mean_average_precision
from finetune.evaluate.metrics import evaluate
from finetune.evaluate.paper_metrics import Sample, paper_scores, paper_table
from finetune.evaluate.results_files import read_results
from pdc.domain.errors import BadSetting
from pdc.domain.values import Task

BOX = 'Must output in json: [{"bbox_2d": [x1,y1,x2,y2], "label": b_lbl}]'


def fenced(value: object, fence: str = "json") -> str:
    return f"```{fence}\n{value if isinstance(value, str) else json.dumps(value)}\n```"


def line(truth: object, response: str, image: str = "a.png", words: str = "How many?") -> str:
    messages = [{"role": "user", "content": f"<image> {words}"}, {"role": "assistant", "content": response}]
    row = {
        "response": response,
        "labels": fenced(truth),
        "logprobs": None,
        "messages": messages,
        "images": [{"bytes": None, "path": image}],
    }
    return json.dumps(row)


@pytest.fixture
def write(tmp_path: Path):
    def file(*lines: str) -> Path:
        path = tmp_path / "results.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return file


TWO_BOXES = {"counts": 2, "bbox_2d": [[0, 0, 10, 10], [50, 50, 60, 60]], "label": "polyp"}
TWO_POINTS = {"counts": 2, "point_2d": [[5, 5], [50, 50]], "label": "polyp"}
COUNT = {"counts": 3, "label": "polyp"}


@pytest.mark.parametrize(
    ("truth", "response", "task", "shapes", "count", "readable"),
    [
        (COUNT, fenced(COUNT), "counting", 0, 3, True),
        (COUNT, fenced(COUNT, "JSON"), "counting", 0, 3, True),  # the fence in any case
        (COUNT, json.dumps(COUNT), "counting", 0, 0, True),  # no fence: the paper reads nothing
        (COUNT, fenced({"count": 3, "label": "polyp"}), "counting", 0, 3, True),  # any key with `count` in it
        (COUNT, fenced({"counts": "3", "label": "polyp"}), "counting", 0, 0, True),  # a number as text
        (COUNT, fenced({"counts": "three"}), "counting", 0, 0, False),
        (COUNT, fenced([{"bbox_2d": [0, 0, 1, 1]}, {"bbox_2d": [2, 2, 3, 3]}]), "counting", 0, 2, True),  # objects instead
        (COUNT, fenced([{"counts": 4}]), "counting", 0, 4, True),
        (COUNT, fenced([]), "counting", 0, 0, False),
        (COUNT, fenced([["x"]]), "counting", 0, 0, False),  # the published script stops here
        (COUNT, "There are three polyps.", "counting", 0, 0, False),
        (TWO_BOXES, fenced(TWO_BOXES), "count_and_box", 2, 2, True),
        (TWO_BOXES, fenced({**TWO_BOXES, "counts": 7}), "count_and_box", 2, 7, True),  # the stated count, not the shapes
        (
            TWO_BOXES,
            fenced({"count": 2, "bbox_2d": TWO_BOXES["bbox_2d"]}),
            "count_and_box",
            2,
            0,
            True,
        ),  # `count` is not `counts`
        (TWO_BOXES, fenced({**TWO_BOXES, "counts": "2"}), "count_and_box", 2, 0, True),
        (TWO_BOXES, fenced([{"bbox_2d": [0, 0, 10, 10]}, {"bbox_2d": [1, 2]}]), "count_and_box", 1, 2, True),  # its length
        (TWO_BOXES, fenced([[]]), "count_and_box", 0, 0, False),
        (TWO_BOXES, fenced([]), "count_and_box", 0, 0, True),
        (TWO_BOXES, fenced({"counts": 0, "bbox_2d": [[]], "label": "polyp"}), "count_and_box", 0, 0, True),
        (TWO_BOXES, fenced({"counts": 1, "bbox_2d": None}), "count_and_box", 0, 1, False),
        (TWO_BOXES, fenced({"counts": 3, "bbox_2d": [[0, 0, 9, 9], [1, 2, 3], "x", [1] * 5]}), "count_and_box", 1, 3, True),
        (
            TWO_BOXES,
            fenced('{"counts": 1, "bbox_2d": [[205.0, 131.0, 408.0, 306.0], "label": "x"}'),
            "count_and_box",
            0,
            0,
            False,
        ),
        (TWO_POINTS, fenced(TWO_POINTS), "cnt_and_point", 2, 2, True),
        (TWO_POINTS, fenced({"counts": 1, "point_2d": [5, 5]}), "cnt_and_point", 1, 1, True),
        ([{"point_2d": [1, 2]}], fenced([{"point_2d": [1, "2"]}, {"point_2d": [1e400, 2]}, {}, 7]), "pointing", 0, 4, False),
        ([{"point_2d": [1, 2], "label": "a"}], fenced({"point_2d": [3, 4]}), "pointing", 1, 0, True),  # one object alone
        ([{"bbox_2d": [4, 4, 9, 9], "label": "a"}], fenced([{"bbox_2d": [9, 9, 4, 4]}]), "bounding", 1, 1, True),  # inside out
    ],
)
def test_what_an_answer_counts_as(write, truth, response, task, shapes, count, readable):
    results = read_results(write(line(truth, response)))
    (sample,), (case,) = results.samples, results.cases
    assert sample.task is Task(task) and len(sample.predicted) == shapes
    if Task(task).states_count:
        assert sample.predicted_count == count
    assert (case.predicted is not None) == readable
    evaluate(results.cases, model="m", adapter=None), paper_scores(results.samples)  # nothing of it stops either


def test_lines_that_are_no_results_are_counted(write):
    good = line(COUNT, fenced(COUNT))
    results = read_results(write(good, "", "{", "[]", '{"labels": 7}', line("polyps, perhaps", fenced(COUNT))))
    assert len(results.samples) == 1 and results.skipped == 4
    with pytest.raises(BadSetting, match="holds no results"):
        read_results(write("{}"))
    with pytest.raises(BadSetting, match="cannot be read"):
        read_results(Path("nowhere.jsonl"))


def test_an_empty_truth_is_understood_from_the_question(write):
    (sample,) = read_results(write(line([], fenced([]), words=BOX))).samples
    assert sample.task is Task.BOUNDING


def sample(task: Task, true: list, predicted: list, counts=(0, 0), image="a") -> Sample:
    return Sample(image, task, tuple(map(tuple, true)), tuple(map(tuple, predicted)), *counts)


def test_point_metrics_by_hand():
    scores = paper_scores(
        [
            sample(Task.POINTING, [[0, 0], [100, 0]], [[3, 4], [0, 10], [100, 0]]),  # 5, 10 and 0 pixels off
            sample(Task.POINTING, [[0, 0]], [[0, 20]]),
            sample(Task.POINTING, [[0, 0]], []),
        ]
    )[Task.POINTING]
    assert scores.zero_case == 1 and scores.samples == 3 and scores.count_mae is None
    assert scores.point_mae.value == pytest.approx((5 + 20) / 2)
    assert scores.point_rmse.value == pytest.approx((math.sqrt(125 / 3) + 20) / 2)
    assert scores.matching_accuracy.value == pytest.approx((2 / 3 + 0) / 2)  # 10 pixels are not closer than 10


def test_a_true_point_may_be_matched_again_and_again():
    many = paper_scores([sample(Task.CNT_AND_POINT, [[0, 0], [500, 500]], [[0, 0]] * 9, (2, 9))])[Task.CNT_AND_POINT]
    assert many.matching_accuracy.value == 1 and many.point_mae.value == 0 and many.count_mse.value == 49


def test_count_metrics_are_over_all_samples():
    scores = paper_scores([sample(Task.COUNTING, [], [], c) for c in ((5, 5), (5, 0), (1, 4))])[Task.COUNTING]
    assert scores.count_mae.value == pytest.approx(8 / 3) and scores.count_mse.value == pytest.approx(34 / 3)
    assert scores.count_mae.low <= scores.count_mae.value <= scores.count_mae.high


def test_mean_best_iou_is_over_images_with_both_sides():
    scores = paper_scores(
        [
            sample(Task.BOUNDING, [[0, 0, 10, 10]], [[0, 0, 10, 10], [100, 100, 110, 110]]),  # 1 and 0
            sample(Task.BOUNDING, [[0, 0, 10, 10]], [[0, 0, 10, 5]]),
            sample(Task.BOUNDING, [[0, 0, 10, 10]], []),
            sample(Task.BOUNDING, [], [[0, 0, 1, 1]]),
        ]
    )[Task.BOUNDING]
    assert scores.iou.value == pytest.approx(0.5)


def test_map_counts_every_score_as_1():
    """Two of three boxes are right: with equal scores the order of the answer decides, as the published numbers do."""
    true = [[0, 0, 10, 10], [50, 50, 60, 60]]
    first = paper_scores([sample(Task.BOUNDING, true, [*true, [80, 80, 90, 90]])])[Task.BOUNDING]
    last = paper_scores([sample(Task.BOUNDING, true, [[80, 80, 90, 90], *true])])[Task.BOUNDING]
    assert first.map.value == pytest.approx(1) and last.map_50.value == pytest.approx(2 / 3, abs=0.01)


def average_precision(true: list[np.ndarray], predicted: list[np.ndarray], threshold: float) -> float:
    """COCO's 101-point AP for one class and equal scores, written straight down as a check on the library's use."""
    hits = []
    for t, p in zip(true, predicted, strict=True):
        free = list(range(len(t)))
        for box in p:
            overlaps = {j: overlap(box, t[j]) for j in free}
            best = max(overlaps, key=overlaps.get, default=None)
            hit = best is not None and overlaps[best] >= threshold
            hits.append(hit)
            if hit:
                free.remove(best)
    found = np.cumsum(hits)
    recall, precision = found / sum(map(len, true)), found / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([precision[i] if i < len(precision) else 0 for i in at]))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    both = sides.prod()
    return both / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both)


def test_map_is_cocos():
    rng = np.random.default_rng(5)
    corner = [rng.uniform(0, 400, (n, 2)) for n in rng.integers(1, 6, 20)]
    true = [np.concatenate([c, c + rng.uniform(20, 60, c.shape)], 1) for c in corner]
    predicted = [t + rng.normal(0, 4, t.shape) for t in true]
    found = mean_average_precision([Boxes.of(t) for t in true], [Boxes.of(p) for p in predicted])
    assert found.map_50.value == pytest.approx(average_precision(true, predicted, 0.5), abs=1e-6)
    every = [average_precision(true, predicted, t) for t in np.arange(0.5, 1, 0.05)]
    assert found.map.value == pytest.approx(np.mean(every), abs=1e-6)
    assert found.map.low < found.map.value < found.map.high


def test_score_prints_both_tables(write, capsys):
    path = write(line(TWO_BOXES, fenced(TWO_BOXES)), line(TWO_BOXES, "no", "b.png"), line(COUNT, fenced(COUNT)), "garbage")
    assert main(["score", str(path)]) == 0
    text = capsys.readouterr().out
    assert "zero_case" not in text and "map_50" in text and "count_mae" in text  # no task with points in this file
    assert "unreadable" in text and "3 answers" in text and "1 line" in text
    assert main(["score", str(path), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["paper"]["count_and_box"]["count_mae"]["value"] == 1 and value["honest"]["overall"]["unreadable"]["value"] > 0
    assert main(["score", str(path.with_name("nothing"))]) == 1


def test_the_papers_map_keeps_cocos_limit_and_says_so():
    shapes = [[20 * i, 0, 20 * i + 10, 10] for i in range(150)]
    scores = paper_scores([sample(Task.BOUNDING, shapes, shapes)])
    assert scores[Task.BOUNDING].map.value == pytest.approx(2 / 3, abs=0.01)
    assert paper_table(scores).splitlines()[-1] == "mAP looks at the 100 surest boxes of an image and label, as COCO does."


def test_paper_table_has_a_column_per_task():
    text = paper_table(paper_scores([sample(Task.COUNTING, [], [], (1, 1)), sample(Task.POINTING, [[1, 1]], [[1, 1]])]))
    assert text.splitlines()[0].split()[-2:] == ["pointing", "counting"] and "zero_case" in text
