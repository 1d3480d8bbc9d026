"""What a model says where reviewed images show nothing is measured beside what serves, on negatives of the same kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reviewed_rows import make_row

from finetune.data.dataset import Row
from finetune.evaluate.compare import doubted
from finetune.evaluate.conformal import ENOUGH, choose_from_reviews, keep_thresholds
from finetune.evaluate.false_alarms import clean_pieces, false_alarms, zero_cases
from finetune.evaluate.metrics import ScoredAnswer
from pdc.domain.values import Box, Findings, Mark, Point, Question, Status, Task
from pdc.files import write_json
from pdc.inference.adapter_folder import MANIFEST, AdapterManifest, thresholds_of

CELL, PLATELET = "red blood cell", "platelet"
BOTH = Question(Task.COUNT_AND_BOX, (CELL, PLATELET))


def marks(*labels: str, score: float | None = 0.9, status: Status = Status.OPEN) -> Findings:
    boxes = [Box(40.0 * i, 0, 40.0 * i + 30, 30) for i in range(len(labels))]
    return Findings(
        tuple(Mark(f"m{i}", b, n, score=score, status=status) for i, (b, n) in enumerate(zip(boxes, labels, strict=True)))
    )


def case(name: str, true: Findings, said: Findings | None, question: Question = BOTH, group: str | None = None) -> ScoredAnswer:
    return ScoredAnswer(name, question, true, said, group or name)


@pytest.fixture
def row(tmp_path: Path) -> Row:
    return make_row(tmp_path / "a.png", [(10, 10, 40, 40, CELL), (200, 10, 230, 60, PLATELET)], wh=(240, 180))


def test_a_clean_piece_of_a_reviewed_image_lies_beside_every_mark(row: Row):
    (piece,) = clean_pieces([row])
    assert piece.view.window == (0, 60, 240, 180)
    assert piece.view.image().size == (240, 120)


def test_no_piece_is_cut_where_it_is_not_known_what_lies_beside_the_marks(row: Row):
    incomplete = replace(row, findings=replace(row.findings, complete=False))
    pointed = replace(row, question=Question(Task.POINTING, row.question.labels))
    points = replace(row, findings=Findings((*row.findings.marks, Mark("p", Point(100, 120), CELL))))
    empty = replace(row, findings=Findings())  # the whole image is a negative as it is
    assert clean_pieces([incomplete, pointed, points, empty]) == []


def test_a_doubtful_mark_is_no_place_for_a_clean_piece(row: Row):
    doubtful = Mark("d", Box(0, 100, 240, 120), CELL, status=Status.DOUBTFUL)
    (piece,) = clean_pieces([replace(row, findings=replace(row.findings, marks=(*row.findings.marks, doubtful)))])
    assert piece.view.window[1] >= 120 or piece.view.window[3] <= 100


def test_each_label_has_negatives_of_its_own_and_every_model_the_same():
    true = [marks(CELL), marks(), marks(CELL, PLATELET)]
    quiet = [case(f"{i}", t, marks(CELL)) for i, t in enumerate(true)]
    loud = [case(f"{i}", t, marks(CELL, PLATELET)) for i, t in enumerate(true)]
    found = false_alarms({"base": quiet, "candidate": loud})
    assert found[PLATELET].n == 2 and found[CELL].n == 1
    assert found[PLATELET].shares["base"].value == 0 and found[PLATELET].shares["candidate"].value == 1
    assert found[PLATELET].changes["base"].value == 1 and "candidate" not in found[PLATELET].changes
    assert found[CELL].changes["base"].value == 0


def test_a_label_left_doubtful_or_never_absent_has_no_negatives():
    unsure = case("1", marks(PLATELET, status=Status.DOUBTFUL), marks(PLATELET), Question(Task.COUNT_AND_BOX, (PLATELET,)))
    there = case("2", marks(PLATELET), marks(), Question(Task.COUNT_AND_BOX, (PLATELET,)))
    assert false_alarms({"candidate": [unsure, there]}) == {}


def test_doubtful_marks_of_a_model_are_no_alarms_and_counts_are():
    question = Question(Task.COUNTING, (CELL,))
    stated = [case("1", Findings(stated={CELL: 0}), Findings(stated={CELL: 2}), question)]
    assert false_alarms({"candidate": stated})[CELL].shares["candidate"].value == 1
    unsure = [case("1", marks(), marks(CELL, status=Status.DOUBTFUL))]
    assert false_alarms({"candidate": unsure})[CELL].shares["candidate"].value == 0


def test_saying_none_where_something_is_is_counted_an_unreadable_answer_too():
    true = [marks(CELL), marks(CELL), marks()]
    before = [case(f"{i}", t, marks(CELL)) for i, t in enumerate(true)]
    after = [case("0", true[0], marks()), case("1", true[1], None), case("2", true[2], marks())]
    found = zero_cases({"active": before, "candidate": after})
    assert found.n == 2 and found.shares["candidate"].value == 1 and found.changes["active"].value == 1
    assert zero_cases({"candidate": [case("2", marks(), marks())]}) is None


def test_images_of_one_patient_are_drawn_together():
    rng = np.random.default_rng(0)
    wrong = np.repeat(rng.random(10) < 0.5, 12)
    before = [case(f"{i}", marks(), marks(), group=f"g{i // 12}") for i in range(120)]
    after = [case(f"{i}", marks(), marks(CELL) if w else marks(), group=f"g{i // 12}") for i, w in enumerate(wrong)]
    grouped = false_alarms({"base": before, "candidate": after})[CELL]
    alone = false_alarms({"base": before, "candidate": [replace(c, group=c.image) for c in after]})[CELL]
    assert (grouped.groups, alone.groups) == (10, 120)
    widths = [f.changes["base"].high - f.changes["base"].low for f in (grouped, alone)]
    assert widths[0] > 2 * widths[1]


def test_a_label_with_enough_reviewed_images_gets_a_threshold_and_what_was_said_is_read_by_it():
    question = Question(Task.COUNT_AND_BOX, (CELL,))
    right = [case(f"{i}", marks(CELL), marks(CELL, score=0.8), question) for i in range(ENOUGH)]
    false = [case(f"n{i}", marks(), marks(CELL, score=0.3), question) for i in range(10)]
    chosen = choose_from_reviews([*right, *false])
    assert 0.3 < chosen[CELL].threshold <= 0.8 and chosen[CELL].n == ENOUGH and chosen[CELL].negatives == 10
    assert chosen[CELL].row.alarms == 0 and chosen[CELL].row.kept == 1
    read = doubted([*right, *false], {CELL: chosen[CELL].threshold})
    assert false_alarms({"candidate": read})[CELL].shares["candidate"].value == 0
    assert zero_cases({"candidate": read}).shares["candidate"].value == 0
    assert choose_from_reviews([*right[1:], *false]) == {}  # one image too few


def test_an_image_that_was_asked_twice_counts_once_among_the_reviews():
    question = Question(Task.COUNT_AND_BOX, (CELL,))
    half = [case(f"{i}", marks(CELL), marks(CELL, score=0.8), question) for i in range(ENOUGH // 2)]
    false = [case(f"n{i}", marks(), marks(CELL, score=0.3), question) for i in range(10)]
    assert choose_from_reviews([*half, *half, *false]) == {}


def test_thresholds_from_reviews_are_written_into_the_adapter_with_what_speaks_for_them(tmp_path: Path):
    written = AdapterManifest("one", "small", None, "compact-1", None, "d", {}, "2026-01-01T00:00:00+00:00", notes={"kept": "so"})
    write_json(tmp_path / MANIFEST, written.to_json())
    right = [case(f"{i}", marks(CELL), marks(CELL, score=0.8), Question(Task.COUNT_AND_BOX, (CELL,))) for i in range(ENOUGH)]
    false = [case(f"n{i}", marks(), marks(CELL, score=0.3), Question(Task.COUNT_AND_BOX, (CELL,))) for i in range(10)]
    said: list[str] = []
    keep_thresholds(tmp_path, choose_from_reviews([*right, *false]), said.append)
    found = AdapterManifest.read(tmp_path)
    assert thresholds_of(tmp_path) == {CELL: 0.31} == dict(found.thresholds)
    assert found.notes["kept"] == "so" and found.notes["thresholds"][CELL]["n"] == ENOUGH
    assert said == [f"Marks below these scores will be doubtful, as the held-out reviews say: {CELL} 0.31."]
    keep_thresholds(tmp_path, {}, said.append)
    assert len(said) == 1 and thresholds_of(tmp_path) == {CELL: 0.31}
