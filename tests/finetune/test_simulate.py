"""The played reader: what it counts as work, which images it takes next, and a whole small simulation."""

from __future__ import annotations

import csv
import json

import pytest
from reviewed_rows import LABELS, make_row

from finetune.__main__ import main
from finetune.metrics import Case
from finetune.replay import blank_images, drawn, replay_rows
from finetune.simulate import Plan, corrected, edits_of, split, uncertainty
from pdc.domain import Box, Findings, Mark, Question, Task
from pdc.errors import BadSetting
from pdc.settings import EMBEDDED_MODEL

ASK = Question(Task.COUNT_AND_BOX, LABELS)


def marks(*boxes: tuple[float, float, str], score: float | None = None) -> Findings:
    """A 10 px box per (x, y, label)."""
    return Findings(tuple(Mark(f"m{i}", Box(x, y, x + 10, y + 10), n, score=score) for i, (x, y, n) in enumerate(boxes)))


CELL, PLATELET = LABELS


@pytest.mark.parametrize(("predicted", "edits"), [
    (marks((0, 0, CELL), (50, 0, CELL)), 0),
    (marks((1, 0, CELL), (50, 1, CELL)), 0),  # near enough at an IoU of 0.5
    (marks((4, 0, CELL), (50, 0, CELL)), 2),  # too far: one to remove, one to add
    (marks((0, 0, CELL)), 1),
    (marks((0, 0, CELL), (50, 0, CELL), (90, 0, CELL)), 1),
    (marks((0, 0, PLATELET), (50, 0, CELL)), 1),  # to relabel
    (marks((0, 0, CELL), (1, 0, CELL), (50, 0, CELL)), 1),  # the same object twice
    (Findings(), 2),
    (None, 2),
])
def test_edits_are_what_a_reader_has_to_do(predicted, edits):
    assert edits_of(Case("a", ASK, marks((0, 0, CELL), (50, 0, CELL)), predicted), 0.5) == edits


def test_a_strict_reader_moves_what_another_leaves():
    case = Case("a", ASK, marks((0, 0, CELL)), marks((2, 0, CELL)))  # an IoU of 2/3
    assert (edits_of(case, 0.5), edits_of(case, 0.75)) == (0, 1)


def test_the_reader_leaves_the_truth():
    true = marks((0, 0, CELL), (50, 0, PLATELET))
    left = corrected(marks((40, 40, CELL)), true, 0.5)
    assert [(m.shape, m.label) for m in left.marks] == [(m.shape, m.label) for m in true.marks]


def test_uncertainty_is_the_number_of_marks_expected_to_be_wrong():
    assert uncertainty(marks((0, 0, CELL), (9, 9, CELL), score=0.75)) == 0.5
    assert uncertainty(Findings()) == 0 and uncertainty(None) == float("inf")


def test_groups_stay_on_one_side(tmp_path):
    rows = [make_row(tmp_path / f"{i}.png", []) for i in range(12)]
    rows = [type(r)(r.path, r.width, r.height, f"patient {i // 3}", r.question, r.findings) for i, r in enumerate(rows)]
    pool, held_out = split(rows, Plan(rounds=2, per_round=3, held_out=2))
    assert len(held_out) == 3 and not {r.group for r in pool} & {r.group for r in held_out}
    with pytest.raises(BadSetting, match="need 18 images; there are 12"):
        split(rows, Plan(rounds=5, per_round=3, held_out=2))


def test_replay_is_drawn_with_its_truth_and_has_blank_images(tmp_path):
    rows = drawn(tmp_path / "replay", each=2, blanks=3)
    assert len(rows) == 9 and all(r.path.is_file() for r in rows)
    assert [len(r.findings.marks) for r in rows[-3:]] == [0, 0, 0] and len(rows[-1].question.labels) == 5
    assert {m.label for r in rows[:2] for m in r.findings.marks} <= {"red blood cell", "white blood cell", "platelet"}
    assert drawn(tmp_path / "again", each=2, blanks=3)[0].findings == rows[0].findings
    assert replay_rows(None, tmp_path) == []
    with pytest.raises(BadSetting, match="replay_data is 'nowhere'"):
        replay_rows("nowhere", tmp_path)


def test_blank_images_go_from_black_to_white():
    levels = [int(image.mean()) for image in blank_images(4)]
    assert levels[0] == 0 and levels[-1] > 250 and levels == sorted(levels)


def test_a_simulation_writes_its_curve(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PDC_DEVICE", "cpu")
    images, annotations = [], []
    for i in range(3):
        make_row(tmp_path / f"{i}.png", [(10, 5 + 6 * i, 30, 25 + 6 * i, CELL)])
        images.append({"id": i, "file_name": f"{i}.png", "width": 120, "height": 90})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [10, 5 + 6 * i, 20, 20]})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": CELL}]}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    out = tmp_path / "out"
    words = ["simulate", "--truth", str(tmp_path / "coco.json"), "--out", str(out), "--model", str(EMBEDDED_MODEL)]
    words += ["--rounds", "1", "--per-round", "1", "--held-out", "1", "--known", "0", "--max-seconds", "2"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "Edits per held-out image fell by" in text and "known kinds F1" in text
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [(r["round"], r["corrected"], r["order"]) for r in rows] == [("0", "0", "uncertainty"), ("1", "1", "uncertainty")]
    assert json.loads((out / "curve.json").read_text())["plan"]["per_round"] == 1
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert main(words) == 1 and "is not empty" in capsys.readouterr().err
