"""Training windows: their side follows from the size of what was corrected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reviewed_rows import LABELS, make_row

from finetune.data.dataset import Examples, Row
from finetune.data.windows import TOKEN_PX, by_window, plan_windows, random_window, typical_size, views_of
from pdc.domain.geometry import iou
from pdc.domain.values import Box, Findings, Mark, Question, Status, Task
from pdc.inference.dense_head import DenseHead, Head
from pdc.inference.predictors.tiling import FULL, plan_by_window
from pdc.inference.qwen import Qwen

CELL, PLATELET = LABELS
WH = (600, 450)


@pytest.fixture
def headed(qwen) -> Qwen:
    """A model that sees as many pixels as the embedded one, with a dense head that knows some other label."""
    qwen.processor.image_processor.size = {"shortest_edge": 250**2, "longest_edge": 290**2}
    qwen.head = Head(DenseHead(qwen.model.config.text_config.hidden_size, 1), ("nucleus",))
    return qwen


def field(path: Path, side: int, number: int, wh=WH, label: str = CELL) -> Row:
    """Dark squares of one side on an even ground, on a grid and a little out of place."""
    from PIL import Image

    rng, columns = np.random.default_rng(number), int(np.ceil(number**0.5))
    step, pixels, marks = min(wh) // columns, np.full((wh[1], wh[0], 3), 200, np.uint8), []
    for i in range(number):
        x, y = (step * at + int(rng.integers(step - side)) for at in (i % columns, i // columns))
        pixels[y : y + side, x : x + side] = 60
        marks.append(Mark(f"m{i}", Box(x, y, x + side, y + side), label))
    Image.fromarray(pixels).save(path)
    return Row(path, wh[0], wh[1], path.stem, Question(Task.COUNT_AND_BOX, (label,)), Findings(tuple(marks)))


def squares(row: Row) -> list[Box]:
    return [m.shape for m in row.findings.marks if isinstance(m.shape, Box)]


def alone(row: Row, *labels: str) -> Row:
    return replace(row, question=replace(row.question, labels=labels))


def as_points(row: Row) -> Row:
    marks = tuple(replace(m, shape=m.shape.center) for m in row.findings.marks)
    return replace(row, question=replace(row.question, task=Task.CNT_AND_POINT), findings=Findings(marks))


@pytest.fixture
def small(tmp_path) -> Row:
    return field(tmp_path / "small.png", 12, 30)


def test_a_small_thing_gets_windows_in_which_it_covers_a_visual_token(small, tmp_path, headed):
    side = plan_windows([small], headed)[CELL]
    seen = headed.frame(round(side), round(side)).model_wh[0] / side * 12
    assert TOKEN_PX <= seen < 1.35 * TOKEN_PX
    twice = field(tmp_path / "twice.png", 24, 30, (1200, 900))
    assert plan_windows([twice], headed)[CELL] == pytest.approx(2 * side, rel=0.1)


def test_a_large_thing_keeps_its_look_at_the_whole_image(tmp_path, headed):
    assert plan_windows([field(tmp_path / "large.png", 110, 9)], headed) == {}


def test_a_model_that_enlarges_nothing_gets_no_windows(tmp_path, headed):
    headed.processor.image_processor.size = {"shortest_edge": 56**2, "longest_edge": 2000**2}
    assert plan_windows([field(tmp_path / "seen.png", 12, 20)], headed) == {}
    headed.processor.image_processor.size = {"shortest_edge": 56**2, "longest_edge": 300**2}
    assert plan_windows([field(tmp_path / "shrunk.png", 12, 20)], headed) != {}


def test_a_window_holds_no_more_than_a_look_lists_well(tmp_path, headed):
    crowded = field(tmp_path / "crowded.png", 80, 49, (700, 700))
    side = plan_windows([crowded], headed)[CELL]
    assert 0.9 * FULL <= 49 * side**2 / 700**2 <= FULL + 0.1


def test_labels_that_the_dense_head_proposes_keep_its_tiles(small, headed):
    assert headed.head is not None
    headed.head = replace(headed.head, labels=(CELL,))
    assert plan_windows([small], headed) == {} and by_window([small], {}) == [small]


def test_points_tell_the_size_by_the_blobs_under_them(tmp_path, headed):
    rows = [field(tmp_path / f"{side}.png", side, 30) for side in (10, 20)]
    sizes = [typical_size([as_points(row)], CELL) for row in rows]
    assert sizes[0] == pytest.approx(10, rel=0.4) and sizes[1] == pytest.approx(20, rel=0.4)
    assert CELL in plan_windows([as_points(rows[0])], headed)


def test_counts_alone_and_empty_reviews_tell_no_size(small, tmp_path, headed):
    empty = alone(make_row(tmp_path / "none.png", [], WH), CELL)
    counted = replace(empty, question=Question(Task.COUNTING, (CELL,)), findings=Findings((), {CELL: 9}))
    assert plan_windows([empty, counted], headed) == {}
    windows = plan_windows([small, empty, counted], headed)
    viewed = by_window([small, empty, counted], windows)
    assert [row.window for row in viewed] == [windows[CELL], windows[CELL], None]
    tiles = len(plan_by_window(WH, windows[CELL]))
    assert views_of(viewed[0]) == tiles > 12 and 1 <= views_of(viewed[1]) < tiles / 3 and views_of(viewed[2]) == 1


def test_a_row_of_a_small_and_a_large_label_is_learnt_in_two_views(tmp_path, headed):
    row = make_row(tmp_path / "both.png", [(5, 5, 15, 15, PLATELET), (200, 100, 330, 240, CELL)], WH)
    windows = plan_windows([row], headed)
    parts = by_window([row], windows)
    assert set(windows) == {PLATELET}
    assert {(p.question.labels, p.window is None, len(p.findings.marks)) for p in parts} == {
        ((CELL,), True, 1),
        ((PLATELET,), False, 1),
    }


def test_windows_of_a_parent_are_kept_while_the_size_is_much_the_same(small, headed):
    side = plan_windows([small], headed)[CELL]
    assert plan_windows([small], headed, {CELL: 1.1 * side}) == {CELL: 1.1 * side}
    assert plan_windows([small], headed, {CELL: 3 * side}) == {CELL: side}


def test_most_windows_show_objects_some_show_none_and_all_lie_in_the_image(small, headed):
    (row,) = by_window([small], plan_windows([small], headed))
    rng = np.random.default_rng(3)
    windows = [Box(*map(float, random_window(row, rng))) for _ in range(300)]
    assert all(w.x1 >= 0 and w.y1 >= 0 and w.x2 <= WH[0] and w.y2 <= WH[1] for w in windows)
    sides = [(w.area**0.5) / (row.window or 0) for w in windows]
    assert 0.7 < min(sides) < 0.9 and 1.1 < max(sides) < 1.4
    empty = [not any(iou(b, w) for b in squares(row)) for w in windows]
    assert 0.08 < np.mean(empty) < 0.3
    unsure = replace(row, findings=replace(row.findings, complete=False))
    shown = [Box(*map(float, random_window(unsure, rng))) for _ in range(100)]
    assert all(any(iou(b, w) for b in squares(row)) for w in shown)  # beyond its marks nobody looked


def test_a_window_with_a_doubtful_mark_is_not_taken_for_empty(small, headed):
    (row,) = by_window([small], plan_windows([small], headed))
    doubted = tuple(replace(m, status=Status.DOUBTFUL) for m in row.findings.marks[::4])
    row = replace(row, findings=replace(row.findings, marks=doubted))
    rng = np.random.default_rng(3)
    windows = [Box(*map(float, random_window(row, rng))) for _ in range(50)]
    assert not any(any(w.x1 <= m.shape.center.x < w.x2 and w.y1 <= m.shape.center.y < w.y2 for m in doubted) for w in windows)


def test_an_epoch_visits_a_frame_as_often_as_it_has_windows_and_shows_its_marks_there(small, tmp_path, headed):
    large = alone(make_row(tmp_path / "large.png", [(100, 100, 300, 300, PLATELET)], WH), PLATELET)
    viewed = by_window([small, large], plan_windows([small, large], headed))
    number = views_of(viewed[0])
    some = Examples(viewed, headed, length=number + 1, seed=2, augment=True, tasks={Task.BOUNDING: 1})
    visited = [some.row(i) for i in range(number + 1)]
    assert sum(row.path == small.path for row in visited) == number
    for i, row in enumerate(visited):
        image, wh, findings, _ = some._look(i, row)
        if row.window:
            assert max(wh) < 1.5 * row.window and abs(image.width - image.height) <= 2 * TOKEN_PX
            for mark in findings.marks:
                assert isinstance(mark.shape, Box) and 0.4 * 144 <= mark.shape.area <= 145
