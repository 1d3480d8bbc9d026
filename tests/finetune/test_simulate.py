"""The played reader: what it counts as work, which images it takes next, and a whole small simulation."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from reviewed_rows import LABELS, make_row

from finetune.__main__ import main
from finetune.data.coco import read_coco
from finetune.data.drawings import write_rods
from finetune.data.replay import blank_images, drawn_rows, replay_rows
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.edits import correct_row, edits_of
from finetune.evaluate.metrics import ScoredAnswer
from finetune.experiments.curve import CurvePoint, summary
from finetune.experiments.simulate import Simulation, SimulationPlan, split_rows
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.files import write_json
from pdc.images.near_duplicates import hash_image, near_duplicate_pairs
from pdc.training.config import TrainConfig

ASK = Question(Task.COUNT_AND_BOX, LABELS)


def marks(*boxes: tuple[float, float, str]) -> Findings:
    """A 10 px box per (x, y, label)."""
    return Findings(tuple(Mark(f"m{i}", Box(x, y, x + 10, y + 10), n) for i, (x, y, n) in enumerate(boxes)))


CELL, PLATELET = LABELS


@pytest.mark.parametrize(
    ("predicted", "edits"),
    [
        (marks((0, 0, CELL), (50, 0, CELL)), 0),
        (marks((1, 0, CELL), (50, 1, CELL)), 0),  # near enough at an IoU of 0.5
        (marks((4, 0, CELL), (50, 0, CELL)), 2),  # too far: one to remove, one to add
        (marks((0, 0, CELL)), 1),
        (marks((0, 0, CELL), (50, 0, CELL), (90, 0, CELL)), 1),
        (marks((0, 0, PLATELET), (50, 0, CELL)), 1),  # to relabel
        (marks((0, 0, CELL), (1, 0, CELL), (50, 0, CELL)), 1),  # the same object twice
        (Findings(), 2),
        (None, 2),
    ],
)
def test_edits_are_what_a_reader_has_to_do(predicted, edits):
    assert edits_of(ScoredAnswer("a", ASK, marks((0, 0, CELL), (50, 0, CELL)), predicted), 0.5) == edits


def test_a_strict_reader_moves_what_another_leaves():
    case = ScoredAnswer("a", ASK, marks((0, 0, CELL)), marks((2, 0, CELL)))  # an IoU of 2/3
    assert (edits_of(case, 0.5), edits_of(case, 0.75)) == (0, 1)


def test_the_reader_leaves_the_truth():
    true = marks((0, 0, CELL), (50, 0, PLATELET))
    left = correct_row(marks((40, 40, CELL)), true, 0.5)
    assert [(m.shape, m.label) for m in left.marks] == [(m.shape, m.label) for m in true.marks]


def test_groups_stay_on_one_side(tmp_path):
    rows = [make_row(tmp_path / f"{i}.png", []) for i in range(12)]
    rows = [replace(r, group=f"patient {i // 3}") for i, r in enumerate(rows)]
    pool, held_out = split_rows(rows, 2)
    assert len(held_out) == 3 and not {r.group for r in pool} & {r.group for r in held_out}
    with pytest.raises(BadSetting, match="need 18 images; there are 12"):
        Simulation(rows, [], TrainConfig("model"), SimulationPlan(rounds=5, per_round=3, held_out=2), tmp_path)


@pytest.mark.slow
def test_replay_is_drawn_with_its_truth_and_has_blank_images(tmp_path):
    rows = drawn_rows(tmp_path / "replay", each=2, blanks=3)
    assert len(rows) == 9 and all(r.path.is_file() for r in rows)
    assert [len(r.findings.marks) for r in rows[-3:]] == [0, 0, 0] and len(rows[-1].question.labels) == 5
    assert {m.label for r in rows[:2] for m in r.findings.marks} <= {"red blood cell", "white blood cell", "platelet"}
    assert drawn_rows(tmp_path / "again", each=2, blanks=3)[0].findings == rows[0].findings
    assert replay_rows(None, tmp_path) == []
    with pytest.raises(BadSetting, match="replay_data is 'nowhere'"):
        replay_rows("nowhere", tmp_path)


def test_blank_images_go_from_black_to_white():
    levels = [int(image.mean()) for image in blank_images(4)]
    assert levels[0] == 0 and levels[-1] > 250 and levels == sorted(levels)


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1)


def test_the_summary_compares_orders_over_seeds():
    def point(order: str, seed: int, number: int, edits: float) -> CurvePoint:
        e = estimate(edits)
        return CurvePoint(order, seed, number, 10 * number, e, e, e, e, edits, e, estimate(-0.01), 1.0)

    ends = {("random", 1): 5.0, ("random", 2): 3.0, ("uncertainty", 1): 2.0}
    points = [point(o, s, n, 10.0 if n == 0 else end) for (o, s), end in ends.items() for n in (0, 1)]
    random, uncertain = summary(points).splitlines()
    assert "random order, 2 seed(s): 10.00 edits an image before, 4.00 after 10 corrected images (60 % fewer)" in random
    assert "(50 % more)" in summary([point("random", 1, 0, 10.0), point("random", 1, 1, 15.0)])
    assert "80 % fewer" in uncertain and "F1 on known kinds -1.0 points" in uncertain
    assert CurvePoint.from_json(json.loads(json.dumps(asdict(points[0])))) == points[0]


@pytest.fixture
def truth(tmp_path) -> Path:
    images, annotations = [], []
    for i in range(4):
        make_row(tmp_path / f"{i}.png", [(10, 5 + 6 * i, 30, 25 + 6 * i, CELL)])
        images.append({"id": i, "file_name": f"{i}.png", "width": 120, "height": 90})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [10, 5 + 6 * i, 20, 20]})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": CELL}]}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    return tmp_path / "coco.json"


def test_a_simulation_writes_its_curve_and_goes_on_where_it_was_killed(tmp_path, truth, model_folder, monkeypatch, capsys):
    monkeypatch.setenv("PDC_DEVICE", "cpu")
    out = tmp_path / "out"
    words = ["simulate", "--truth", str(truth), "--out", str(out), "--model", str(model_folder), "--seed", "7"]
    words += ["--per-round", "1", "--held-out", "1", "--known", "0", "--max-seconds", "2", "--replay", "0"]
    words += ["--quantization", "none"]
    assert main([*words, "--rounds", "1"]) == 0
    text = capsys.readouterr().out
    assert "edits an image before" in text and "known kinds F1" in text
    done = (out / "uncertainty-7" / "uncertainty-7-1" / "COMPLETE").stat().st_mtime_ns
    state = json.loads((out / "uncertainty-7" / "points.json").read_text())
    write_json(out / "uncertainty-7" / "points.json", {"points": state["points"][:1]})  # killed before it was measured
    assert main([*words, "--rounds", "1"]) == 0
    assert (out / "uncertainty-7" / "uncertainty-7-1" / "COMPLETE").stat().st_mtime_ns == done
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [(r["round"], r["corrected"], r["order"], r["seed"]) for r in rows] == [
        (str(n), str(n), "uncertainty", "7") for n in range(2)
    ]
    again = [{k: v for k, v in p.items() if k != "seconds"} for p in json.loads((out / "curve.json").read_text())["points"]]
    assert again == [{k: v for k, v in p.items() if k != "seconds"} for p in state["points"]]
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert main([*words, "--rounds", "1", "--lr", "0.1"]) == 1 and "other options" in capsys.readouterr().err


def test_rods_are_drawn_alike_each_time_with_a_box_for_each_and_no_two_alike(tmp_path):
    first, again = (write_rods(tmp_path / name, 30) for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    rows = read_coco(first, Task.COUNT_AND_BOX)
    assert len(rows) == 30 and all(row.question.labels == ("bacterium",) for row in rows)
    numbers = [len(row.findings.marks) for row in rows]
    assert min(numbers) >= 3 and max(numbers) > 14 and 6 < sum(numbers) / 30 < 14
    levels = [np.asarray(row.image()).mean() for row in rows]
    assert any(v < 90 for v in levels) and sum(v > 140 for v in levels) > 20
    hashes = {str(row.path): hash_image(row.path) for row in rows}
    assert all(a == b for a, b in near_duplicate_pairs(hashes, hashes))


def test_a_simulation_draws_its_own_truth(tmp_path, model_folder, monkeypatch, capsys):
    monkeypatch.setenv("PDC_DEVICE", "cpu")
    monkeypatch.setattr("finetune.data.drawings.RODS", 6)
    words = ["simulate", "--out", str(tmp_path / "out"), "--model", str(model_folder), "--truth"]
    assert main([*words, "drawn:rods", "--per-round", "100", "--held-out", "6"]) == 1
    assert "need 506 images; there are 6" in capsys.readouterr().err
    assert main([*words[:2], str(tmp_path / "other"), *words[3:], "drawn:worms"]) == 1
    assert "use drawn:rods or a COCO file" in capsys.readouterr().err
